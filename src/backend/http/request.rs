//! The request: CloudEvents 1.0 in HTTP binary mode, authorization, Standard Webhooks signature.
//!
//! What is the same for every message of a backend is made once, in [`Template`]. An attribute's
//! value is the same as it would be in structured mode; the header holds it percent-encoded
//! (CloudEvents HTTP binding §3.1.3.2). `rcptto` is a list, so its addresses are encoded once
//! more, inside: see [`put_address`].

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use ring::hmac;

use super::body::Segments;
use super::header::{Values, put_encoded, put_text};
use crate::backend::delivery::{Delivery, SessionFacts};
use crate::client::http::Endpoint;
use crate::mail::envelope::GreetingName;
use crate::mail::{ForwardPath, Protocol, Recipient, ReversePath};
use crate::plan;

#[cfg(test)]
mod tests;

/// Octets of envelope headers unless told otherwise: with the other headers they stay under the
/// 8 KiB that the strictest of the common servers take.
pub const DEFAULT_ENVELOPE_OCTETS: usize = 6 * 1024;
/// RFC 5321 §4.5.3.1.2: octets of a domain. A greeting is not shown beyond it.
const MAX_GREETING: usize = 255;
/// Octets of a name that a client goes by: its host's, its certificate's, its user's.
const MAX_NAME: usize = 255;
/// RFC 5322 §2.1.1: octets of a line. A longer Message-ID is no event attribute.
const MAX_MESSAGE_ID: usize = 998;

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    CE_SPECVERSION = "ce-specversion";
    CE_TYPE = "ce-type";
    CE_SOURCE = "ce-source";
    CE_ID = "ce-id";
    CE_TIME = "ce-time";
    CE_MAILFROM = "ce-mailfrom";
    CE_RCPTTO = "ce-rcptto";
    CE_ORIGINALRCPTTO = "ce-originalrcptto";
    CE_DEDUPEKEY = "ce-dedupekey";
    CE_CLIENTIP = "ce-clientip";
    CE_CLIENTNAME = "ce-clientname";
    CE_HELO = "ce-helo";
    CE_PROTOCOL = "ce-protocol";
    CE_TLSVERSION = "ce-tlsversion";
    CE_TLSCIPHER = "ce-tlscipher";
    CE_TLSCLIENTIDENTITY = "ce-tlsclientidentity";
    CE_AUTHID = "ce-authid";
    CE_MESSAGEID = "ce-messageid";
    CE_BODYTYPE = "ce-bodytype";
    CE_SMTPUTF8 = "ce-smtputf8";
    CE_SIZE = "ce-size";
    CE_ROUTE = "ce-route";
    CE_DSNENVID = "ce-dsnenvid";
    CE_DSNRET = "ce-dsnret";
    CE_DSNNOTIFY = "ce-dsnnotify";
    CE_BOUNCETOKEN = "ce-bouncetoken";
    TRACEPARENT = "traceparent";
    IDEMPOTENCY_KEY = "idempotency-key";
    WEBHOOK_ID = "webhook-id";
    WEBHOOK_TIMESTAMP = "webhook-timestamp";
    WEBHOOK_SIGNATURE = "webhook-signature";
}

/// Headers of one request, at most.
const HEADERS: usize = 32;

/// What every request of a backend has.
pub(super) struct Template {
    endpoint: Endpoint,
    keys: Vec<hmac::Key>,
}

