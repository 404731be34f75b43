//! A backend at work: its connections, its cap on deliveries at a time, its circuit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use super::delivery::{Cause, Delivery, Failure, Outcome};
use super::http::Http;
use super::nats::Nats;
use super::relay::{Conversation, Failed, Limits, Relay, Share};
use crate::client::circuit::{Circuit, Health, Reservation, Slot};
use crate::client::smtp::{Dialect, Text};
use crate::mail::{Envelope, Mailbox, Recipient, ReversePath};
use crate::metrics::{DeliveryMetrics, Metrics};
use crate::plan;

/// A backend of the plan and its runtime.
pub struct Live {
    backend: Arc<plan::Backend>,
    cap: Arc<Semaphore>,
    circuit: Arc<Circuit>,
    metrics: DeliveryMetrics,
    kind: Kind,
}

/// The kinds of backend, each in its own module.
enum Kind {
    Http(Http),
    Nats(Nats),
    Relay(Relay),
}

impl Live {
    /// A backend with nothing under way. Reads the certificates of the system the first time that a
    /// backend needs them, so it may block. A backend that can't be used fails every delivery.
    pub fn new(backend: Arc<plan::Backend>, metrics: &Metrics) -> Self {
        let circuit = Circuit::new(backend.circuit);
        let metrics = metrics.delivery(&backend.label, backend.target.kind());
        metrics.circuit(circuit.state());
        let permits = usize::try_from(backend.max_in_flight).unwrap_or(usize::MAX);
        let cap = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let relay = |plan, dialect| Kind::Relay(Relay::new(plan, dialect, Arc::clone(&cap), metrics.clone()));
        let kind = match &backend.target {
            plan::Target::Http(http) => Kind::Http(Http::new(&backend, http, metrics.clone())),
            plan::Target::Nats(nats) => Kind::Nats(Nats::new(&backend, nats, metrics.clone())),
            plan::Target::Smtp(plan) => relay(plan, Dialect::Smtp),
            plan::Target::Lmtp(plan) => relay(plan, Dialect::Lmtp),
        };
        Self { backend, cap, circuit, metrics, kind }
    }

    /// The backends of a new plan, in its order. One that is equal to one of `old` is that very one:
    /// its connections, deliveries under way and circuit stay. The series of those that are gone go.
    pub fn adopt(new: &[Arc<plan::Backend>], old: &[Arc<Self>], metrics: &Metrics) -> Vec<Arc<Self>> {
        let mut held: HashMap<&str, &Arc<Self>> =
            old.iter().map(|live| (&*live.backend.label, live)).collect();
        let mut adopt = |backend: &Arc<plan::Backend>| match held.remove(&*backend.label) {
            Some(live) if live.backend == *backend => Arc::clone(live),
            _ => Arc::new(Self::new(Arc::clone(backend), metrics)),
        };
        let adopted = new.iter().map(&mut adopt).collect();
        for label in held.into_keys() {
            metrics.remove_backend(label);
        }
        adopted
    }

    /// What the plan says of it.
    pub fn backend(&self) -> &plan::Backend {
        &self.backend
    }

    /// Its circuit.
    pub fn circuit(&self) -> &Arc<Circuit> {
        &self.circuit
    }

    /// Octets of the largest message that it may take, as far as is known: what a server says of itself counts
    /// too.
    pub fn max_message_bytes(&self) -> u64 {
        let most = match &self.kind {
            Kind::Http(_) | Kind::Relay(_) => u64::MAX,
            Kind::Nats(nats) => nats.room(),
        };
        most.min(self.backend.max_message_bytes)
    }

    /// Whether two recipients of a message can't be delivered together: they would come to different places.
    pub fn parts(&self, sender: &ReversePath, one: &Mailbox, other: &Mailbox) -> bool {
        match &self.kind {
            Kind::Http(_) | Kind::Relay(_) => false,
            Kind::Nats(nats) => nats.parts(sender, one, other),
        }
    }

    /// Asks the circuit for a slot before any of the message is sent to us: at RCPT.
    ///
    /// The slot is kept until the message is delivered or given up.
    pub fn reserve(&self) -> Reservation {
        let reservation = self.circuit.reserve(Instant::now());
        self.metrics.circuit(self.circuit.state());
        reservation
    }

    /// A conversation beside that of a sender, for a relay; `None` for other kinds, which hear of a message
    /// once it is complete. `size` is what the sender has declared.
    pub fn conversation(
        &self,
        sender: Envelope,
        size: Option<u64>,
        deliver: &plan::Deliver,
    ) -> Option<Conversation> {
        let limits = Limits { timeouts: deliver.timeouts, retry: deliver.retry };
        match &self.kind {
            Kind::Relay(relay) => Some(relay.conversation(sender, size, limits)),
            Kind::Http(_) | Kind::Nats(_) => None,
        }
    }

