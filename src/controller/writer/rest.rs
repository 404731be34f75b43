//! When what may be written again: how long each object rests after a write, and all after trouble.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::patch::Outcome;
use crate::api::ApiKind;
use crate::plan::ObjectName;

/// An object.
pub(super) type Key = (ApiKind, ObjectName);

/// After a conflict, or with an object that is gone: the watch shows soon what there is.
const SOON: Duration = Duration::from_millis(200);
/// After a refusal: somebody has to do something.
const LATER: Duration = Duration::from_secs(60);
/// After the first trouble of all; twice as long after each further one, up to [`LONGEST`].
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Who rests, and until when.
#[derive(Debug, Default)]
pub(super) struct Rest {
    objects: HashMap<Key, Resting>,
    paused_until: Option<Instant>,
    /// Troubles since the last success.
    troubles: u32,
}

#[derive(Debug)]
enum Resting {
    /// Until the watch shows another version than this one, which was read for a write.
    Seen(String),
    Until(Instant),
}

/// An object is not to be written yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rests;

impl Rest {
    /// Until when nothing is written.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Whether an object may be written that is seen in this version.
    pub(super) fn is_due(&mut self, key: &Key, version: &str, now: Instant) -> Result<(), Rests> {
        let rests = match self.objects.get(key) {
            None => return Ok(()),
            Some(Resting::Seen(read)) => read == version,
            Some(Resting::Until(until)) => *until > now,
        };
        if rests {
            return Err(Rests);
        }
        self.objects.remove(key);
        Ok(())
    }

    /// What came of a write, and when to look at objects again because of it; the watch tells the rest.
    pub(super) fn note(&mut self, key: Key, outcome: Outcome, now: Instant) -> Option<Instant> {
        match outcome {
            Outcome::Written { read, written } => {
                (self.troubles, self.paused_until) = (0, None);
                // Where nothing was changed there is nothing that a watch could show.
                if read != written {
                    self.objects.insert(key, Resting::Seen(read));
                }
                None
            }
            Outcome::Conflict | Outcome::Gone => self.rest(key, now + SOON),
            Outcome::Refused(error) => {
                let (kind, object) = (key.0.name(), &key.1);
                tracing::error!(kind, %object, error, "a status is refused by the API server");
                self.rest(key, now + LATER)
            }
            Outcome::Trouble { error, again } => {
                // Those under way end at about the same time, and by the same trouble.
                if self.paused_until(now).is_none() {
                    let pause = (PAUSE * 2_u32.saturating_pow(self.troubles)).min(LONGEST);
                    let pause = again.unwrap_or(pause).max(pause).mul_f64(rand::random_range(1.0..1.5));
                    tracing::warn!(error, again_in = ?pause, "status can't be written");
                    self.troubles = self.troubles.saturating_add(1);
                    self.paused_until = Some(now + pause);
                }
                self.paused_until
            }
        }
    }

    fn rest(&mut self, key: Key, until: Instant) -> Option<Instant> {
        self.objects.insert(key, Resting::Until(until));
        Some(until)
    }

    /// Forgets who has rested long enough, and says who is next.
    pub(super) fn forget(&mut self, now: Instant) -> Option<Instant> {
        self.objects.retain(|_, resting| !matches!(resting, Resting::Until(until) if *until <= now));
        let until = |resting: &Resting| match resting {
            Resting::Until(until) => Some(*until),
            Resting::Seen(_) => None,
        };
        self.objects.values().filter_map(until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        (ApiKind::Route, ObjectName::new("mail", "support"))
    }

    fn written(read: &str, written: &str) -> Outcome {
        Outcome::Written { read: read.to_owned(), written: written.to_owned() }
    }

    fn trouble(again: Option<Duration>) -> Outcome {
        Outcome::Trouble { error: "503".to_owned(), again }
    }

    #[test]
    fn an_object_rests_until_its_write_is_seen() {
        let (mut rest, now) = (Rest::default(), Instant::now());
        assert_eq!(rest.is_due(&key(), "1", now), Ok(()));
        assert_eq!(rest.note(key(), written("1", "2"), now), None);
        assert_eq!(rest.is_due(&key(), "1", now), Err(Rests));
        assert_eq!(rest.is_due(&key(), "2", now), Ok(()));
        rest.note(key(), written("2", "2"), now);
        assert_eq!(rest.is_due(&key(), "2", now), Ok(()), "nothing was written");
    }

    #[test]
    fn a_conflict_is_tried_again_soon() {
        let (mut rest, now) = (Rest::default(), Instant::now());
        let again = rest.note(key(), Outcome::Conflict, now).unwrap();
        assert_eq!(rest.is_due(&key(), "2", now), Err(Rests));
        assert_eq!(rest.forget(now), Some(again));
        assert_eq!(rest.is_due(&key(), "2", again), Ok(()));
        assert_eq!(rest.forget(again), None);
    }

    #[test]
    fn trouble_stops_all_longer_each_time() {
        let (mut rest, mut now) = (Rest::default(), Instant::now());
        let mut last = Duration::ZERO;
        for _ in 0..4 {
            let until = rest.note(key(), trouble(None), now).unwrap();
            assert!(until - now > last && until - now < LONGEST * 2, "{:?}", until - now);
            assert_eq!(rest.note(key(), trouble(None), now), Some(until), "the same trouble");
            assert_eq!(rest.paused_until(now), Some(until));
            assert_eq!(rest.paused_until(until), None);
            (last, now) = (until - now, until);
        }
        rest.note(key(), trouble(Some(LATER)), now);
        assert!(rest.paused_until(now).unwrap() - now >= LATER, "it said how long");
        rest.note(key(), written("1", "2"), now);
        assert_eq!(rest.paused_until(now), None, "it is well again");
    }
}
