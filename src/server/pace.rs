//! How long we wait for a client. Pure.
//!
//! For a command: so long since our last reply, whatever has come of it. In data: as long as at
//! least 500 octets a second come; a client that is slower uses up a grace. Only the time in which we
//! read counts, not the time in which we make the client wait.

use std::time::Duration;

/// What one octet of data earns: 500 a second are enough.
const EARNED_BY_OCTET: Duration = Duration::from_millis(2);

/// The time a client has used up since our last reply, or since its message began.
///
/// What data earns is never more than what was used up: whoever was fast can't be silent for longer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    used: Duration,
}

impl Pace {
    /// Notes that we waited for a command.
    pub(super) fn note(&mut self, waited: Duration) {
        self.used += waited;
    }

    /// Notes that octets of data came after `waited`.
    pub(super) fn note_data(&mut self, octets: usize, waited: Duration) {
        let earned = EARNED_BY_OCTET.saturating_mul(u32::try_from(octets).unwrap_or(u32::MAX));
        self.used = (self.used + waited).saturating_sub(earned);
    }

    /// How long to wait for the next octets, given the grace.
    pub(super) fn patience(&self, grace: Duration) -> Duration {
        grace.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn octets_of_a_command_earn_nothing() {
        let mut pace = Pace::default();
        pace.note(seconds(200));
        pace.note(seconds(99));
        assert_eq!(pace.patience(seconds(300)), seconds(1));
        pace.note(seconds(2));
        assert_eq!(pace.patience(seconds(300)), Duration::ZERO);
    }

    #[test]
    fn data_at_the_minimum_rate_goes_on_for_ever_and_slower_data_uses_up_the_grace() {
        let mut pace = Pace::default();
        for _ in 0..1000 {
            pace.note_data(500, seconds(1));
        }
        assert_eq!(pace.patience(seconds(30)), seconds(30));
        for _ in 0..60 {
            pace.note_data(250, seconds(1));
        }
        assert_eq!(pace.patience(seconds(30)), Duration::ZERO);
    }

    #[test]
    fn fast_data_does_not_earn_the_right_to_be_silent() {
        let mut pace = Pace::default();
        pace.note_data(25_000_000, seconds(1));
        assert_eq!(pace.patience(seconds(300)), seconds(300));
    }
}
