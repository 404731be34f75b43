//! How long to wait before something is tried again: longer each time, and never in step with others.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// The waits of one thing that is tried again and again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure: between half of what is due and all of it.
    pub(super) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        after(self.failures)
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The wait after so many failures in a row.
pub(super) fn after(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST).mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_begin_anew() {
        let mut backoff = Backoff::default();
        for due in [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0] {
            let wait = backoff.next().as_secs_f64();
            assert!((due / 2.0..=due).contains(&wait), "{wait} is not about {due}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