    /// Tells the relay of a recipient: taken, it is part of the conversation.
    ///
    /// # Errors
    ///
    /// The relay does not take it, or nobody can say so.
    pub async fn recipient(
        &self,
        conversation: &mut Conversation,
        recipient: Recipient,
    ) -> Result<(), Failure> {
        let taken = conversation.recipient(recipient).await;
        taken.map_err(|Failed { failure, health }| {
            self.record(health);
            failure
        })
    }

    /// Delivers a message to those whom the relay has taken: one outcome for each, in their order, by the
    /// deadline. `share` says whether some may have it where not all do.
    ///
    /// Dropped before it is done, it ends what is under way.
    pub async fn conclude(
        &self,
        conversation: Conversation,
        delivery: &Delivery,
        share: Share,
    ) -> Vec<Outcome> {
        let (text, began) = (text(delivery), Instant::now());
        let (outcomes, health) = conversation.conclude(&text, share, delivery.deadline.into()).await;
        delivery.attempted(began.elapsed(), || said(&outcomes));
        self.record(health);
        outcomes
    }

    /// Delivers a message: one outcome for each recipient, in their order, by the deadline.
    ///
    /// Dropped before it is done, it ends what is under way.
    pub async fn deliver(&self, delivery: &Delivery) -> Vec<Outcome> {
        match &self.kind {
            Kind::Http(http) => self.attempt(delivery, http.deliver(delivery)).await,
            Kind::Nats(nats) => self.attempt(delivery, nats.deliver(delivery)).await,
            Kind::Relay(relay) => self.relay(relay, delivery).await,
        }
    }

    /// Goes through with a delivery where cap, circuit and time admit it.
    async fn attempt(
        &self,
        delivery: &Delivery,
        begin: impl Future<Output = (Vec<Outcome>, Health)>,
    ) -> Vec<Outcome> {
        let all = |cause, detail: &str| {
            self.metrics.attempt(Err(cause), Duration::ZERO);
            delivery.attempted(Duration::ZERO, || detail.to_owned());
            let failure = Failure { cause, reply: None, detail: detail.to_owned() };
            vec![Err(failure); delivery.envelope.recipients.len()]
        };
        let Some(_permit) = self.permit(delivery.deadline).await else {
            return all(Cause::InFlightCap, "too many deliveries under way until the deadline");
        };
        let Some(_slot) = self.enter() else {
            return all(Cause::CircuitOpen, "the circuit is open");
        };
        if Instant::now() >= delivery.deadline {
            return all(Cause::Timeout, "the deadline was past before anything was sent");
        }
        let _in_flight = self.metrics.in_flight();
        let (outcomes, health) = begin.await;
        self.record(health);
        outcomes
    }

    /// The whole conversation at once.
    async fn relay(&self, relay: &Relay, delivery: &Delivery) -> Vec<Outcome> {
        let limits = Limits { timeouts: delivery.timeouts, retry: delivery.retry };
        let (envelope, text, began) = (delivery.envelope.clone(), text(delivery), Instant::now());
        let (outcomes, health) = relay.send(envelope, &text, (limits, delivery.deadline.into())).await;
        delivery.attempted(began.elapsed(), || said(&outcomes));
        self.record(health);
        outcomes
    }

    fn record(&self, health: Health) {
        self.circuit.record(Instant::now(), health);
        self.metrics.circuit(self.circuit.state());
    }

    /// At the cap a message waits, first come first served.
    async fn permit(&self, deadline: Instant) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.cap.try_acquire() {
            return Some(permit);
        }
        timeout_at(deadline.into(), self.cap.acquire()).await.ok()?.ok()
    }

    fn enter(&self) -> Option<Slot> {
        match self.circuit.enter(Instant::now()) {
            Reservation::Granted(slot) => Some(slot),
            Reservation::Open => None,
        }
    }
}

/// What a relay has said of a message: once what it says of several recipients.
fn said(outcomes: &[Outcome]) -> String {
    let mut said: Vec<String> = Vec::new();
    for outcome in outcomes {
        let words = match outcome {
            Ok(receipt) => receipt.to_string(),
            Err(failure) => failure.detail.clone(),
        };
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said.join("\n")
}

/// All that goes out of a delivery; the octets are shared.
fn text(delivery: &Delivery) -> Text {
    Text::new([delivery.prefix.clone()].into_iter().chain(delivery.message.segments().iter().cloned()))
}
