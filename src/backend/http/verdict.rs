//! What a backend says of a message in words of its own: the verdict document and `Mailchute-Reply`.
//!
//! Pure. What is not understood is an error, never a guess: a broken verdict is `451`, whatever
//! the status it came with.

use serde::Deserialize;

use crate::backend::delivery::Receipt;
use crate::backend::word::{CODES, Clean, enhanced};
use crate::mail::{Envelope, Mailbox};
use crate::smtp::reply::{Class, MAX_LINE, Reply};

#[cfg(test)]
mod tests;

/// The content type of the document: a proxy's error page never carries it.
pub(super) const CONTENT_TYPE: &str = "application/vnd.mailchute.verdict+json";

/// The version of the document that is spoken.
const VERSION: u64 = 1;
/// Octets of a queue id that are kept.
const MAX_QUEUE_ID: usize = 200;

/// What is said of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// The backend has it.
    Accept(Receipt),
    /// It does not.
    Refuse(Reply),
}

/// What is said of all recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// In the order of the envelope; `None` where neither `recipients` nor `reply` speaks of it,
    /// so that the status counts.
    pub(super) words: Vec<Option<Word>>,
    /// The backend's own name for the message.
    pub(super) queue_id: Option<String>,
}

/// Why a verdict can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("not the JSON of a verdict: {0}")]
    Json(String),
    #[error("a version that is not known")]
    Version,
    #[error("a code that is not allowed: {0}")]
    Code(u16),
    #[error("an action that is not known")]
    Action,
    #[error("action and code contradict each other")]
    Contradiction,
    #[error("an address that is not in the envelope")]
    Address,
    #[error("two verdicts on one address")]
    Twice,
    #[error("a Mailchute-Reply that is not a reply")]
    Header,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u64,
    reply: Option<WrittenReply>,
    #[serde(default)]
    recipients: Vec<Line>,
    queue_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenReply {
    code: u16,
    enhanced_code: Option<String>,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    address: String,
    action: String,
    code: Option<u16>,
    enhanced_code: Option<String>,
    text: Option<String>,
}

/// Reads a document. Fields that are not known are left alone: they belong to no known version.
pub(super) fn document(octets: &[u8], envelope: &Envelope) -> Result<Verdict, Unreadable> {
    // Fields that are left alone are not read, so what is no text at all would pass in them.
    let text = std::str::from_utf8(octets).map_err(|error| Unreadable::Json(error.to_string()))?;
    let document: Document =
        serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
    if document.version != VERSION {
        return Err(Unreadable::Version);
    }
    let clean = Clean { utf8: envelope.smtputf8 };
    let queue_id = document.queue_id.map(|id| clean.cut(&id, MAX_QUEUE_ID)).filter(|id| !id.is_empty());
    let general = document.reply.map(|reply| clean.reply(&reply, queue_id.as_ref())).transpose()?;
    let mut words: Vec<Option<Word>> = vec![None; envelope.recipients.len()];
    for line in document.recipients {
        let about = Addressee::parse(&line.address, envelope)?;
        let word = clean.line(&line, queue_id.as_ref())?;
        for (place, recipient) in words.iter_mut().zip(&envelope.recipients) {
            if !about.is(&recipient.rewritten) {
                continue;
            }
            if place.as_ref().is_some_and(|earlier| *earlier != word) {
                return Err(Unreadable::Twice);
            }
            *place = Some(word.clone());
        }
    }
    for place in &mut words {
        if place.is_none() {
            place.clone_from(&general);
        }
    }
    Ok(Verdict { words, queue_id })
}

