//! One transaction with a relay, beside that of the sender.
//!
//! ```text
//!             first recipient                     message
//! nothing said ─────────────▶ parked ──────────────────────▶ outcomes
//!                              │  ▲  each further recipient
//!     silent sender, closed    ▼  │  begun anew, with all recipients so far
//!                            nothing said
//! ```
//!
//! Dropped, it ends the transaction with the relay, and its session waits for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::{Failed, Lease, Limits, Relay, judgement};
use crate::backend::delivery::{Cause, Failure, Outcome};
use crate::client::circuit::Health;
use crate::client::smtp::{
    CLOSING, Dialect, Fault, Reply, Session, Stage, Text, Trouble, rcpt, refusal, sendable,
};
use crate::mail::{BodyType, Envelope, Recipient};
use crate::smtp::reply::Class;

/// How recipients share the fate of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The client hears one reply: it goes to all of them or to none.
    All,
    /// It hears one for each.
    Each,
}

/// A transaction with a relay.
#[derive(Debug)]
pub struct Conversation {
    relay: Relay,
    /// Its recipients are those whom the relay has taken.
    envelope: Envelope,
    size: Option<u64>,
    limits: Limits,
    /// What the relay has said of each recipient when it was told of it again.
    withdrawn: Vec<Option<Failure>>,
    parked: Parked,
    watch: Option<AbortHandle>,
}

/// A session while the sender has the word; `None` while there is none.
type Parked = Arc<Mutex<Option<Lease>>>;

impl Drop for Conversation {
    fn drop(&mut self) {
        self.unwatch();
    }
}

impl Conversation {
    /// Nothing is said yet.
    pub(super) fn new(relay: Relay, sender: Envelope, size: Option<u64>, limits: Limits) -> Self {
        let withdrawn = vec![None; sender.recipients.len()];
        let parked = Arc::default();
        Self { relay, envelope: sender, size, limits, withdrawn, parked, watch: None }
    }

    /// Tells the relay of a recipient, within the limits. Taken, it is part of the transaction.
    pub(crate) async fn recipient(&mut self, recipient: Recipient) -> Result<(), Failed> {
        let deadline = Instant::now() + self.limits.timeouts.total;
        let said = match self.unpark() {
            Some(lease) => self.pass_on(lease, &recipient, deadline).await?,
            None => Said::Nothing,
        };
        let reply = match said {
            Said::Reply(reply) => {
                self.envelope.recipients.push(recipient);
                reply
            }
            Said::Nothing => {
                self.envelope.recipients.push(recipient);
                let begun = self.begin(self.size, deadline).await;
                begun.inspect_err(|_| drop(self.envelope.recipients.pop()))?
            }
        };
        self.withdrawn.push(None);
        let Some(failed) = self.refused(reply) else { return Ok(()) };
        self.envelope.recipients.pop();
        self.withdrawn.pop();
        Err(failed)
    }

    /// Sends the message, by the deadline: one outcome for each recipient.
    pub(crate) async fn conclude(
        mut self,
        text: &Text,
        share: Share,
        deadline: Instant,
    ) -> (Vec<Outcome>, Health) {
        let began = Instant::now();
        let (outcomes, health) = match self.deliver(text, share, deadline).await {
            Ok(concluded) => concluded,
            // Counted where it failed.
            Err(Failed { failure, health }) => {
                return (vec![Err(failure); self.envelope.recipients.len()], health);
            }
        };
        let failure = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
        let cause = failure.map_or(Ok(()), |failure| Err(failure.cause));
        self.relay.0.metrics.attempt(cause, began.elapsed());
        (outcomes, health)
    }

    async fn deliver(
        &mut self,
        text: &Text,
        share: Share,
        deadline: Instant,
    ) -> Result<(Vec<Outcome>, Health), Failed> {
        let size = u64::try_from(text.len()).ok();
        let (mut lease, mut renewed) = match self.unpark() {
            Some(lease) => (lease, false),
            None => (self.renew(size, deadline).await?, true),
        };
        loop {
            if let Some(outcomes) = self.unsendable(text, &lease, share) {
                return Ok((outcomes, Health::Unknown));
            }
            let Some(session) = &mut lease.session else { return Ok((self.all(&broken()), Health::Unknown)) };
            let accepted = self.withdrawn.iter().filter(|withdrawn| withdrawn.is_none()).count();
            let binary = self.envelope.body_type == BodyType::BinaryMime;
            match session.message(text, (accepted, binary), deadline).await {
                Ok(answers) => return Ok(self.told(&answers)),
                // Nothing of the message was said.
                Err(Trouble::Fault(Fault::Broken(stage))) if stage == Stage::Data.name() && !renewed => {
                    drop(lease);
                    lease = self.renew(size, deadline).await?;
                    renewed = true;
                }
                Err(trouble) => return Ok((self.all(&trouble), judgement::health(&trouble))),
            }
        }
    }

    /// The outcomes of a message that is not to be said.
    fn unsendable(&self, text: &Text, lease: &Lease, share: Share) -> Option<Vec<Outcome>> {
        let announced = lease.session.as_ref().map(Session::announced)?;
        if let Err(unable) = sendable(self.envelope.body_type, text.content(), text.len(), announced) {
            return Some(vec![Err(judgement::unable(unable)); self.envelope.recipients.len()]);
        }
        let refused = self.withdrawn.iter().flatten().count();
        let nobody = refused == self.withdrawn.len();
        if !nobody && (refused == 0 || share == Share::Each) {
            return None;
        }
        let detail = "the relay does not take another recipient any more".to_owned();
        let unsent = Failure { cause: Cause::Failed, reply: None, detail };
        let outcomes =
            self.withdrawn.iter().map(|withdrawn| Err(withdrawn.as_ref().unwrap_or(&unsent).clone()));
        Some(outcomes.collect())
    }

