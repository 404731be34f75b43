//! An answer: read within bounds, and what it means for each recipient.
//!
//! | answer | outcome |
//! | --- | --- |
//! | of the verdict's type | as the document says; unreadable: [`Cause::Failed`], whatever the status |
//! | with `Mailchute-Reply` | as it says; malformed: [`Cause::Failed`] |
//! | `2xx` | receipt, once the body ended as framed or 64 KiB of it were read |
//! | `429`, `503` | [`Cause::Busy`] |
//! | other `5xx` | [`Cause::Failed`] |
//! | `3xx`, other `4xx` | [`Cause::Misconfigured`] |
//!
//! `responses:` of the backend gives a status that is not `2xx` a reply; the cause stays.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::body::Segments;
use super::verdict::{self, Unreadable, Verdict, Word};
use crate::backend::delivery::{Cause, Failure, Outcome, Receipt};
use crate::client::circuit::Health;
use crate::client::http::Arriving;
use crate::mail::Envelope;
use crate::smtp::reply::{Class, Reply};

#[cfg(test)]
mod tests;

/// Octets of a body that are read: of a verdict all must fit, of others so many are enough.
const MAX_BODY: usize = 64 * 1024;
/// How long a body is read that says nothing, for its connection's sake.
const DRAIN: Duration = Duration::from_secs(1);
/// Octets of a body that are shown.
const EXCERPT: usize = 1024;
/// The header that is a verdict.
const REPLY_HEADER: &str = "mailchute-reply";

/// An answer as far as it was read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What was read, where it is a verdict; else empty, or its [excerpt](Excerpt).
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

/// Whether the first octets of a body that is no verdict are kept, for people to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excerpt {
    Kept,
    Dropped,
}

/// How the body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As framed.
    Framed,
    /// Not yet, but as much was read as is read at all.
    Enough,
    /// By a broken connection or framing.
    Broken(String),
    /// Not in time.
    TooLate,
}

/// What an answer comes to.
#[derive(Debug)]
pub(crate) struct Meaning {
    /// One for each recipient.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) health: Health,
    /// Whether the same request may be sent again.
    pub(crate) again: bool,
}

impl Answer {
    /// Reads the body. Where only the status matters it is not waited for long.
    pub(super) async fn read(mut arriving: Arriving<Segments>, excerpt: Excerpt, deadline: Instant) -> Self {
        let headers = arriving.headers.clone();
        let mut answer = Self { status: arriving.status, headers, body: Vec::new(), end: End::Framed };
        if arriving.is_end() {
            arriving.finish().await;
            return answer;
        }
        let matters = answer.status.is_success() || answer.is_document() || answer.has_reply_header();
        let deadline = if matters { deadline } else { deadline.min(Instant::now() + DRAIN) };
        let end = timeout_at(deadline, answer.read_body(&mut arriving, excerpt)).await;
        answer.end = end.unwrap_or(End::TooLate);
        if answer.end == End::Framed {
            arriving.finish().await;
        }
        answer
    }

    async fn read_body(&mut self, arriving: &mut Arriving<Segments>, excerpt: Excerpt) -> End {
        let document = self.is_document();
        let mut read = 0;
        while let Some(data) = arriving.data().await {
            let data = match data {
                Ok(data) => data,
                Err(error) => return End::Broken(error),
            };
            read += data.len();
            if read > MAX_BODY || (read == MAX_BODY && !document) {
                return End::Enough;
            }
            if document {
                self.body.extend_from_slice(&data);
            } else if excerpt == Excerpt::Kept {
                let room = EXCERPT - self.body.len();
                self.body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        End::Framed
    }

    /// What it says, for people.
    pub(super) fn shown(&self) -> String {
        let mut shown = format!("HTTP {}", self.status);
        for value in self.headers.get_all(REPLY_HEADER) {
            let value = String::from_utf8_lossy(value.as_bytes());
            shown.extend(["\nMailchute-Reply: ", value.trim()]);
        }
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(EXCERPT)]);
        if !body.trim().is_empty() {
            shown.extend(["\n", body.trim()]);
        }
        match &self.end {
            End::Framed | End::Enough => {}
            End::Broken(error) => shown.push_str(&format!("\n(it breaks off: {error})")),
            End::TooLate => shown.push_str("\n(the rest did not come in time)"),
        }
        shown
    }

