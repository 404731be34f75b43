//! When a change is acted upon: once nothing has changed for a while, and not later than that. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Nothing may have changed for so long.
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// After so long it is time even so.
pub(super) const LATEST: Duration = Duration::from_millis(500);

/// Changes that have not been acted upon.
#[derive(Debug, Default)]
pub(super) enum Debounce {
    /// None.
    #[default]
    Calm,
    /// Some.
    Stirred { first: Instant, last: Instant },
}

impl Debounce {
    /// Something has changed.
    pub(super) fn stir(&mut self, now: Instant) {
        *self = match *self {
            Self::Calm => Self::Stirred { first: now, last: now },
            Self::Stirred { first, .. } => Self::Stirred { first, last: now },
        };
    }

    /// When it is time to act.
    pub(super) fn due(&self) -> Option<Instant> {
        match *self {
            Self::Calm => None,
            Self::Stirred { first, last } => Some((last + QUIET).min(first + LATEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_due_when_it_is_quiet() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.stir(start);
        assert_eq!(debounce.due(), Some(start + QUIET));
        debounce.stir(start + QUIET / 2);
        assert_eq!(debounce.due(), Some(start + QUIET / 2 + QUIET));
    }

    #[test]
    fn changes_without_end_are_due_after_a_while() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        for tenth in 0..60 {
            debounce.stir(start + Duration::from_millis(tenth * 10));
        }
        assert_eq!(debounce.due(), Some(start + LATEST));
    }
}
