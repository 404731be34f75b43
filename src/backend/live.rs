//! A backend at work: its connections, its cap on deliveries at a time, its circuit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout_at;

use super::delivery::{Cause, Delivery, Failure, Outcome};
use super::http::Http;
use super::nats::Nats;
use crate::client::circuit::{Circuit, Reservation, Slot};
use crate::mail::{Mailbox, ReversePath};
use crate::metrics::{DeliveryMetrics, Metrics};
use crate::plan;

/// A backend of the plan and its runtime.
pub struct Live {
    backend: Arc<plan::Backend>,
    cap: Semaphore,
    circuit: Arc<Circuit>,
    metrics: DeliveryMetrics,
    kind: Kind,
}

/// The kinds of backend, each in its own module.
enum Kind {
    Http(Http),
    Nats(Nats),
}

impl Live {
    /// A backend with nothing under way. Reads the certificates of the system the first time that a
    /// backend needs them, so it may block. A backend that can't be used fails every delivery.
    pub fn new(backend: Arc<plan::Backend>, metrics: &Metrics) -> Self {
        let circuit = Circuit::new(backend.circuit);
        let metrics = metrics.delivery(&backend.label, backend.target.kind());
        metrics.circuit(circuit.state());
        let kind = match &backend.target {
            plan::Target::Http(http) => Kind::Http(Http::new(&backend, http, metrics.clone())),
            plan::Target::Nats(nats) => Kind::Nats(Nats::new(&backend, nats, metrics.clone())),
        };
        let permits = usize::try_from(backend.max_in_flight).unwrap_or(usize::MAX);
        let cap = Semaphore::new(permits.min(Semaphore::MAX_PERMITS));
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
            Kind::Http(_) => u64::MAX,
            Kind::Nats(nats) => nats.room(),
        };
        most.min(self.backend.max_message_bytes)
    }

    /// Whether two recipients of a message can't be delivered together: they would come to different places.
    pub fn parts(&self, sender: &ReversePath, one: &Mailbox, other: &Mailbox) -> bool {
        match &self.kind {
            Kind::Http(_) => false,
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

    /// Delivers a message: one outcome for each recipient, in their order, by the deadline.
    ///
    /// Dropped before it is done, it ends what is under way.
    pub async fn deliver(&self, delivery: &Delivery) -> Vec<Outcome> {
        let all = |cause, detail: &str| {
            self.metrics.attempt(Err(cause), Duration::ZERO);
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
        let (outcomes, health) = match &self.kind {
            Kind::Http(http) => http.deliver(delivery).await,
            Kind::Nats(nats) => nats.deliver(delivery).await,
        };
        self.circuit.record(Instant::now(), health);
        self.metrics.circuit(self.circuit.state());
        outcomes
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
