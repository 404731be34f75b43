//! How long to wait before the next connection: longer with each failure, and never the same for all.

use std::time::Duration;

/// Before the first connection after one that worked: a fleet whose controller goes comes back within it.
const FIRST: Duration = Duration::from_secs(1);
/// Never longer than this: so long may a front-end not know that its controller is back.
const LONGEST: Duration = Duration::from_secs(10);
/// Never shorter: nobody spins.
const SHORTEST: Duration = Duration::from_millis(20);

/// The pause after so many failures in a row; `chance` is drawn evenly from 0 to 1, for each pause anew.
pub(super) fn pause(failures: u32, chance: f64) -> Duration {
    let longest = FIRST.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST);
    longest.mul_f64(chance.clamp(0.0, 1.0)).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_to_its_bound_and_is_anywhere_within() {
        for (failures, longest) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 10), (5, 10), (u32::MAX, 10)] {
            assert_eq!(pause(failures, 1.0), Duration::from_secs(longest), "{failures}");
            assert_eq!(pause(failures, 0.5), Duration::from_secs(longest) / 2, "{failures}");
            assert_eq!(pause(failures, 0.0), SHORTEST, "{failures}");
        }
    }
}
