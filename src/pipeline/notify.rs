//! What a sender hears beside the reply: of recipients that were refused for good while others were not
//! (`onPartial: Bounce`), and of those passed on, where it has asked for that (`NOTIFY=SUCCESS`).
//!
//! A refusal is settled before the reply is given: by a notification that the relay has taken, or because
//! its sender wants to hear nothing of it. What is not settled makes the reply `451`.
//!
//! Whether the sender may be told of refusals is known at MAIL, and recipients come together only if it may.
//! That the message turns out to be an automatic answer does not change that: some have it by then, and
//! RFC 5321 §6.1 asks for a notification of the others.

use std::time::SystemTime;

use bytes::Bytes;

use super::outcome::{self, Settled, Telling};
use crate::backend::{Delivery, Notifier, Outcome};
use crate::mail::header::{Header, slices};
use crate::mail::{Notify, Recipient, Returned, TransactionId};
use crate::plan::{Backend, OnPartial};
use crate::policy::bounce::{Facts, Suppressed, is_answer};
use crate::smtp::reply::{Class, Reply};
use crate::stamp::dsn::{About, Action, Reported, Status};

/// Octets of a header that are looked at: more than are ever returned.
const MAX_HEADER: usize = 64 * 1024;

/// Who may be told, and what of.
pub(super) struct Notices<'a> {
    pub(super) notifier: &'a Notifier,
    pub(super) backend: &'a Backend,
    /// Whether somebody vouches for the sender.
    pub(super) vouched: bool,
    pub(super) telling: Telling,
}

impl Notices<'_> {
    /// Tells the sender what it is owed, by the deadline of the delivery.
    pub(super) async fn settle(&self, delivery: &Delivery, outcomes: &[Outcome]) -> Settled {
        let recipients = &delivery.envelope.recipients;
        let refused = self.refused_in_part(outcomes);
        let failed: Vec<(&Recipient, Reply)> = refused
            .iter()
            .filter_map(|at| Some((recipients.get(*at)?, outcomes.get(*at)?.as_ref().err()?)))
            .filter(|(recipient, _)| wants_failures(recipient.dsn.notify))
            .map(|(recipient, failure)| (recipient, outcome::failed(failure)))
            .collect();
        let passed_on = self.passed_on(delivery, outcomes, refused.len());
        if failed.is_empty() && !refused.is_empty() {
            self.notifier.withhold(delivery.id, Suppressed::Unasked);
        }
        if failed.is_empty() && passed_on.is_empty() {
            return Settled::these(refused);
        }
        let told = self.send(delivery, &failed, &passed_on).await;
        // That nobody hears of a message that is where it was to go is no reason to send it again.
        if told || failed.is_empty() { Settled::these(refused) } else { Settled::default() }
    }

    /// Those who have the message and whose sender wants to know, unless the backend tells it. Where the message
    /// comes again for others, nobody is told yet.
    fn passed_on<'d>(
        &self,
        delivery: &'d Delivery,
        outcomes: &[Outcome],
        settled: usize,
    ) -> Vec<&'d Recipient> {
        let confirmed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        if self.telling == Telling::Once && confirmed + settled < outcomes.len() {
            return Vec::new();
        }
        let each = delivery.envelope.recipients.iter().zip(outcomes);
        let unheard = |outcome: &Outcome| outcome.as_ref().is_ok_and(|receipt| !receipt.notifies);
        let asked = each.filter(|(recipient, outcome)| wants_success(recipient) && unheard(outcome));
        asked.map(|(recipient, _)| recipient).collect()
    }

    /// Those that were refused for good where others have the message, the client hears but one reply, and
    /// the backend says that this is to be told by a notification.
    fn refused_in_part(&self, outcomes: &[Outcome]) -> Vec<usize> {
        if self.telling == Telling::Each || self.backend.on_partial != OnPartial::Bounce {
            return Vec::new();
        }
        let refused = |outcome: &Outcome| match outcome {
            Ok(_) => false,
            Err(failure) => outcome::failed(failure).class() == Class::Permanent,
        };
        let some = outcomes.iter().any(Result::is_ok);
        let known = outcomes.iter().all(|outcome| outcome.is_ok() || refused(outcome));
        let places = outcomes.iter().enumerate().filter(|(_, outcome)| refused(outcome));
        if some && known { places.map(|(at, _)| at).collect() } else { Vec::new() }
    }

    /// Whether the relay has a notification of all these.
    async fn send(
        &self,
        delivery: &Delivery,
        failed: &[(&Recipient, Reply)],
        passed_on: &[&Recipient],
    ) -> bool {
        let (envelope, message) = (&delivery.envelope, &delivery.message);
        let answer = failed.is_empty() && is_answer(message);
        let facts = Facts { sender: &envelope.reverse_path, vouched: self.vouched, answer };
        let sender = match self.notifier.judge(facts) {
            Ok(sender) => sender,
            Err(why) => {
                self.notifier.withhold(delivery.id, why);
                return false;
            }
        };
        let message_owed = envelope.dsn.returned == Some(Returned::Full) && !failed.is_empty();
        let texts: Vec<String> = failed.iter().map(|(_, reply)| reply.to_string()).collect();
        let failed = failed.iter().zip(&texts).map(|((recipient, reply), text)| {
            let status = reply.enhanced().and_then(|code| Status::parse(&code));
            Reported {
                action: Action::Failed,
                status: status.unwrap_or(Status::FAILED),
                diagnostic: Some(text),
                ..passed(recipient)
            }
        });
        let relayed = passed_on.iter().map(|recipient| passed(recipient));
        let recipients: Vec<Reported<'_>> = failed.chain(relayed).collect();
        let end = Header::read(message, "").end.min(MAX_HEADER);
        let header: Vec<Bytes> = slices(message, 0..end).collect();
        let about = About {
            id: delivery.id,
            received_at: delivery.received_at,
            sender,
            envelope_id: envelope.dsn.envelope_id.as_deref(),
            header: &header.concat(),
            // RFC 3461 §4.3: "If a DSN contains no indications of delivery failure, only the headers of the
            // message should be returned."
            message: message_owed.then_some(message),
        };
        let id = TransactionId::new(SystemTime::now(), rand::random());
        self.notifier.send((id, about, facts), &recipients, delivery.deadline.into()).await.is_ok()
    }
}

fn passed(recipient: &Recipient) -> Reported<'_> {
    Reported {
        recipient: &recipient.original,
        original: recipient.dsn.original.as_ref(),
        action: Action::Relayed,
        status: Status::RELAYED,
        diagnostic: None,
    }
}

/// RFC 3461 §4.1: without NOTIFY, failures are told.
pub(super) fn wants_failures(notify: Option<Notify>) -> bool {
    notify.is_none_or(|notify| notify.failure)
}

fn wants_success(recipient: &Recipient) -> bool {
    recipient.dsn.notify.is_some_and(|notify| notify.success)
}