impl Template {
    /// Fails, in words, where the configuration can't stand in a request.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let keys = http.signing.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.reveal()));
        Ok(Self { endpoint: Endpoint::new(http)?, keys: keys.collect() })
    }

    /// All headers of a delivery's requests, signed at `now`: a retry sends the very same.
    pub(super) fn headers(&self, delivery: &Delivery, now: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        self.endpoint.insert_into(&mut headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("message/rfc822"));
        headers.insert(CE_SPECVERSION, HeaderValue::from_static("1.0"));
        headers.insert(CE_TYPE, HeaderValue::from_static("dev.mailchute.message.received.v1"));
        let mut values = Values::new();
        event(&mut values, delivery);
        values.add(TRACEPARENT, |out| out.push_str(&delivery.trace.traceparent()));
        values.add_display(IDEMPOTENCY_KEY, format_args!("\"{}\"", delivery.dedupe_key));
        values.add(WEBHOOK_ID, |out| out.push_str(&delivery.dedupe_key));
        if !self.keys.is_empty() {
            let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            values.add_display(WEBHOOK_TIMESTAMP, timestamp);
            values.add(WEBHOOK_SIGNATURE, |out| sign(&self.keys, delivery, timestamp, out));
        }
        values.insert_into(&mut headers);
        headers
    }

    /// One request.
    pub(super) fn request(&self, headers: HeaderMap, delivery: &Delivery) -> Request<Segments> {
        let mut request = Request::new(Segments::new(delivery.prefix.clone(), delivery.message.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.path.clone().into();
        *request.headers_mut() = headers;
        request
    }
}

/// The context attributes of the event, but those that never change.
fn event(values: &mut Values, delivery: &Delivery) {
    let (session, envelope) = (&delivery.session, &delivery.envelope);
    values.add_encoded(CE_SOURCE, &session.source);
    values.add_display(CE_ID, delivery.id);
    values.add_display(CE_TIME, format_args!("{:.3}", time(delivery.received_at)));
    values.add(CE_MAILFROM, |out| put_reverse_path(&envelope.reverse_path, out));
    values.add(CE_RCPTTO, |out| put_list(envelope.recipients.iter().map(rewritten), out));
    if envelope.recipients.iter().any(differs) {
        values.add(CE_ORIGINALRCPTTO, |out| put_list(envelope.recipients.iter().map(original), out));
    }
    values.add(CE_DEDUPEKEY, |out| out.push_str(&delivery.dedupe_key));
    values.add_display(CE_CLIENTIP, session.client.address.to_canonical());
    name(values, CE_CLIENTNAME, session.client_name.as_ref());
    values.add(CE_HELO, |out| put_greeting(session, out));
    values.add(CE_PROTOCOL, |out| out.push_str(protocol(session.greeting.protocol)));
    if let Some(tls) = &session.tls {
        values.add(CE_TLSVERSION, |out| out.push_str(tls.version));
        values.add(CE_TLSCIPHER, |out| out.push_str(tls.cipher));
        name(values, CE_TLSCLIENTIDENTITY, tls.client_identity.as_ref());
    }
    name(values, CE_AUTHID, session.login.as_ref());
    if let Some(id) = delivery.message_id.as_ref().filter(|id| id.len() <= MAX_MESSAGE_ID) {
        values.add_encoded(CE_MESSAGEID, id);
    }
    values.add(CE_BODYTYPE, |out| out.push_str(envelope.body_type.keyword()));
    values.add(CE_SMTPUTF8, |out| out.push_str(if envelope.smtputf8 { "true" } else { "false" }));
    values.add_display(CE_SIZE, delivery.len());
    values.add_encoded(CE_ROUTE, &delivery.route);
    if let Some(token) = &delivery.bounce_token {
        notifications(values, delivery, token);
    }
}

/// What the sender asks of notifications, and what it takes to send one.
fn notifications(values: &mut Values, delivery: &Delivery, token: &str) {
    let envelope = &delivery.envelope;
    if let Some(id) = &envelope.dsn.envelope_id {
        values.add_encoded(CE_DSNENVID, id);
    }
    if let Some(returned) = envelope.dsn.returned {
        values.add(CE_DSNRET, |out| out.push_str(returned.keyword()));
    }
    // NOTIFY has commas of its own, so it is semicolons that part recipients; empty where it was not given.
    let asked = || envelope.recipients.iter().map(|recipient| recipient.dsn.notify);
    if asked().any(|notify| notify.is_some()) {
        let words: Vec<String> =
            asked().map(|notify| notify.map_or_else(String::new, |n| n.to_string())).collect();
        values.add(CE_DSNNOTIFY, |out| out.push_str(&words.join(";")));
    }
    values.add(CE_BOUNCETOKEN, |out| out.push_str(token));
}

/// Who the client is, by one of its names. A part of a name may be another's: too long a one is left
/// out, and not cut.
fn name(values: &mut Values, header: HeaderName, name: Option<&Arc<str>>) {
    if let Some(name) = name.filter(|name| name.len() <= MAX_NAME) {
        values.add_encoded(header, name);
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

/// A name that is no host may hold anything: what is not UTF-8 becomes U+FFFD.
fn put_greeting(session: &SessionFacts, out: &mut String) {
    match &session.greeting.name {
        GreetingName::Host(host) => put_encoded(host.as_str(), out),
        GreetingName::Other(name) => {
            let name = &name[..name.len().min(MAX_GREETING)];
            put_text(&String::from_utf8_lossy(name), out);
        }
    }
}

fn put_reverse_path(path: &ReversePath, out: &mut String) {
    match path {
        ReversePath::Null => out.push_str("<>"),
        ReversePath::Mailbox(mailbox) => put_encoded(&mailbox.to_string(), out),
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
/// §3.3) nor one of `. @ [ ] :` is percent-encoded, so that a comma only ever parts addresses;
/// the whole is then encoded like any header value.
fn put_address(address: &str, out: &mut String) {
    let stays = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$&'*+-/=?^_`{|}~.@[]:".contains(c);
    if address.chars().all(|c| c.is_ascii() && stays(c)) {
        out.push_str(address);
        return;
    }
    let mut inner = String::with_capacity(2 * address.len());
    for c in address.chars() {
        if stays(c) {
            inner.push(c);
        } else {
            inner.push_str(&format!("%{:02X}", u32::from(c)));
        }
    }
    put_encoded(&inner, out);
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
    text.len()
}

/// Standard Webhooks §"Signature scheme": HMAC-SHA256 of `id.timestamp.body`, one per key.
fn sign(keys: &[hmac::Key], delivery: &Delivery, timestamp: u64, out: &mut String) {
    for (at, key) in keys.iter().enumerate() {
        let mut context = hmac::Context::with_key(key);
        context.update(format!("{}.{timestamp}.", delivery.dedupe_key).as_bytes());
        context.update(&delivery.prefix);
        for segment in delivery.message.segments() {
            context.update(segment);
        }
        out.push_str(if at == 0 { "v1," } else { " v1," });
        STANDARD.encode_string(context.sign(), out);
    }
}
