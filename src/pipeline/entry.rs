//! May this client come in, may this sender send: by address, and by how often they do.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::session::Door;
use crate::mail::ReversePath;
use crate::metrics::{Check, CheckOutcome, ListenerMetrics};
use crate::plan::{Listener, SenderRate};
use crate::policy::{Allowance, Network, Rate, Rates};
use crate::smtp::reply::{self, Reply};
use crate::telemetry;

/// How often clients and senders came. It outlives the plan, so that an edit gives nobody anything.
#[derive(Debug, Default)]
pub struct Counts {
    /// By listener and client.
    connections: Rates,
    /// By listener and client.
    messages: Rates,
    /// By policy and sender.
    senders: Rates,
}

/// Whose messages a policy counts.
#[derive(Debug, Hash)]
enum Counted<'a> {
    /// The user who signed in.
    Login(&'a str),
    /// Else the reverse-path.
    Mailbox(String),
    /// Bounces have none: they count for the client.
    Client(Network),
}

impl Door {
    /// Whether a client may come in by its address, and by how often it comes.
    ///
    /// # Errors
    ///
    /// The reply that turns it away.
    pub fn admit(&self, listener: &Listener, client: IpAddr) -> Result<(), Reply> {
        self.let_in(listener, client)?;
        let rate = listener.rates.connections_per_minute;
        let counts = self.counts();
        let within = self.within(Check::ConnectionRate, &counts.connections, rate, client);
        if within { Ok(()) } else { Err(reply::TOO_MANY_CONNECTIONS_FROM_CLIENT) }
    }

    /// Whether a client may come in by its address, however often it comes.
    ///
    /// # Errors
    ///
    /// The reply that turns it away.
    pub fn let_in(&self, listener: &Listener, client: IpAddr) -> Result<(), Reply> {
        let access = &listener.access;
        if !access.is_open() {
            let started = Instant::now();
            let admitted = access.admits(client);
            tell(&self.metrics, Check::Access, admitted, started);
            if !admitted {
                return Err(reply::ACCESS_DENIED);
            }
        }
        Ok(())
    }

    /// Whether a client may send one message more.
    pub(super) fn may_send(&self, listener: &Listener, client: IpAddr) -> bool {
        let rate = listener.rates.messages_per_minute;
        self.within(Check::MessageRate, &self.counts().messages, rate, client)
    }

    fn counts(&self) -> Arc<Counts> {
        Arc::clone(self.current.borrow().counts())
    }

    fn within(&self, check: Check, counts: &Rates, rate: Option<u32>, client: IpAddr) -> bool {
        let Some(rate) = rate.map(Rate::per_minute) else { return true };
        let now = Instant::now();
        let within = counts.take(&(&*self.listener, Network::of(client)), rate, now) == Allowance::Within;
        tell(&self.metrics, check, within, now);
        within
    }
}

impl Counts {
    /// Whether a sender may send one message more, by each policy that counts. What the first has
    /// counted stays counted where the second refuses: the sender has gone too far in any case.
    pub(super) fn may_send(
        &self,
        rates: &[SenderRate],
        (login, sender, client): (Option<&str>, &ReversePath, IpAddr),
        metrics: &ListenerMetrics,
    ) -> bool {
        let counted = match (login, sender) {
            (Some(login), _) => Counted::Login(login),
            (None, ReversePath::Mailbox(mailbox)) => Counted::Mailbox(mailbox.to_string().to_lowercase()),
            (None, ReversePath::Null) => Counted::Client(Network::of(client)),
        };
        rates.iter().all(|rate| {
            let now = Instant::now();
            let per_minute = Rate::per_minute(rate.messages_per_minute);
            let within = self.senders.take(&(&*rate.policy, &counted), per_minute, now) == Allowance::Within;
            tell(metrics, Check::SenderRate, within, now);
            within
        })
    }
}

/// Looks into our own memory alone, so its span is but a moment; it stands for the trace to be whole.
fn tell(metrics: &ListenerMetrics, check: Check, passed: bool, started: Instant) {
    let outcome = if passed { CheckOutcome::Pass } else { CheckOutcome::Refuse };
    telemetry::policy_span(check.as_str()).record("outcome", outcome.as_str());
    metrics.check(check, outcome, started.elapsed());
}
