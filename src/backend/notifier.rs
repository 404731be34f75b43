//! Delivery status notifications on their way out, through the gateway's relay.
//!
//! Sent from the null reverse-path to the sender of a message, and confirmed by the relay or not sent at
//! all: nothing is kept. So many to one sender and so many in all within a minute, by each pod.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::delivery::{Cause, Failure};
use super::relay::{Limits, Relay};
use crate::client::smtp::{Dialect, Text};
use crate::mail::{
    BodyType, Envelope, ForwardPath, Mailbox, Notify, Recipient, RecipientDsn, ReversePath, SenderDsn,
    TransactionId,
};
use crate::metrics::{BounceOutcome, Metrics};
use crate::plan::{Bounces, Retry, Timeouts};
use crate::policy::bounce::{Facts, Suppressed};
use crate::policy::{Allowance, Rate, Rates};
use crate::smtp::reply::{self, Class};
use crate::stamp::dsn::{About, Notification, Reported, Written};

/// Notifications to one sender, for each pod: more than a person would want to read, and what a batch of
/// messages to a few wrong addresses takes.
const PER_SENDER: Rate = Rate::per_minute(30);
/// Notifications of a gateway, for each pod.
const IN_ALL: Rate = Rate::per_minute(600);
/// Conversations with the relay at a time.
const AT_A_TIME: usize = 32;
/// How long one may take, with all that is tried again.
pub const PATIENCE: Duration = Duration::from_secs(25);
/// For one connection.
const CONNECT: Duration = Duration::from_secs(5);
/// What is tried again meanwhile: connections that do not come about.
const RETRY: Retry = Retry { attempts: 2, base: Duration::from_millis(200), max: Duration::from_secs(2) };

/// What sends a gateway's notifications.
#[derive(Debug)]
pub struct Notifier {
    plan: Arc<Bounces>,
    relay: Relay,
    rates: Arc<Rates>,
    metrics: Metrics,
}

/// Why a notification was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// It must not be.
    #[error("{0}")]
    Suppressed(#[from] Suppressed),
    /// Too many were, in this minute.
    #[error("too many notifications to this sender, or of this gateway")]
    Limited,
    /// The relay does not take it now, or is not there.
    #[error("the relay has not taken it: {0}")]
    Deferred(String),
    /// The relay does not take it, and never will.
    #[error("the relay refuses it: {0}")]
    Refused(String),
}

impl Unsent {
    fn outcome(&self) -> BounceOutcome {
        match self {
            Self::Suppressed(_) => BounceOutcome::Suppressed,
            Self::Limited => BounceOutcome::Limited,
            Self::Deferred(_) => BounceOutcome::Deferred,
            Self::Refused(_) => BounceOutcome::Refused,
        }
    }
}

impl Notifier {
    /// Nothing is under way yet.
    pub fn new(plan: Arc<Bounces>, metrics: &Metrics) -> Self {
        let cap = Arc::new(Semaphore::new(AT_A_TIME));
        let of_relay = metrics.delivery(&label(&plan), "bounces");
        let relay = Relay::new(&plan.relay, Dialect::Smtp, cap, of_relay);
        Self { plan, relay, rates: Arc::default(), metrics: metrics.clone() }
    }

    /// The notifier of a new plan: that of the old one where nothing has changed.
    pub fn adopt(
        new: Option<&Arc<Bounces>>,
        old: Option<&Arc<Self>>,
        metrics: &Metrics,
    ) -> Option<Arc<Self>> {
        if let (Some(new), Some(old)) = (new, old)
            && *old.plan == **new
        {
            return Some(Arc::clone(old));
        }
        if let Some(old) = old {
            metrics.remove_backend(&label(&old.plan));
        }
        let mut notifier = Self::new(Arc::clone(new?), metrics);
        if let Some(old) = old {
            notifier.rates = Arc::clone(&old.rates);
        }
        Some(Arc::new(notifier))
    }

    /// What the plan says of it.
    pub fn plan(&self) -> &Bounces {
        &self.plan
    }

