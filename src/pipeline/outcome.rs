//! Receipts and failures → replies: the only such mapping, and the only place that says `250` after
//! data.
//!
//! What is not understood is `451`: only a backend's own word is ever permanent.

use crate::backend::{Cause, Failure, Outcome, Receipt};
use crate::mail::TransactionId;
use crate::metrics::MessageOutcome;
use crate::smtp::reply::{self, Class, Reply};

/// The reply to a message, given what became of each of its recipients.
pub fn reply_for_all(outcomes: &[Outcome], id: TransactionId) -> Reply {
    let Some((first, others)) = outcomes.split_first() else { return reply::BACKEND_FAILED };
    let reply = reply_for_one(first, id);
    // RFC 5321 knows one reply for all recipients: what differs in class can't be told by it.
    if others.iter().all(|other| reply_for_one(other, id).class() == reply.class()) {
        reply
    } else {
        reply::MIXED
    }
}

/// The reply for one recipient.
pub fn reply_for_one(outcome: &Outcome, id: TransactionId) -> Reply {
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

fn failed(failure: &Failure) -> Reply {
    let own = failure.reply.as_ref().filter(|reply| reply.class() != Class::Positive);
    if let Some(reply) = own {
        return reply.clone();
    }
    match failure.cause {
        Cause::Busy | Cause::CircuitOpen | Cause::InFlightCap => reply::BACKEND_BUSY,
        Cause::Failed | Cause::Verdict => reply::BACKEND_FAILED,
        Cause::Misconfigured => reply::MISCONFIGURED,
        Cause::Unreachable => reply::BACKEND_UNREACHABLE,
        Cause::Reset | Cause::Timeout => reply::BACKEND_SILENT,
    }
}

/// The label value of a message that was answered after a delivery.
pub(super) fn label(reply: &Reply) -> MessageOutcome {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn id() -> TransactionId {
        TransactionId::new(SystemTime::UNIX_EPOCH, [0; 10])
    }

    fn failure(cause: Cause, reply: Option<Reply>) -> Outcome {
        Err(Failure { cause, reply, detail: String::new() })
    }

    #[test]
    fn every_cause_without_a_word_of_the_backend_is_temporary() {
        for (cause, code) in [
            (Cause::Busy, "4.3.2"),
            (Cause::CircuitOpen, "4.3.2"),
            (Cause::InFlightCap, "4.3.2"),
            (Cause::Failed, "4.3.0"),
            (Cause::Verdict, "4.3.0"),
            (Cause::Misconfigured, "4.3.5"),
            (Cause::Unreachable, "4.4.1"),
            (Cause::Reset, "4.4.2"),
            (Cause::Timeout, "4.4.2"),
        ] {
            let reply = reply_for_one(&failure(cause, None), id());
            assert_eq!((reply.code(), reply.enhanced().as_deref()), (451, Some(code)), "{cause:?}");
        }
    }

    #[test]
    fn a_failure_is_never_250_whatever_reply_it_carries() {
        let reply = reply_for_one(&failure(Cause::Verdict, Some(reply::DELIVERED)), id());
        assert_eq!(reply, reply::BACKEND_FAILED);
    }

    #[test]
    fn recipients_answered_alike_share_a_reply_and_a_mix_is_temporary() {
        let yes = Ok(Receipt::default());
        let no = failure(Cause::Verdict, Some(reply::NO_SUCH_USER));
        let later = failure(Cause::Timeout, None);
        assert_eq!(reply_for_all(&[yes.clone(), yes.clone()], id()).code(), 250);
        assert_eq!(reply_for_all(&[no.clone(), no.clone()], id()), reply::NO_SUCH_USER);
        assert_eq!(reply_for_all(&[yes.clone(), no.clone()], id()), reply::MIXED);
        assert_eq!(reply_for_all(&[no, later.clone()], id()), reply::MIXED);
        assert_eq!(reply_for_all(&[yes, later], id()), reply::MIXED);
        assert_eq!(reply_for_all(&[], id()), reply::BACKEND_FAILED);
    }
}
