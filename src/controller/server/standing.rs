//! What a connection may take: little and not for long before it has shown a token that is good here,
//! much more then.
//!
//! ```text
//! accepted ─▶ stranger, 10 s ──a good token──▶ member, as long as it asks
//!                  │                              │
//!                  └── cut                        └── nothing asked for 90 s: cut
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::answer::Refusal;
use super::request::LONGEST_WAIT;

/// How long a connection may take until it has shown a good token.
const STRANGER: Duration = Duration::from_secs(10);
/// How long one that has may ask for nothing; a body under way has to be through by then.
const IDLE: Duration = Duration::from_secs(90);
/// How long one with a request under way is left alone.
const BUSY: Duration = LONGEST_WAIT;

/// What one connection has shown.
#[derive(Debug)]
pub(super) struct Standing {
    members: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The place it takes, given back when it ends.
    place: Place,
    under_way: usize,
    since: Instant,
}

#[derive(Debug)]
enum Place {
    Stranger { _permit: OwnedSemaphorePermit },
    Member { _permit: OwnedSemaphorePermit },
}

/// A request of a member that is under way.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Standing);

impl Standing {
    /// A connection of whom nothing is known; `members` are the places of those that are.
    pub(super) fn stranger(permit: OwnedSemaphorePermit, members: Arc<Semaphore>) -> Self {
        let state = State { place: Place::Stranger { _permit: permit }, under_way: 0, since: Instant::now() };
        Self { members, state: Mutex::new(state) }
    }

    /// It has shown a good token, and its request is under way for as long as what this gives is held.
    pub(super) fn admit(&self) -> Result<UnderWay<'_>, Refusal> {
        let mut state = self.lock();
        if let Place::Stranger { .. } = state.place {
            let permit = Arc::clone(&self.members).try_acquire_owned().map_err(|_| Refusal::Crowded)?;
            state.place = Place::Member { _permit: permit };
        }
        state.under_way += 1;
        Ok(UnderWay(self))
    }

    /// Waits until it has had its time.
    pub(super) async fn over(&self) {
        loop {
            let now = Instant::now();
            let due = self.lock().due(now);
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When it has had its time, as far as can be told now.
    fn due(&self, now: Instant) -> Instant {
        match self.place {
            Place::Stranger { .. } => self.since + STRANGER,
            Place::Member { .. } if self.under_way > 0 => now + BUSY,
            Place::Member { .. } => self.since + IDLE,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(members: usize) -> Standing {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Standing::stranger(permit, Arc::new(Semaphore::new(members)))
    }

    #[test]
    fn a_stranger_has_little_time_and_a_member_has_it_from_its_last_request() {
        let standing = stranger(1);
        let due = |now| standing.lock().due(now);
        let began = standing.lock().since;
        let much_later = began + IDLE * 10;
        assert_eq!(due(much_later), began + STRANGER);
        let requests = [standing.admit().unwrap(), standing.admit().unwrap()];
        assert!(due(much_later) > much_later, "a request is under way");
        let [first, second] = requests;
        drop(first);
        assert!(due(much_later) > much_later, "another is");
        drop(second);
        let since = standing.lock().since;
        assert!(since >= began);
        assert_eq!(due(much_later), since + IDLE);
    }

    #[tokio::test]
    async fn who_has_had_its_time_is_over() {
        let standing = stranger(1);
        standing.lock().since -= STRANGER;
        standing.over().await;
        drop(standing.admit().unwrap());
        let waits = tokio::time::timeout(Duration::from_millis(1), standing.over());
        assert!(waits.await.is_err(), "it has just asked");
    }

    #[test]
    fn members_are_so_many_and_strangers_are_not_in_their_way() {
        let members = Arc::new(Semaphore::new(1));
        let strangers = Arc::new(Semaphore::new(2));
        let enter =
            || Standing::stranger(Arc::clone(&strangers).try_acquire_owned().unwrap(), Arc::clone(&members));
        let (one, other) = (enter(), enter());
        drop(one.admit().unwrap());
        assert_eq!(strangers.available_permits(), 1, "a member is no stranger any more");
        assert_eq!(other.admit().unwrap_err(), Refusal::Crowded);
        drop(one.admit().unwrap());
        drop(one);
        drop(other.admit().unwrap());
    }
}