    /// What it means.
    pub(crate) fn meaning(
        &self,
        envelope: &Envelope,
        responses: &BTreeMap<u16, Reply>,
        now: SystemTime,
    ) -> Meaning {
        let all = |outcome: Outcome| vec![outcome; envelope.recipients.len()];
        if self.is_document() {
            return match self.document(envelope) {
                Ok(verdict) => self.spoken(verdict, responses),
                Err(failure) => self.failed(all(Err(failure)), now),
            };
        }
        if self.has_reply_header() {
            return match self.reply_header(envelope) {
                Ok(outcome) => Meaning { outcomes: all(outcome), health: Health::Alive, again: false },
                Err(failure) => self.failed(all(Err(failure)), now),
            };
        }
        match self.by_status(responses, None) {
            Ok(receipt) => match self.incomplete() {
                None => Meaning { outcomes: all(Ok(receipt)), health: Health::Alive, again: false },
                Some(failure) => self.failed(all(Err(failure)), now),
            },
            Err(failure) => {
                let again = matches!(self.status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE);
                Meaning { again, ..self.failed(all(Err(failure)), now) }
            }
        }
    }

    /// A readable document: each recipient that it leaves out takes the status.
    fn spoken(&self, verdict: Verdict, responses: &BTreeMap<u16, Reply>) -> Meaning {
        let status = || self.by_status(responses, verdict.queue_id.clone());
        let outcomes = verdict.words.into_iter().map(|word| word.map_or_else(status, outcome)).collect();
        Meaning { outcomes, health: Health::Alive, again: false }
    }

    /// Nothing was confirmed: reset, timeout and `5xx` speak against the backend, others don't.
    fn failed(&self, outcomes: Vec<Outcome>, now: SystemTime) -> Meaning {
        let broken = matches!(&outcomes[..], [Err(failure), ..] if matches!(failure.cause, Cause::Reset | Cause::Timeout));
        let health = if broken || self.status.is_server_error() {
            Health::Down { retry_after: retry_after(&self.headers, now) }
        } else {
            Health::Alive
        };
        Meaning { outcomes, health, again: false }
    }

    fn document(&self, envelope: &Envelope) -> Result<Verdict, Failure> {
        match &self.end {
            End::Framed => verdict::document(&self.body, envelope).map_err(|error| unreadable(&error)),
            End::Enough => Err(failure(Cause::Failed, "a verdict over 64 KiB".to_owned())),
            End::Broken(error) => Err(failure(Cause::Failed, format!("half a verdict: {error}"))),
            End::TooLate => Err(failure(Cause::Timeout, "half a verdict in time".to_owned())),
        }
    }

    /// What is accepted, and whatever comes with a `2xx`, counts only once the answer is complete.
    fn reply_header(&self, envelope: &Envelope) -> Result<Outcome, Failure> {
        let mut values = self.headers.get_all(REPLY_HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(unreadable(&Unreadable::Header));
        };
        let word = verdict::header(value.as_bytes(), envelope).map_err(|error| unreadable(&error))?;
        let needs_all = self.status.is_success() || matches!(word, Word::Accept(_));
        match self.incomplete().filter(|_| needs_all) {
            Some(failure) => Err(failure),
            None => Ok(outcome(word)),
        }
    }

    fn incomplete(&self) -> Option<Failure> {
        match &self.end {
            End::Framed | End::Enough => None,
            End::Broken(error) => Some(failure(Cause::Reset, format!("half an answer: {error}"))),
            End::TooLate => Some(failure(Cause::Timeout, "half an answer in time".to_owned())),
        }
    }

    fn by_status(&self, responses: &BTreeMap<u16, Reply>, queue_id: Option<String>) -> Outcome {
        if self.status.is_success() {
            return Ok(Receipt { queue_id, text: None, notifies: false });
        }
        let cause = match self.status.as_u16() {
            429 | 503 => Cause::Busy,
            300..500 => Cause::Misconfigured,
            _ => Cause::Failed,
        };
        // Only a 2xx confirms: a mapped one could not.
        let reply = responses.get(&self.status.as_u16()).filter(|reply| reply.class() != Class::Positive);
        Err(Failure { cause, reply: reply.cloned(), detail: format!("status {}", self.status.as_u16()) })
    }

    fn is_document(&self) -> bool {
        let values = self.headers.get_all(CONTENT_TYPE);
        values.iter().any(|value| verdict::is_content_type(value.as_bytes()))
    }

    fn has_reply_header(&self) -> bool {
        self.headers.contains_key(REPLY_HEADER)
    }
}

fn outcome(word: Word) -> Outcome {
    match word {
        Word::Accept(receipt) => Ok(receipt),
        Word::Refuse(reply) => {
            let detail = format!("verdict: {reply}");
            Err(Failure { cause: Cause::Verdict, reply: Some(reply), detail })
        }
    }
}

fn failure(cause: Cause, detail: String) -> Failure {
    Failure { cause, reply: None, detail }
}

fn unreadable(error: &Unreadable) -> Failure {
    failure(Cause::Failed, format!("unreadable verdict: {error}"))
}

/// RFC 9110 §10.2.3: seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let since_epoch = Duration::from_secs(u64::try_from(date.as_second()).ok()?);
    (SystemTime::UNIX_EPOCH + since_epoch).duration_since(now).ok()
}
