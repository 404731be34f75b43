//! The event of a delivery: CloudEvents 1.0 context attributes, each by its name and its value.
//!
//! A value is the same in every mode. How it is written is the mode's affair: headers percent-encode it,
//! JSON escapes it. `rcptto` is a list, so its addresses are encoded once more, inside: see
//! [`put_address`].

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderName;

use super::delivery::{Delivery, SessionFacts};
use crate::mail::envelope::GreetingName;
use crate::mail::{ForwardPath, Protocol, Recipient, ReversePath, SenderDsn};

/// Octets of envelope headers unless told otherwise: with the other headers they stay under the
/// 8 KiB that the strictest of the common servers take.
pub const DEFAULT_ENVELOPE_OCTETS: usize = 6 * 1024;
/// RFC 5321 §4.5.3.1.2: octets of a domain. A greeting is not shown beyond it.
const MAX_GREETING: usize = 255;
/// Octets of a name that a client goes by: its host's, its certificate's, its user's.
const MAX_NAME: usize = 255;
/// RFC 5322 §2.1.1: octets of a line. A longer Message-ID is no event attribute.
const MAX_MESSAGE_ID: usize = 998;

/// What comes before the name of an attribute where it is a header.
const PREFIX: &str = "ce-";
/// `specversion`.
pub(super) const SPECVERSION: &str = "1.0";
/// `type`.
pub(super) const TYPE: &str = "dev.mailchute.message.received.v1";
/// `datacontenttype`: the message as it came.
pub(super) const CONTENT_TYPE: &str = "message/rfc822";

macro_rules! attributes {
    ($($name:ident = $text:literal;)*) => {
        $(const $name: Attribute = Attribute(HeaderName::from_static($text));)*
    };
}

attributes! {
    SOURCE = "ce-source";
    ID = "ce-id";
    TIME = "ce-time";
    MAILFROM = "ce-mailfrom";
    RCPTTO = "ce-rcptto";
    ORIGINALRCPTTO = "ce-originalrcptto";
    DEDUPEKEY = "ce-dedupekey";
    CLIENTIP = "ce-clientip";
    CLIENTNAME = "ce-clientname";
    HELO = "ce-helo";
    PROTOCOL = "ce-protocol";
    TLSVERSION = "ce-tlsversion";
    TLSCIPHER = "ce-tlscipher";
    TLSCLIENTIDENTITY = "ce-tlsclientidentity";
    AUTHID = "ce-authid";
    MESSAGEID = "ce-messageid";
    BODYTYPE = "ce-bodytype";
    SMTPUTF8 = "ce-smtputf8";
    SIZE = "ce-size";
    ROUTE = "ce-route";
    DSNENVID = "ce-dsnenvid";
    DSNRET = "ce-dsnret";
    DSNNOTIFY = "ce-dsnnotify";
    BOUNCETOKEN = "ce-bouncetoken";
}

/// The name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute(HeaderName);

impl Attribute {
    /// As a header.
    pub(super) fn header(self) -> HeaderName {
        self.0
    }

    /// As a member of a JSON document.
    pub(super) fn member(&self) -> &str {
        self.0.as_str().strip_prefix(PREFIX).unwrap_or_default()
    }
}

/// The value of an attribute, by its type (CloudEvents §"Type System").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Any text without control characters.
    Text(&'a str),
    /// A number of octets.
    Integer(usize),
    /// True or false.
    Boolean(bool),
}

/// Tells `put` every attribute of the event but those that never change.
pub(super) fn attributes(delivery: &Delivery, put: impl FnMut(Attribute, Value<'_>)) {
    let (session, envelope) = (&delivery.session, &delivery.envelope);
    let mut event = Event { text: String::new(), put };
    event.text(SOURCE, &session.source);
    event.write(ID, |out| put_display(out, format_args!("{}", delivery.id)));
    event.write(TIME, |out| put_display(out, format_args!("{:.3}", time(delivery.received_at))));
    event.write(MAILFROM, |out| put_reverse_path(&envelope.reverse_path, out));
    event.write(RCPTTO, |out| put_list(envelope.recipients.iter().map(rewritten), out));
    if envelope.recipients.iter().any(differs) {
        event.write(ORIGINALRCPTTO, |out| put_list(envelope.recipients.iter().map(original), out));
    }
    event.text(DEDUPEKEY, &delivery.dedupe_key);
    event.write(CLIENTIP, |out| put_display(out, format_args!("{}", session.client.address.to_canonical())));
    event.name(CLIENTNAME, session.client_name.as_ref());
    event.write(HELO, |out| put_greeting(session, out));
    event.text(PROTOCOL, protocol(session.greeting.protocol));
    if let Some(tls) = &session.tls {
        event.text(TLSVERSION, tls.version);
        event.text(TLSCIPHER, tls.cipher);
        event.name(TLSCLIENTIDENTITY, tls.client_identity.as_ref());
    }
    event.name(AUTHID, session.login.as_ref());
    if let Some(id) = delivery.message_id.as_ref().filter(|id| id.len() <= MAX_MESSAGE_ID) {
        event.text(MESSAGEID, id);
    }
    event.text(BODYTYPE, envelope.body_type.keyword());
    (event.put)(SMTPUTF8, Value::Boolean(envelope.smtputf8));
    (event.put)(SIZE, Value::Integer(delivery.len()));
    event.text(ROUTE, &delivery.route);
    if let Some(token) = &delivery.bounce_token {
        notifications(&mut event, &envelope.dsn, &envelope.recipients);
        event.text(BOUNCETOKEN, token);
    }
}

/// What the sender asks of notifications.
fn notifications<P: FnMut(Attribute, Value<'_>)>(
    event: &mut Event<P>,
    sender: &SenderDsn,
    recipients: &[Recipient],
) {
    if let Some(id) = &sender.envelope_id {
        event.text(DSNENVID, id);
    }
    if let Some(returned) = sender.returned {
        event.text(DSNRET, returned.keyword());
    }
    let asked = || recipients.iter().map(|recipient| recipient.dsn.notify);
    if asked().any(|notify| notify.is_some()) {
        // NOTIFY has commas of its own, so it is semicolons that part recipients; empty where it was not given.
        let words: Vec<String> =
            asked().map(|notify| notify.map_or_else(String::new, |n| n.to_string())).collect();
        event.text(DSNNOTIFY, &words.join(";"));
    }
}

/// An event on its way to what writes it.
struct Event<P> {
    /// The value at hand, where it has to be put together.
    text: String,
    put: P,
}

impl<P: FnMut(Attribute, Value<'_>)> Event<P> {
    /// Any text: control characters, which no attribute may hold, become U+FFFD.
    fn text(&mut self, name: Attribute, value: &str) {
        if value.contains(char::is_control) {
            let value = value.replace(char::is_control, "\u{fffd}");
            (self.put)(name, Value::Text(&value));
        } else {
            (self.put)(name, Value::Text(value));
        }
    }

    /// A text that `write` puts together, without control characters.
    fn write(&mut self, name: Attribute, write: impl FnOnce(&mut String)) {
        self.text.clear();
        write(&mut self.text);
        (self.put)(name, Value::Text(&self.text));
    }

    /// Who the client is, by one of its names. A part of a name may be another's: too long a one is left
    /// out, and not cut.
    fn name(&mut self, attribute: Attribute, name: Option<&Arc<str>>) {
        if let Some(name) = name.filter(|name| name.len() <= MAX_NAME) {
            self.text(attribute, name);
        }
    }
}

/// As greeted: TLS, authentication and SMTPUTF8 are attributes of their own.
fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "SMTP",
        Protocol::Esmtp => "ESMTP",
        Protocol::Lmtp => "LMTP",
    }
}

