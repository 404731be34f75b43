//! Memory for messages: all of them together stay within one limit.
//!
//! What is counted is what was allocated, not what was declared.

use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// The budget of the process.
#[derive(Debug)]
pub struct Budget {
    octets: Arc<Semaphore>,
    used: IntGauge,
}

impl Budget {
    /// A budget of `limit` octets.
    pub fn new(limit: usize, metrics: &Metrics) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        metrics.message_memory_limit().set(i64::try_from(limit).unwrap_or(i64::MAX));
        Self { octets: Arc::new(Semaphore::new(limit)), used: metrics.message_memory() }
    }

    /// Whether `octets` would fit now.
    pub fn has(&self, octets: u64) -> bool {
        u64::try_from(self.octets.available_permits()).is_ok_and(|available| octets <= available)
    }
}

/// What one message holds of the budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Held {
    budget: Arc<Budget>,
    permit: Option<OwnedSemaphorePermit>,
    octets: usize,
}

impl Held {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), permit: None, octets: 0 }
    }

    /// Raises what is held to `octets`, if that fits now.
    pub(super) fn try_raise(&mut self, octets: usize) -> bool {
        let more = self.missing(octets);
        if more == 0 {
            return true;
        }
        match Arc::clone(&self.budget.octets).try_acquire_many_owned(more) {
            Ok(permit) => {
                self.add(permit);
                true
            }
            Err(_) => false,
        }
    }

    /// Raises what is held to `octets`, as soon as that fits.
    pub(super) async fn raise(&mut self, octets: usize) {
        let more = self.missing(octets);
        if let Ok(permit) = Arc::clone(&self.budget.octets).acquire_many_owned(more).await {
            self.add(permit);
        }
    }

    fn missing(&self, octets: usize) -> u32 {
        u32::try_from(octets.saturating_sub(self.octets)).unwrap_or(u32::MAX)
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) {
        let octets = permit.num_permits();
        self.octets += octets;
        self.budget.used.add(i64::try_from(octets).unwrap_or(i64::MAX));
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.sub(i64::try_from(self.octets).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_dropped_is_given_back() {
        let metrics = Metrics::new();
        let budget = Arc::new(Budget::new(100, &metrics));
        let (mut one, mut two) = (Held::new(&budget), Held::new(&budget));
        assert!(one.try_raise(80) && one.try_raise(80));
        assert!(!two.try_raise(30) && budget.has(20) && !budget.has(21));
        assert_eq!(metrics.message_memory().get(), 80);
        drop(one);
        two.raise(30).await;
        assert_eq!(metrics.message_memory().get(), 30);
        drop(two);
        assert!(budget.has(100));
    }
}
