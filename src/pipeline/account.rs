//! All that is known of a transaction, for people who watch it on the page of `dev`.
//!
//! Made only for a [feed with accounts](super::feed::Feed::with_accounts): no other front-end holds messages for
//! longer than it has to, or shows them to anybody. Texts are for people. No credentials of a client or of the
//! configuration stand in them; but a message, and what a backend answers, is there as it came.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::mail::body::Message;
use crate::mail::{Client, ForwardPath, Greeting, Mailbox, Tls};

pub use crate::backend::Attempt;
pub use crate::plan::Holding;

/// Octets of a small allocation and of what leads to it, roughly.
pub const PIECE: usize = 50;

/// What is known of a transaction beside its [event](super::feed::Event).
#[derive(Debug, Clone)]
pub struct Account {
    /// `namespace/name` of the gateway.
    pub gateway: Arc<str>,
    /// The client, with its port.
    pub client: Client,
    /// Its host name, where one was looked up and is forward-confirmed, or a trusted peer gave it.
    pub client_name: Option<Arc<str>>,
    /// How it greeted.
    pub greeting: Option<Greeting>,
    /// The TLS session, where there is one.
    pub tls: Option<Arc<Tls>>,
    /// Recipients that the event names, in their order: of those that were taken, and at
    /// [`Stage::Recipient`](super::feed::Stage::Recipient) the one that was not.
    pub recipients: Vec<RecipientAccount>,
    /// What became of the message, where one was handed to a backend.
    pub delivery: Option<DeliveryAccount>,
    /// What the client was told in the end, each as `250 2.0.0 Ok: …`: several by LMTP and PRDR, none where there was
    /// nobody to tell. More than one line is parted by `\n`.
    pub replies: Vec<String>,
    /// When the connection began, which the transcript counts from.
    pub began: SystemTime,
    /// The SMTP conversation: how the session began, and this transaction; not the transactions before it.
    pub transcript: Vec<Line>,
}

impl Account {
    /// Octets that it holds, roughly: the message, and texts.
    pub fn octets(&self) -> usize {
        let transcript = texts(self.transcript.iter().map(|line| &*line.text));
        let replies = texts(self.replies.iter().map(String::as_str));
        let recipients = self.recipients.iter().map(RecipientAccount::octets);
        let delivery = self.delivery.as_ref().map_or(0, DeliveryAccount::octets);
        transcript + replies + recipients.sum::<usize>() + delivery
    }
}

/// Octets of texts, each with what leads to it.
pub fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| 2 * PIECE + text.len()).sum()
}

/// Which way a recipient went, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientAccount {
    /// As the client said it.
    pub original: ForwardPath,
    /// What the backend is told; `None` where the rule does not take it.
    pub rewritten: Option<Mailbox>,
    /// `namespace/name` of the MailRoute whose rule takes it, or would.
    pub route: Option<String>,
    /// That rule: its name, or its index where it has none.
    pub rule: Option<String>,
    /// Why this rule and no other, and what else was asked of the recipient: a sentence each.
    pub why: Vec<String>,
    /// The policies that hold for the rule.
    pub policies: Vec<Holding>,
    /// What the backend said of it in the end, where it was handed over: its receipt, or why there is none.
    pub outcome: Option<Result<String, String>>,
}

impl RecipientAccount {
    fn octets(&self) -> usize {
        let outcome = self.outcome.as_ref().map(|outcome| outcome.as_ref().unwrap_or_else(|why| why));
        let said = self.why.iter().chain(outcome).map(String::as_str);
        let policies = self.policies.iter().map(|holding| 4 * PIECE + holding.target.len());
        8 * PIECE + texts(said) + policies.sum::<usize>()
    }
}

impl DeliveryAccount {
    fn octets(&self) -> usize {
        let said = self.attempts.iter().map(|attempt| attempt.answer.as_str());
        self.prefix.len() + self.message.len() + self.target.len() + texts(said)
    }
}

/// What a backend was handed, and what it said.
#[derive(Debug, Clone)]
pub struct DeliveryAccount {
    /// `http`, `nats`, `smtp` or `lmtp`.
    pub kind: &'static str,
    /// Where it is, as people write it: `POST https://…`.
    pub target: String,
    /// Each time that it was asked, in order.
    pub attempts: Vec<Attempt>,
    /// From the final dot to the last answer.
    pub took: Duration,
    /// The fields that were put before the message.
    pub prefix: Bytes,
    /// The message behind them: prefix and message are the octets that the backend was handed.
    pub message: Message,
    /// The trace that the backend was given, in hexadecimal.
    pub trace_id: String,
}

/// A line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Since the connection began.
    pub at: Duration,
    /// Who says it.
    pub who: Who,
    /// What, without its line end; the lines of one reply are parted by `\n`. What is secret or no text stands in
    /// round brackets instead: `AUTH PLAIN (withheld)`, `(a message of 1234 octets)`.
    pub text: Arc<str>,
}

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The client.
    Client,
    /// We.
    Server,
    /// Nobody: it tells what happened besides.
    Note,
}