    /// Outcomes for all recipients, given the answers for those whom the relay has taken: one for each, or
    /// one for all of them.
    fn told(&self, answers: &[Result<Reply, Trouble>]) -> (Vec<Outcome>, Health) {
        let utf8 = self.envelope.smtputf8;
        let healthy = answers.iter().all(|answer| match answer {
            Ok(_) => true,
            Err(trouble) => judgement::health(trouble) == Health::Alive,
        });
        let health = if healthy { Health::Alive } else { Health::Down { retry_after: None } };
        let outcome = |answer: &Result<Reply, Trouble>| match answer {
            Ok(reply) => Ok(judgement::receipt(reply, utf8)),
            Err(trouble) => Err(judgement::failure(trouble, utf8)),
        };
        let each = self.relay.dialect() == Some(Dialect::Lmtp);
        let mut answers = answers.iter();
        let mut last = None;
        let outcomes = self.withdrawn.iter().map(|withdrawn| {
            if let Some(failure) = withdrawn {
                return Err(failure.clone());
            }
            if each || last.is_none() {
                last = answers.next().map(outcome);
            }
            // Of whom nothing became known is not confirmed.
            last.clone().unwrap_or_else(|| Err(judgement::failure(&broken(), utf8)))
        });
        (outcomes.collect(), health)
    }

    fn all(&self, trouble: &Trouble) -> Vec<Outcome> {
        vec![Err(judgement::failure(trouble, self.envelope.smtputf8)); self.envelope.recipients.len()]
    }

    /// Says RCPT on a session that has a transaction; nothing is said where that is gone.
    async fn pass_on(
        &mut self,
        mut lease: Lease,
        recipient: &Recipient,
        deadline: Instant,
    ) -> Result<Said, Failed> {
        let Some(session) = &mut lease.session else { return Ok(Said::Nothing) };
        // MAIL has said SMTPUTF8 where it was needed then.
        let utf8 = self.envelope.smtputf8 || !self.is_ascii();
        let Ok(line) = rcpt(recipient, session.announced(), utf8) else { return Ok(Said::Nothing) };
        match session.recipient(&line, deadline).await {
            Ok(reply) if reply.code == CLOSING => Ok(Said::Nothing),
            Ok(reply) => {
                self.park(lease);
                Ok(Said::Reply(reply))
            }
            Err(Fault::Broken(_)) => Ok(Said::Nothing),
            Err(fault) => Err(self.relay.failed(&fault.into(), self.envelope.smtputf8, Duration::ZERO)),
        }
    }

    /// Begins the transaction with all recipients; gives the answer for the last one.
    async fn begin(&mut self, size: Option<u64>, deadline: Instant) -> Result<Reply, Failed> {
        let begun = self.relay.begin(&self.envelope, size, (self.limits, deadline)).await;
        let (lease, mut replies) = begun?;
        let last = replies.pop();
        self.withdraw(replies);
        self.park(lease);
        last.ok_or_else(|| self.relay.failed(&broken(), false, Duration::ZERO))
    }

    /// Begins it anew, for the message.
    async fn renew(&mut self, size: Option<u64>, deadline: Instant) -> Result<Lease, Failed> {
        let begun = self.relay.begin(&self.envelope, size, (self.limits, deadline)).await;
        let (lease, replies) = begun?;
        self.withdraw(replies);
        Ok(lease)
    }

    /// Takes note of what the relay says of recipients whom it had taken before.
    fn withdraw(&mut self, replies: Vec<Reply>) {
        let words = replies.into_iter().map(|reply| self.refused(reply).map(|failed| failed.failure));
        self.withdrawn = words.collect();
    }

    /// The relay's no to a recipient.
    fn refused(&self, reply: Reply) -> Option<Failed> {
        if reply.class() == Class::Positive {
            return None;
        }
        let trouble = refusal(Stage::Recipient, reply);
        let failure = judgement::failure(&trouble, self.envelope.smtputf8);
        // It says nothing of messages.
        Some(Failed { failure, health: Health::Unknown })
    }

    fn is_ascii(&self) -> bool {
        let recipients = &self.envelope.recipients;
        self.envelope.reverse_path.is_ascii() && recipients.iter().all(|each| each.rewritten.is_ascii())
    }

    /// Keeps the session until the sender goes on, but no longer than a delivery may take. RFC 5321 lets a
    /// sender be silent for minutes, and as many of those as there may be conversations would keep all others
    /// out.
    fn park(&mut self, lease: Lease) {
        *lock(&self.parked) = Some(lease);
        self.unwatch();
        let watch =
            tokio::spawn(watch(Arc::downgrade(&self.parked), Instant::now() + self.limits.timeouts.total));
        self.watch = Some(watch.abort_handle());
    }

    /// The session, where it is still there and alive.
    fn unpark(&mut self) -> Option<Lease> {
        self.unwatch();
        let mut lease = lock(&self.parked).take()?;
        lease.session.as_mut().is_some_and(Session::is_alive).then_some(lease)
    }

    fn unwatch(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }
}

/// What came of a recipient on a session that was parked.
enum Said {
    Reply(Reply),
    /// The transaction is gone.
    Nothing,
}

fn broken() -> Trouble {
    Trouble::Fault(Fault::Broken(Stage::Message.name()))
}

fn lock(parked: &Mutex<Option<Lease>>) -> MutexGuard<'_, Option<Lease>> {
    parked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the session back when its time is over.
async fn watch(parked: Weak<Mutex<Option<Lease>>>, until: Instant) {
    sleep_until(until).await;
    let Some(parked) = parked.upgrade() else { return };
    let lease = lock(&parked).take();
    drop(lease);
}
