//! The minimum rate of data: under 500 octets a second, after a grace, is too slow. Pure.
//!
//! Only the time in which we read counts, not the time in which we make the client wait.

use std::time::Duration;

/// Octets a second that every honest client reaches.
const MINIMUM_RATE: u64 = 500;

/// The pace of one message.
#[derive(Debug, Default)]
pub(super) struct Pace {
    octets: u64,
    reading: Duration,
}

impl Pace {
    /// Notes that `octets` came after `waited`.
    pub(super) fn note(&mut self, octets: usize, waited: Duration) {
        self.octets += octets as u64;
        self.reading += waited;
    }

    /// How long to wait for the next octets, given the grace.
    pub(super) fn patience(&self, grace: Duration) -> Duration {
        let allowed = Duration::from_secs(self.octets / MINIMUM_RATE).max(grace);
        allowed.saturating_sub(self.reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_first_then_the_rate() {
        let grace = Duration::from_secs(30);
        let mut pace = Pace::default();
        assert_eq!(pace.patience(grace), grace);
        pace.note(1, Duration::from_secs(20));
        assert_eq!(pace.patience(grace), Duration::from_secs(10));
        pace.note(50_000, Duration::from_secs(20));
        assert_eq!(pace.patience(grace), Duration::from_secs(60));
        pace.note(1, Duration::from_secs(70));
        assert_eq!(pace.patience(grace), Duration::ZERO);
    }
}
