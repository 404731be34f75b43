//! What is put before a message: trace fields, ids, and the key that names it across retries.
//!
//! Everything is prepended; of what came nothing is changed but the whole fields that
//! `removal` takes out. Not here: `Authentication-Results` of checks that were made, and the
//! refusal of messages (a first line that folds, mail loops), which the pipeline answers.

use std::net::IpAddr;
use std::time::SystemTime;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;

use crate::mail::body::Message;
use crate::mail::header::Header;
use crate::mail::{Envelope, Greeting, Host, Mailbox, ReversePath, Tls, TransactionId, address};

pub mod dedupe;
pub mod dsn;
mod keyword;
mod received;
mod removal;
#[cfg(test)]
mod tests;
pub mod token;

pub use keyword::keyword;

/// Which fields are stamped beside `Received`, which always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `Return-Path`, where delivery is final; those that came are removed.
    pub return_path: bool,
    /// `Message-ID`, where it is missing.
    pub message_id: bool,
    /// `Date`, where it is missing.
    pub date: bool,
}

/// All that is stamped on one delivery.
#[derive(Debug, Clone, Copy)]
pub struct Stamping<'a> {
    /// The gateway's public host name, in ASCII: `by`, the id's domain, our authserv-id.
    pub hostname: &'a str,
    /// The client's true address.
    pub client: IpAddr,
    /// Its name, where one was looked up and is forward-confirmed.
    pub client_name: Option<&'a str>,
    /// How it greeted.
    pub greeting: &'a Greeting,
    /// The TLS session, if there is one.
    pub tls: Option<&'a Tls>,
    /// Whether the client has authenticated (RFC 4954).
    pub authenticated: bool,
    /// The transaction.
    pub id: TransactionId,
    /// When the final dot was read.
    pub received_at: SystemTime,
    /// Who the message is from and for.
    pub envelope: &'a Envelope,
    /// The header section of the message as it was sent.
    pub header: &'a Header,
    /// What is stamped.
    pub options: Options,
    /// Further fields, each with its line end, behind all others.
    pub fields: &'a [u8],
}

/// A message that is ready for its backend.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// Fields put before the message, and an empty line where it has no header section.
    pub prefix: Bytes,
    /// The message, less the fields removed.
    pub message: Message,
    /// Its id without angle brackets, theirs or ours.
    pub message_id: Option<String>,
}

impl Stamping<'_> {
    /// Stamps the message whose header section is [`Self::header`].
    pub fn stamp(&self, message: &Message) -> Stamped {
        let removed = self.removed(message);
        // Where line ends are mixed, what stays of a header may not read as it did.
        let read_again = (removed.len() < message.len()).then(|| Header::read(&removed, self.hostname));
        let header = read_again.as_ref().unwrap_or(self.header);
        let mut prefix = Vec::with_capacity(512);
        if self.options.return_path {
            field(&mut prefix, "Return-Path", &format!("<{}>", self.reverse_path()));
        }
        received::write(&mut prefix, self);
        let mut message_id = header.message_id_text.clone();
        if header.message_id.is_none() && self.options.message_id {
            let id = format!("{}@{}", self.id, self.hostname);
            field(&mut prefix, "Message-ID", &format!("<{id}>"));
            message_id = Some(id);
        }
        if header.date.is_none() && self.options.date {
            field(&mut prefix, "Date", &date(self.received_at));
        }
        prefix.extend_from_slice(self.fields);
        if !header.start.has_section() {
            prefix.extend_from_slice(b"\r\n");
        }
        Stamped { prefix: prefix.into(), message: removed, message_id }
    }

    /// Without a header section there is nothing to remove: the empty line behind our prefix makes
    /// all of the message its body.
    fn removed(&self, message: &Message) -> Message {
        if !self.header.start.has_section() {
            return message.clone();
        }
        removal::remove(
            message,
            removal::Forged { return_path: self.options.return_path, authserv_id: self.hostname },
        )
    }

    fn reverse_path(&self) -> String {
        match &self.envelope.reverse_path {
            ReversePath::Null => String::new(),
            ReversePath::Mailbox(mailbox) => self.address(mailbox),
        }
    }

    /// A mailbox as it may stand in the header: in UTF-8 only when the message asked for
    /// SMTPUTF8 (RFC 6531 §3.7.3), else the domain in A-labels, and `?` for what is not ASCII.
    fn address(&self, mailbox: &Mailbox) -> String {
        if self.envelope.smtputf8 || mailbox.is_ascii() {
            return mailbox.to_string();
        }
        let domain = mailbox.host().as_str();
        let domain = a_labels(domain).unwrap_or_else(|| ascii(domain));
        format!("{}@{domain}", ascii(mailbox.local_part()))
    }
}

/// One short field on one line.
fn field(prefix: &mut Vec<u8>, name: &str, content: &str) {
    prefix.extend_from_slice(name.as_bytes());
    prefix.extend_from_slice(b": ");
    prefix.extend_from_slice(content.as_bytes());
    prefix.extend_from_slice(b"\r\n");
}

/// A domain in A-labels. IDNA maps look-alikes to ASCII, `（` to a parenthesis: what is no domain
/// afterwards is none.
fn a_labels(domain: &str) -> Option<String> {
    address::fold_domain(domain).filter(|folded| Host::parse(folded.as_bytes(), false).is_ok())
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// RFC 5322 §3.3, with the numeric zone of UTC.
fn date(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default().to_zoned_datetime(TimeZone::UTC);
    DateTimePrinter::new()
        .zoned_datetime_to_string(&time)
        .unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_owned())
}
