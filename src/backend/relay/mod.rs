//! The kinds `smtp` and `lmtp`: a mail server that takes messages on, one conversation beside each
//! sender's.
//!
//! MAIL goes to the relay with the first recipient, each further one when it comes, and the relay's word on
//! it is ours: whom the relay refuses is part of neither transaction. Only the message is buffered.
//!
//! A delivery at a time is a conversation at a time, from its first recipient on. A sender that then says
//! nothing for a while gives the session back; it is begun anew, with all of its recipients, when the
//! sender goes on. So is one that the relay has closed meanwhile.
//!
//! What the relay has confirmed and could not say any more comes again: a connection that is lost behind
//! the end of the message is `451`.
//!
//! | file | what |
//! | --- | --- |
//! | `conversation` | one transaction with the relay |
//! | `judgement` | what its words mean |
//!
//! Sessions are those of `client::smtp`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::delivery::{Cause, Failure, Outcome};
use crate::client::circuit::Health;
use crate::client::smtp::{
    Announced, Dialect, Fault, Obstacle, Patience, Relay as Client, Reply, Session, Text, Trouble, Unable,
    Unbegun, mail, rcpt,
};
use crate::mail::Envelope;
use crate::metrics::{DeliveryMetrics, InFlight};
use crate::plan::{self, Retry, Timeouts};
use crate::smtp::reply::Class;

mod conversation;
mod judgement;

pub use conversation::{Conversation, Share};

/// A relay at work. Clones are the same.
#[derive(Clone)]
pub(crate) struct Relay(Arc<Inner>);

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.client.fmt(f)
    }
}

struct Inner {
    /// Or why no session can ever be had.
    client: Result<Client, &'static str>,
    cap: Arc<Semaphore>,
    metrics: DeliveryMetrics,
}

/// How long a delivery may take, and how often it may be tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Deadlines.
    pub(crate) timeouts: Timeouts,
    /// In-pod retry, of connections that do not come about.
    pub(crate) retry: Retry,
}

/// Something failed, and what that shows of the relay.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) health: Health,
}

/// A session that is lent to one conversation, with its place among those at a time.
#[derive(Debug)]
struct Lease {
    /// There until it is given back.
    session: Option<Session>,
    client: Client,
    place: Option<(OwnedSemaphorePermit, InFlight)>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.client.give_back(session, self.place.take());
        }
    }
}

impl Relay {
    /// As many conversations at a time as `cap` has permits.
    pub(crate) fn new(
        plan: &plan::Relay,
        dialect: Dialect,
        cap: Arc<Semaphore>,
        metrics: DeliveryMetrics,
    ) -> Self {
        Self(Arc::new(Inner { client: Client::new(plan, dialect), cap, metrics }))
    }

    /// A conversation for a sender, without recipients yet: nothing is said before the first. `size` is
    /// what the sender has declared.
    pub(crate) fn conversation(&self, sender: Envelope, size: Option<u64>, limits: Limits) -> Conversation {
        Conversation::new(self.clone(), sender, size, limits)
    }

    /// Sends a whole message, by the deadline: one outcome for each recipient.
    pub(crate) async fn send(
        &self,
        envelope: Envelope,
        text: &Text,
        (limits, deadline): (Limits, Instant),
    ) -> (Vec<Outcome>, Health) {
        let size = u64::try_from(text.len()).ok();
        let conversation = Conversation::new(self.clone(), envelope, size, limits);
        conversation.conclude(text, Share::Each, deadline).await
    }

    /// What is spoken; unknown where no session can ever be had.
    fn dialect(&self) -> Option<Dialect> {
        self.0.client.as_ref().ok().map(Client::dialect)
    }

    /// Begins a transaction with all recipients of an envelope, and gives the answers to RCPT, one for each.
    /// A connection that does not come about is tried again after a pause.
    async fn begin(
        &self,
        envelope: &Envelope,
        size: Option<u64>,
        (limits, deadline): (Limits, Instant),
    ) -> Result<(Lease, Vec<Reply>), Failed> {
        let client = self.0.client.as_ref().map_err(|why| self.unused(Cause::Misconfigured, why))?;
        let place = self.place(deadline).await?;
        let lines = |announced: &Announced| lines(envelope, size, announced);
        let mut retries = 0;
        let (session, replies) = loop {
            let began = Instant::now();
            let patience = Patience { connect: limits.timeouts.connect, deadline };
            let trouble = match client.begin(lines, patience).await {
                Ok(begun) => break begun,
                Err(Unbegun::Unable(unable)) => {
                    return Err(Failed { failure: judgement::unable(unable), health: Health::Unknown });
                }
                Err(Unbegun::Trouble(trouble)) => trouble,
            };
            let failed = self.failed(&trouble, envelope.smtputf8, began.elapsed());
            let pause = limits.retry.pause(retries);
            let over = retries >= limits.retry.attempts() || Instant::now() + pause >= deadline;
            if over || !may_pass(&trouble) {
                return Err(failed);
            }
            sleep(pause).await;
            retries += 1;
        };
        let lease = Lease { session: Some(session), client: client.clone(), place: Some(place) };
        if replies.len() < envelope.recipients.len() {
            let broken = Trouble::Fault(Fault::Broken("RCPT"));
            return Err(self.failed(&broken, envelope.smtputf8, Duration::ZERO));
        }
        Ok((lease, replies))
    }

    /// At the cap a conversation waits, first come first served.
    async fn place(&self, deadline: Instant) -> Result<(OwnedSemaphorePermit, InFlight), Failed> {
        let permit = timeout_at(deadline, Arc::clone(&self.0.cap).acquire_owned()).await;
        if let Ok(Ok(permit)) = permit {
            return Ok((permit, self.0.metrics.in_flight()));
        }
        Err(self.unused(Cause::InFlightCap, "too many deliveries under way until the deadline"))
    }

    /// Counts an attempt for which the relay was not even called.
    fn unused(&self, cause: Cause, detail: &str) -> Failed {
        self.0.metrics.attempt(Err(cause), Duration::ZERO);
        let failure = Failure { cause, reply: None, detail: detail.to_owned() };
        Failed { failure, health: Health::Unknown }
    }

    /// Counts an attempt that came to nothing before the message, and tells of it.
    fn failed(&self, trouble: &Trouble, utf8: bool, took: Duration) -> Failed {
        let failure = judgement::failure(trouble, utf8);
        self.0.metrics.attempt(Err(failure.cause), took);
        let (cause, detail) = (failure.cause.as_str(), &*failure.detail);
        tracing::debug!(cause, detail, "delivery attempt failed");
        Failed { failure, health: judgement::health(trouble) }
    }
}

/// The lines of an envelope, for what a relay announces.
fn lines(
    envelope: &Envelope,
    size: Option<u64>,
    announced: &Announced,
) -> Result<(String, Vec<String>), Unable> {
    let mail = mail(envelope, announced, size)?;
    // Where an address needs it, MAIL has said so.
    let recipients = envelope.recipients.iter().map(|recipient| rcpt(recipient, announced, true));
    Ok((mail, recipients.collect::<Result<_, _>>()?))
}

/// Whether it is only that the relay is not there now.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Fault(Fault::Connect(_) | Fault::LateConnect(_) | Fault::Tls(_)) => true,
        Trouble::Unopened(Obstacle::Refused { reply, .. }) => reply.class() == Class::Transient,
        _ => false,
    }
}
