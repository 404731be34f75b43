//! Receipts and failures → replies: the only such mapping, and the only place that says `250` after
//! data.
//!
//! What is not understood is `451`: only a backend's own word is ever permanent, and that a message is too
//! large for it.

use crate::backend::{Cause, Failure, Outcome, Receipt};
use crate::mail::TransactionId;
use crate::metrics::MessageOutcome;
use crate::smtp::Answer;
use crate::smtp::reply::{self, Class, Reply};

#[cfg(test)]
mod tests;

/// How the client is told what became of its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// By one reply for all of them (RFC 5321).
    Once,
    /// By a reply for each (RFC 2033, PRDR).
    Each,
}

/// What the client is told, and how it is counted and logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The answer to the message.
    pub answer: Answer,
    /// The label value.
    pub outcome: MessageOutcome,
    /// Recipients that were told `250`.
    pub confirmed: usize,
    /// Of several codes the greatest.
    pub code: u16,
}

/// The answer to a message, given what became of each of its `recipients`, in the order of RCPT. Of
/// whom nothing became known is not confirmed.
pub fn tell(outcomes: &[Outcome], recipients: usize, telling: Telling, id: TransactionId) -> Told {
    let known = outcomes.iter().map(|outcome| reply_for_one(outcome, id));
    let replies: Vec<Reply> =
        known.chain(std::iter::repeat(reply::BACKEND_FAILED)).take(recipients.max(1)).collect();
    let alike = |same: fn(&Reply, &Reply) -> bool| replies.iter().all(|reply| same(reply, &replies[0]));
    match telling {
        Telling::Each if !alike(Reply::eq) => each(replies),
        // RFC 5321 knows one reply for all recipients: what differs in class can't be told by it.
        Telling::Once if !alike(|one, other| one.class() == other.class()) => once(reply::MIXED, 0),
        Telling::Once | Telling::Each => {
            let first = replies[0].clone();
            let confirmed = if first.class() == Class::Positive { recipients } else { 0 };
            once(first, confirmed)
        }
    }
}

fn once(reply: Reply, confirmed: usize) -> Told {
    let (outcome, code) = (label(&reply), reply.code());
    let answer = if confirmed > 0 { Answer::Delivered(reply) } else { Answer::Refuse(reply) };
    Told { answer, outcome, confirmed, code }
}

/// One that ends the session would keep the others from being told.
fn each(replies: Vec<Reply>) -> Told {
    let replies: Vec<Reply> = replies.into_iter().map(Reply::without_closing).collect();
    let of = |class: Class| replies.iter().filter(|reply| reply.class() == class).count();
    let confirmed = of(Class::Positive);
    let outcome = match (confirmed, of(Class::Permanent)) {
        (0, permanent) if permanent == replies.len() => MessageOutcome::Refused,
        (0, _) => MessageOutcome::Deferred,
        (confirmed, _) if confirmed == replies.len() => MessageOutcome::Delivered,
        _ => MessageOutcome::Partial,
    };
    let code = replies.iter().map(Reply::code).max().unwrap_or_default();
    Told { answer: Answer::Each(replies), outcome, confirmed, code }
}

/// The reply for one recipient.
fn reply_for_one(outcome: &Outcome, id: TransactionId) -> Reply {
    match outcome {
        Ok(receipt) => delivered(receipt, id),
        Err(failure) => failed(failure),
    }
}

/// `250`: the backend has confirmed.
fn delivered(receipt: &Receipt, id: TransactionId) -> Reply {
    match &receipt.text {
        Some(text) => reply::DELIVERED.with_text(format!("{text} ({id})")),
        None => reply::DELIVERED.with_text(format!("Ok: {id}")),
    }
}

/// The reply that says why a backend does not have a message, or does not take a recipient.
pub(super) fn failed(failure: &Failure) -> Reply {
    let own = failure.reply.as_ref().filter(|reply| reply.class() != Class::Positive);
    if let Some(reply) = own {
        return reply.clone();
    }
    match failure.cause {
        Cause::Busy | Cause::CircuitOpen | Cause::InFlightCap => reply::BACKEND_BUSY,
        Cause::Full => reply::BACKEND_FULL,
        Cause::TooLarge => reply::TOO_LARGE,
        Cause::Failed | Cause::Verdict => reply::BACKEND_FAILED,
        Cause::Misconfigured => reply::MISCONFIGURED,
        Cause::Unreachable => reply::BACKEND_UNREACHABLE,
        Cause::Reset | Cause::Timeout => reply::BACKEND_SILENT,
    }
}

/// The label value of a message that was answered after a delivery.
fn label(reply: &Reply) -> MessageOutcome {
    match reply.class() {
        Class::Positive => MessageOutcome::Delivered,
        Class::Permanent => MessageOutcome::Refused,
        Class::Transient | Class::Intermediate => MessageOutcome::Deferred,
    }
}

/// The label value of a message that was answered without a delivery.
pub(super) fn label_of_ours(reply: &Reply) -> MessageOutcome {
    match reply.class() {
        Class::Permanent => MessageOutcome::Rejected,
        _ => MessageOutcome::Deferred,
    }
}