fn time(at: SystemTime) -> jiff::Timestamp {
    jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn put_display(out: &mut String, value: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    out.write_fmt(value).unwrap_or_default();
}

/// A name that is no host may hold anything: what is not UTF-8, or no letter, becomes U+FFFD.
fn put_greeting(session: &SessionFacts, out: &mut String) {
    match &session.greeting.name {
        GreetingName::Host(host) => out.push_str(host.as_str()),
        GreetingName::Other(name) => {
            let name = &name[..name.len().min(MAX_GREETING)];
            let name = String::from_utf8_lossy(name);
            out.extend(name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        }
    }
}

fn put_reverse_path(path: &ReversePath, out: &mut String) {
    match path {
        ReversePath::Null => out.push_str("<>"),
        ReversePath::Mailbox(mailbox) => put_display(out, format_args!("{mailbox}")),
    }
}

fn rewritten(recipient: &Recipient) -> String {
    recipient.rewritten.to_string()
}

fn original(recipient: &Recipient) -> String {
    recipient.original.to_string()
}

fn differs(recipient: &Recipient) -> bool {
    match &recipient.original {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => *mailbox != recipient.rewritten,
    }
}

fn put_list(addresses: impl Iterator<Item = String>, out: &mut String) {
    for (at, address) in addresses.enumerate() {
        if at > 0 {
            out.push(',');
        }
        put_address(&address, out);
    }
}

/// One address of a list. Inside it `%` and what is neither atext (RFC 5322 §3.2.3, RFC 6531
/// §3.3) nor one of `. @ [ ] :` is percent-encoded, so that a comma only ever parts addresses.
fn put_address(address: &str, out: &mut String) {
    let stays = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$&'*+-/=?^_`{|}~.@[]:".contains(c);
    for c in address.chars() {
        if stays(c) {
            out.push(c);
        } else {
            put_display(out, format_args!("%{:02X}", u32::from(c)));
        }
    }
}

/// Octets that the envelope takes in headers, were it this one.
///
/// Asked before a recipient is accepted: beyond the cap it is answered `452 4.5.3`.
pub fn envelope_octets<'a>(
    reverse_path: &ReversePath,
    recipients: impl Iterator<Item = &'a Recipient> + Clone,
) -> usize {
    let mut text = String::new();
    put_reverse_path(reverse_path, &mut text);
    put_list(recipients.clone().map(rewritten), &mut text);
    if recipients.clone().any(differs) {
        put_list(recipients.map(original), &mut text);
    }
    encoded_len(&text)
}

/// Octets of a value in a header.
fn encoded_len(value: &str) -> usize {
    value.bytes().map(|octet| if stays(octet) { 1 } else { 3 }).sum()
}

/// CloudEvents HTTP binding §3.1.3.2, and NATS binding §3.1.3.2: space, `"`, `%` and all outside
/// U+0021–U+007E are percent-encoded, each octet of their UTF-8.
pub(super) fn put_encoded(value: &str, out: &mut String) {
    put_percent(value, stays, out);
}

fn stays(octet: u8) -> bool {
    matches!(octet, 0x21..=0x7e) && octet != b'"' && octet != b'%'
}

/// Writes a text, percent-encoding each octet that may not stay.
pub(super) fn put_percent(value: &str, stays: impl Fn(u8) -> bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if value.bytes().all(&stays) {
        out.push_str(value);
        return;
    }
    for octet in value.bytes() {
        if stays(octet) {
            out.push(char::from(octet));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(octet >> 4)]));
            out.push(char::from(HEX[usize::from(octet & 15)]));
        }
    }
}
