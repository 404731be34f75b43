//! One message that came in: the event's attributes and the octets, nothing of them changed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use mail_parser::MessageParser;

use super::event::{self, NotAnEvent};
use crate::pipeline::account::PIECE;

/// Characters of a subject. RFC 5322 §2.1.1 has no line of more than 998; decoded and unfolded, it could be all that a
/// message has.
const MAX_SUBJECT: usize = 1000;

/// A message as the inbox got it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// `ce-id`: the transaction, as the reply to the sender names it.
    pub id: String,
    /// `ce-time`, or when it came here.
    pub time: String,
    /// MAIL FROM; `<>` for the null reverse-path.
    pub mail_from: String,
    /// RCPT TOs, in order.
    pub rcpt_to: Vec<String>,
    /// The `Subject`, decoded (RFC 2047), its beginning where it is very long; empty where there is none.
    pub subject: String,
    /// Every attribute of the event without `ce-`, decoded.
    pub event: BTreeMap<String, String>,
    /// The other fields of the request, without what `Authorization` says.
    pub headers: Vec<(String, String)>,
    /// The body of the request.
    pub raw: Bytes,
}

impl Mail {
    /// Reads an event from the head of its request and the body.
    pub(super) fn read(headers: &HeaderMap, raw: Bytes, now: SystemTime) -> Result<Self, NotAnEvent> {
        let event = event::attributes(headers)?;
        let attribute = |name| event.get(name).cloned();
        let others = headers.iter().filter(|(name, _)| !name.as_str().starts_with("ce-"));
        Ok(Self {
            id: attribute("id").unwrap_or_default(),
            time: attribute("time").unwrap_or_else(|| timestamp(now)),
            mail_from: attribute("mailfrom").unwrap_or_default(),
            rcpt_to: event.get("rcptto").map(|joined| event::addresses(joined)).unwrap_or_default(),
            subject: subject(&raw),
            headers: others.map(|(name, value)| (name.to_string(), shown(name, value.as_bytes()))).collect(),
            event,
            raw,
        })
    }

    /// The key that is the same on every retry.
    pub(super) fn dedupe_key(&self) -> Option<&str> {
        self.event.get("dedupekey").map(String::as_str)
    }

    /// Octets that it holds beside the message, roughly.
    pub(super) fn cost(&self) -> usize {
        let field = |(name, value): (&String, &String)| 2 * PIECE + name.len() + value.len();
        let attributes: usize = self.event.iter().map(field).sum();
        let headers: usize = self.headers.iter().map(|(name, value)| field((name, value))).sum();
        let recipients: usize = self.rcpt_to.iter().map(|recipient| PIECE + recipient.len()).sum();
        self.id.len() + self.mail_from.len() + self.subject.len() + attributes + headers + recipients
    }
}

/// Invariant: no credential is shown.
fn shown(name: &HeaderName, value: &[u8]) -> String {
    if name == AUTHORIZATION { "(withheld)".to_owned() } else { String::from_utf8_lossy(value).into_owned() }
}

/// The subject of a message, decoded, as far as it stands in lists; its header fields have the whole.
pub(super) fn subject(raw: &[u8]) -> String {
    // No other field is parsed: with some of them a sender could keep the parser busy for long.
    let parser = MessageParser::new().header_text(mail_parser::HeaderName::Subject).default_header_ignore();
    let message = parser.parse_headers(raw);
    message.and_then(|message| message.subject().map(cut)).unwrap_or_default()
}

fn cut(subject: &str) -> String {
    match subject.char_indices().nth(MAX_SUBJECT) {
        Some((end, _)) => format!("{}…", &subject[..end]),
        None => subject.to_owned(),
    }
}

/// RFC 3339, to milliseconds.
pub(super) fn timestamp(now: SystemTime) -> String {
    jiff::Timestamp::try_from(now).map(|time| format!("{time:.3}")).unwrap_or_default()
}
