//! Counting at one backend.

use std::array;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Counter, Histogram, IntCounter, IntGauge};

use super::{CircuitState, Families};
use crate::backend::Cause;

/// The label value of an attempt that was confirmed; others are named by [`Cause::as_str`].
const DELIVERED: &str = "delivered";

/// The handles of one backend. Clones share them.
#[derive(Debug, Clone)]
pub struct DeliveryMetrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    families: Arc<Families>,
    backend: Box<str>,
    kind: &'static str,
    delivered: OnceLock<IntCounter>,
    failed: [OnceLock<IntCounter>; Cause::Timeout as usize + 1],
    duration: OnceLock<Histogram>,
    seconds: OnceLock<Counter>,
    in_flight: IntGauge,
    circuit: IntGauge,
}

impl DeliveryMetrics {
    pub(super) fn new(families: &Arc<Families>, backend: &str, kind: &'static str) -> Self {
        Self(Arc::new(Inner {
            families: Arc::clone(families),
            backend: backend.into(),
            kind,
            delivered: OnceLock::new(),
            failed: array::from_fn(|_| OnceLock::new()),
            duration: OnceLock::new(),
            seconds: OnceLock::new(),
            in_flight: families.delivery_in_flight.get(&[backend]),
            circuit: families.circuit_state.get(&[backend]),
        }))
    }

    /// An attempt ended, `took` after it began. What never left, for an open circuit or the
    /// cap, is counted but not timed.
    pub fn attempt(&self, outcome: Result<(), Cause>, took: Duration) {
        let Inner { families, backend, kind, .. } = &*self.0;
        let (counter, word) = match outcome {
            Ok(()) => (&self.0.delivered, DELIVERED),
            Err(cause) => (&self.0.failed[cause as usize], cause.as_str()),
        };
        counter.get_or_init(|| families.delivery_attempts.get(&[backend, kind, word])).inc();
        if matches!(outcome, Err(Cause::CircuitOpen | Cause::InFlightCap)) {
            return;
        }
        let seconds = took.as_secs_f64();
        self.0.duration.get_or_init(|| families.delivery_duration.get(&[kind])).observe(seconds);
        self.0.seconds.get_or_init(|| families.delivery_seconds.get(&[backend])).inc_by(seconds);
    }

    /// A delivery is under way until the guard is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.0.in_flight.inc();
        InFlight(self.clone())
    }

    /// Whether the connection to a broker is there.
    pub fn connected(&self, there: bool) {
        self.0.families.backend_connected.get(&[&self.0.backend]).set(i64::from(there));
    }

    /// For how long the stream knows a message that it has.
    pub fn duplicate_window(&self, window: Duration) {
        let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX);
        self.0.families.stream_window.get(&[&self.0.backend]).set(seconds);
    }

    /// The circuit is now so.
    pub fn circuit(&self, state: CircuitState) {
        self.0.circuit.set(state as i64);
    }
}

/// A delivery under way.
#[derive(Debug)]
pub struct InFlight(DeliveryMetrics);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.dec();
    }
}