    /// Whether a notification may go to the sender of a message, by what is known so far.
    pub fn judge<'a>(&self, facts: Facts<'a>) -> Result<&'a Mailbox, Suppressed> {
        self.plan.suppression.judge(facts)
    }

    /// Tells the sender of a message what became of recipients, by the deadline. Once this is `Ok` the relay
    /// has the notification. `id` names it: one that must not have been known before the message was complete.
    ///
    /// # Errors
    ///
    /// It was not sent, and nobody tries any more.
    pub async fn send(
        &self,
        (id, about, facts): (TransactionId, About<'_>, Facts<'_>),
        recipients: &[Reported<'_>],
        deadline: Instant,
    ) -> Result<(), Unsent> {
        let sent = self.try_send((id, about, facts), recipients, deadline).await;
        match &sent {
            Ok(()) => {
                self.metrics.bounce(BounceOutcome::Sent);
                tracing::info!(id = %about.id, notification = %id, recipients = recipients.len(), "sender notified");
            }
            Err(unsent) => self.unsent(about.id, unsent),
        }
        sent
    }

    /// Says of the message of this id that its sender must not be told of what there is to tell.
    pub fn withhold(&self, id: TransactionId, why: Suppressed) -> Unsent {
        let unsent = Unsent::from(why);
        self.unsent(id, &unsent);
        unsent
    }

    /// Counts and logs a notification that was not sent.
    fn unsent(&self, id: TransactionId, unsent: &Unsent) {
        self.metrics.bounce(unsent.outcome());
        tracing::warn!(%id, why = %unsent, "sender not notified");
    }

    async fn try_send(
        &self,
        (id, about, facts): (TransactionId, About<'_>, Facts<'_>),
        recipients: &[Reported<'_>],
        deadline: Instant,
    ) -> Result<(), Unsent> {
        let sender = self.judge(facts)?;
        self.count(sender)?;
        let (hostname, written_at) = (&*self.plan.hostname, SystemTime::now());
        let notification = Notification { hostname, id, written_at, about, recipients };
        match self.offer(sender, &notification, deadline).await {
            // It may be the message in it that is too large or not wanted; its header has to do then.
            Err(Unsent::Refused(why)) if about.message.is_some() => {
                tracing::info!(id = %about.id, why, "notification refused, sent again without the message");
                let about = About { message: None, ..about };
                self.offer(sender, &Notification { about, ..notification }, deadline).await
            }
            offered => offered,
        }
    }

    /// Offers a notification to the relay, in a form that it takes.
    async fn offer(
        &self,
        sender: &Mailbox,
        notification: &Notification<'_>,
        deadline: Instant,
    ) -> Result<(), Unsent> {
        let written = notification.write(BodyType::EightBitMime);
        let Err(failure) = self.pass_on(sender, &written, deadline).await else { return Ok(()) };
        // A relay without 8BITMIME gets the form that every relay takes.
        if failure.reply == Some(reply::NOT_CONVERTED) && written.body_type == BodyType::EightBitMime {
            let plain = notification.write(BodyType::SevenBit);
            return self.pass_on(sender, &plain, deadline).await.map_err(unsent);
        }
        Err(unsent(failure))
    }

    /// Who is refused for the one rate is not counted by the other.
    fn count(&self, sender: &Mailbox) -> Result<(), Unsent> {
        let now = std::time::Instant::now();
        let key = (&*self.plan.gateway, sender.key());
        if self.rates.look(&key, PER_SENDER, now) == Allowance::Over
            || self.rates.take(&&*self.plan.gateway, IN_ALL, now) == Allowance::Over
            || self.rates.take(&key, PER_SENDER, now) == Allowance::Over
        {
            return Err(Unsent::Limited);
        }
        Ok(())
    }

    async fn pass_on(&self, sender: &Mailbox, written: &Written, deadline: Instant) -> Result<(), Failure> {
        let recipient = Recipient {
            original: ForwardPath::Mailbox(sender.clone()),
            rewritten: sender.clone(),
            // RFC 3461 §6.1: a notification that fails is not told of.
            dsn: RecipientDsn { notify: Some(Notify::NEVER), original: None },
        };
        let envelope = Envelope {
            reverse_path: ReversePath::Null,
            recipients: vec![recipient],
            body_type: written.body_type,
            smtputf8: written.smtputf8,
            dsn: SenderDsn::default(),
        };
        let timeouts = Timeouts { total: PATIENCE, connect: CONNECT };
        let text = Text::new(written.message.segments().iter().cloned());
        let (outcomes, _) =
            self.relay.send(envelope, &text, (Limits { timeouts, retry: RETRY }, deadline)).await;
        let nothing = || Err(Failure { cause: Cause::Failed, reply: None, detail: "no answer".to_owned() });
        outcomes.into_iter().next().unwrap_or_else(nothing).map(drop)
    }
}

/// The label of the relay's conversations, which no backend has.
fn label(plan: &Bounces) -> String {
    format!("{}/bounces", plan.gateway)
}

fn unsent(failure: Failure) -> Unsent {
    match failure.reply.as_ref().map(reply::Reply::class) {
        Some(Class::Permanent) => Unsent::Refused(failure.detail),
        _ => Unsent::Deferred(failure.detail),
    }
}
