//! The shrink hold: a snapshot that loses most of its routes at once waits before it is published.
//!
//! A namespace deleted by mistake, a `kubectl delete -f` of the wrong folder, a restore that is half
//! done: whoever did it has a minute to notice, while mail goes on as before. A decision only; the
//! time is an argument.

use std::time::{Duration, Instant};

/// How long a snapshot waits.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// So many routes may always go: a small gateway that is taken down is no accident.
const FEW: usize = 20;

/// What becomes of a new snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is published.
    Publish,
    /// The one before it stays until then, unless routes come back.
    Hold {
        /// When it began to wait.
        since: Instant,
    },
}

/// Whether a snapshot with `new_routes` may take the place of one with `published_routes`; `since` is
/// when one after it began to wait, if one does.
pub(super) fn decide(
    published_routes: usize,
    new_routes: usize,
    since: Option<Instant>,
    now: Instant,
) -> Verdict {
    let lost = published_routes.saturating_sub(new_routes);
    if lost <= FEW || lost * 2 <= published_routes {
        return Verdict::Publish;
    }
    let since = since.unwrap_or(now);
    if now.saturating_duration_since(since) >= HOLD { Verdict::Publish } else { Verdict::Hold { since } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_and_more_than_twenty_wait() {
        let now = Instant::now();
        let hold = Verdict::Hold { since: now };
        let table = [
            (0, 0, Verdict::Publish),
            (0, 500, Verdict::Publish),
            (20, 0, Verdict::Publish),
            (21, 0, hold),
            (21, 1, Verdict::Publish),
            (42, 21, Verdict::Publish),
            (43, 21, hold),
            (1000, 500, Verdict::Publish),
            (1000, 499, hold),
            (1000, 1001, Verdict::Publish),
        ];
        for (published, new, verdict) in table {
            assert_eq!(decide(published, new, None, now), verdict, "{published} → {new}");
        }
    }

    #[test]
    fn it_waits_a_minute_from_the_first_time() {
        let since = Instant::now();
        let after = |seconds| decide(100, 3, Some(since), since + Duration::from_secs(seconds));
        assert_eq!(after(0), Verdict::Hold { since });
        assert_eq!(after(59), Verdict::Hold { since });
        assert_eq!(after(60), Verdict::Publish);
    }

    #[test]
    fn routes_that_come_back_end_the_wait() {
        let since = Instant::now();
        assert_eq!(decide(100, 50, Some(since), since + Duration::from_secs(1)), Verdict::Publish);
    }
}
