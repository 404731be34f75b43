//! When which authority signs: a decision about times, and nothing else.
//!
//! A bundle takes its way to a front-end through a ConfigMap and the kubelet, which looks about once a
//! minute; so ten minutes lie between its publication and the first certificate that needs it.

use std::time::{Duration, SystemTime};

use super::ca::{BACKDATED, LIFE};
use super::holdings::Holdings;
use super::issuer::LEAF_LIFE;

/// How long a new authority is believed before it signs.
pub(super) const ANNOUNCED: Duration = Duration::from_secs(600);

/// How long before its end an authority is followed by the next: a third of its life.
const AHEAD: Duration = Duration::from_secs(LIFE.as_secs() / 3);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing before then.
    Wait(SystemTime),
    /// Make the next one.
    Prepare,
    /// The next one signs from now on.
    Promote,
    /// Nobody presents any more what the one before signed.
    Forget,
    /// The one that signs is over, and there is no next: make one that signs at once.
    Replace,
}

/// What is to be done at `now`.
///
/// The time at which the bundles held the next one is noted by whoever publishes them; until then it
/// does not sign, unless the one that signs is over.
pub(super) fn rotation(held: &Holdings, now: SystemTime) -> Step {
    let signing_ends = held.signing.not_after;
    let over = now >= signing_ends;
    // A clock that was ahead must not keep the old one for good.
    let forget_at = (held.since + LEAF_LIFE + BACKDATED).min(signing_ends);
    if held.previous.is_some() && now >= forget_at {
        return Step::Forget;
    }
    let forget_at = held.previous.as_ref().map(|_| forget_at);
    let next_at = match &held.next {
        None if over => return Step::Replace,
        None if now >= signing_ends - AHEAD => return Step::Prepare,
        None => signing_ends - AHEAD,
        Some(_) if over => return Step::Promote,
        Some(next) => match next.published.map(|published| published + ANNOUNCED) {
            Some(due) if now >= due => return Step::Promote,
            Some(due) => due.min(signing_ends),
            None => signing_ends,
        },
    };
    Step::Wait(forget_at.map_or(next_at, |forget_at| forget_at.min(next_at)))
}

#[cfg(test)]
mod tests {
    use super::super::ca::Authority;
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn authority(now: SystemTime) -> Authority {
        Authority::generate(now).unwrap()
    }

    #[test]
    fn an_authority_is_followed_by_the_next_without_a_gap() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let held = Holdings::found(authority(start), start);
        let Step::Wait(due) = rotation(&held, start) else { panic!("a new one waits") };
        assert_eq!(due, start + LIFE * 2 / 3);
        assert_eq!(rotation(&held, due - Duration::from_secs(1)), Step::Wait(due));
        assert_eq!(rotation(&held, due), Step::Prepare);

        let old = held.signing.certificate().clone();
        let held = held.prepared(authority(due));
        let next = held.next.as_ref().unwrap().authority.certificate().clone();
        assert_eq!(rotation(&held, due + DAY), Step::Wait(start + LIFE), "not before it is published");

        let held = held.published(due);
        assert_eq!(rotation(&held, due), Step::Wait(due + ANNOUNCED));
        assert_eq!(rotation(&held, due + ANNOUNCED), Step::Promote);

        let promoted = due + ANNOUNCED;
        let held = held.promoted(promoted);
        assert_eq!(held.signing.certificate(), &next);
        assert_eq!(held.previous.as_ref(), Some(&old));
        let Step::Wait(forget) = rotation(&held, promoted) else { panic!("the old one stays") };
        assert!(forget >= promoted + LEAF_LIFE, "what it signed last is still presented");
        assert_eq!(rotation(&held, forget), Step::Forget);
        assert!(matches!(rotation(&held.forgotten(), forget), Step::Wait(_)));
    }

    #[test]
    fn an_end_that_was_slept_through_is_made_good() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let held = Holdings::found(authority(start), start);
        assert_eq!(rotation(&held, start + LIFE), Step::Replace);
        let unpublished = held.prepared(authority(start + LIFE / 2));
        assert_eq!(rotation(&unpublished, start + LIFE), Step::Promote);
    }

    #[test]
    fn every_step_leaves_less_to_do() {
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let mut held = Holdings::found(authority(start), start);
        let mut now = start;
        for _ in 0..40 {
            now = match rotation(&held, now) {
                Step::Wait(due) => {
                    assert!(due > now, "a wait is one");
                    due
                }
                Step::Prepare => {
                    held = held.prepared(authority(now)).published(now);
                    now
                }
                Step::Promote => {
                    held = held.promoted(now);
                    now
                }
                Step::Forget => {
                    held = held.forgotten();
                    now
                }
                Step::Replace => panic!("there was always a next"),
            };
            assert!(held.signing.not_after > now, "what signs is valid");
        }
        assert!(now > start + 2 * LIFE, "three lives were seen");
    }
}