/// Reads `Mailchute-Reply: 550 5.7.1 Not accepted here`; the enhanced code and the text may be
/// left out.
pub(super) fn header(value: &[u8], envelope: &Envelope) -> Result<Word, Unreadable> {
    let value = String::from_utf8_lossy(value);
    // RFC 9110 §5.5: around a value stand spaces and tabs, of Unicode's white space nothing else.
    let value = value.trim_matches([' ', '\t']);
    let (code, rest) = value.split_at_checked(3).ok_or(Unreadable::Header)?;
    if !code.bytes().all(|octet| octet.is_ascii_digit()) || !(rest.is_empty() || rest.starts_with(' ')) {
        return Err(Unreadable::Header);
    }
    let code = code.parse().map_err(|_| Unreadable::Header)?;
    let rest = rest.trim_start();
    let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let (enhanced, text) = if enhanced(first).is_some() { (Some(first), after) } else { (None, rest) };
    let text = Some(text.trim_start()).filter(|text| !text.is_empty());
    Clean { utf8: envelope.smtputf8 }.word(code, enhanced, text, None)
}

/// Whom a line is about: an address as it was told, or one that is the same to us.
struct Addressee {
    mailbox: Mailbox,
    exact: bool,
}

impl Addressee {
    /// A spelling that stands in the envelope means that recipient alone.
    fn parse(text: &str, envelope: &Envelope) -> Result<Self, Unreadable> {
        let mailbox = Mailbox::parse(text.as_bytes(), true).map_err(|_| Unreadable::Address)?;
        let recipients = || envelope.recipients.iter().map(|recipient| &recipient.rewritten);
        let exact = recipients().any(|recipient| *recipient == mailbox);
        let addressee = Self { mailbox, exact };
        if exact || recipients().any(|recipient| addressee.is(recipient)) {
            Ok(addressee)
        } else {
            Err(Unreadable::Address)
        }
    }

    fn is(&self, recipient: &Mailbox) -> bool {
        if self.exact {
            return self.mailbox == *recipient;
        }
        self.mailbox.key().is_some_and(|key| recipient.key() == Some(key))
    }
}

impl Clean {
    fn line(&self, line: &Line, queue_id: Option<&String>) -> Result<Word, Unreadable> {
        let (enhanced, text) = (line.enhanced_code.as_deref(), line.text.as_deref());
        let word = match (line.action.as_str(), line.code) {
            ("accept", code) => self.word(code.unwrap_or(250), enhanced, text, queue_id)?,
            ("reject", Some(code)) => self.word(code, enhanced, text, queue_id)?,
            _ => return Err(Unreadable::Action),
        };
        match (line.action.as_str(), &word) {
            ("accept", Word::Refuse(_)) | ("reject", Word::Accept(_)) => Err(Unreadable::Contradiction),
            _ => Ok(word),
        }
    }

    fn reply(&self, reply: &WrittenReply, queue_id: Option<&String>) -> Result<Word, Unreadable> {
        self.word(reply.code, reply.enhanced_code.as_deref(), reply.text.as_deref(), queue_id)
    }

    fn word(
        &self,
        code: u16,
        enhanced_code: Option<&str>,
        text: Option<&str>,
        queue_id: Option<&String>,
    ) -> Result<Word, Unreadable> {
        if !CODES.contains(&code) {
            return Err(Unreadable::Code(code));
        }
        let text = text.map(|text| self.cut(text, MAX_LINE));
        let agreed = enhanced_code.and_then(enhanced).filter(|(class, _)| *class == code / 100);
        let enhanced = agreed.map(|(_, enhanced)| enhanced);
        let reply =
            Reply::from_parts(code, enhanced, text.clone().unwrap_or_else(|| "Not accepted".to_owned()));
        let reply = reply.ok_or(Unreadable::Code(code))?;
        Ok(match reply.class() {
            Class::Positive => Word::Accept(Receipt { queue_id: queue_id.cloned(), text }),
            _ => Word::Refuse(reply),
        })
    }
}

/// Whether a Content-Type is that of the document; parameters don't matter (RFC 9110 §8.3.1).
pub(super) fn is_content_type(value: &[u8]) -> bool {
    let essence = value.split(|octet| *octet == b';').next().unwrap_or_default();
    String::from_utf8_lossy(essence).trim_matches([' ', '\t']).eq_ignore_ascii_case(CONTENT_TYPE)
}
