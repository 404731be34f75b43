//! How often somebody may do something: so many times a minute, or an hour.
//!
//! The generic cell rate algorithm: one moment is kept for each key, at which the key will have its
//! whole allowance again. Whoever was quiet for so long may do all that at once; from then on
//! the allowance comes back evenly. Whoever is refused uses up nothing, so a client that tries again and
//! again is let in as soon as one that waits.
//!
//! The clock is an argument. However many keys there are, the memory is bounded: keys that have their
//! whole allowance again are forgotten first, then those that are nearest to it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Locks of a table, so that sessions seldom wait for each other.
const SHARDS: usize = 16;
/// Keys of a shard: with those of the others about 3 MiB.
const KEYS_PER_SHARD: usize = 4096;

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    times: NonZeroU32,
    span: Duration,
}

impl Rate {
    /// At least one a minute.
    pub const fn per_minute(times: u32) -> Self {
        Self::new(times, MINUTE)
    }

    /// At least one an hour.
    pub const fn per_hour(times: u32) -> Self {
        Self::new(times, HOUR)
    }

    const fn new(times: u32, span: Duration) -> Self {
        let times = match NonZeroU32::new(times) {
            Some(times) => times,
            None => NonZeroU32::MIN,
        };
        Self { times, span }
    }

    /// The time in which one more becomes allowed.
    fn interval(self) -> Duration {
        self.span / self.times.get()
    }

    /// Given when the key is whole again, whether it may once more, and when it is whole then.
    fn take(self, whole: Option<Instant>, now: Instant) -> Option<Instant> {
        let whole = whole.map_or(now, |whole| whole.max(now)) + self.interval();
        (whole - now <= self.span).then_some(whole)
    }
}

/// Whether it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// It may, and that was counted.
    Within,
    /// It may not, and nothing was counted.
    Over,
}

/// The states of many keys.
///
/// A key is kept as a keyed hash of itself: nobody can choose one that meets another's, and by chance
/// two meet once in ten billion full tables.
#[derive(Debug)]
pub struct Rates {
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, Instant>>; SHARDS],
}

impl Default for Rates {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: Default::default() }
    }
}

impl Rates {
    /// Whether `rate` allows one more of `key`; counts nothing.
    pub fn look(&self, key: &impl Hash, rate: Rate, now: Instant) -> Allowance {
        let key = self.hasher.hash_one(key);
        let known = self.shard(key).get(&key).copied();
        if rate.take(known, now).is_some() { Allowance::Within } else { Allowance::Over }
    }

    /// Counts one more of `key`, where `rate` allows it.
    pub fn take(&self, key: &impl Hash, rate: Rate, now: Instant) -> Allowance {
        let key = self.hasher.hash_one(key);
        let mut states = self.shard(key);
        let known = states.get(&key).copied();
        let Some(whole) = rate.take(known, now) else { return Allowance::Over };
        if known.is_none() && states.len() >= KEYS_PER_SHARD {
            make_room(&mut states, now);
        }
        states.insert(key, whole);
        Allowance::Within
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.shards[(key % SHARDS as u64) as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what is whole again. If that is little, an eighth goes too, so that this is seldom done.
fn make_room(states: &mut HashMap<u64, Instant>, now: Instant) {
    states.retain(|_, whole| *whole > now);
    let most = KEYS_PER_SHARD - KEYS_PER_SHARD / 8;
    if states.len() <= most {
        return;
    }
    let mut moments: Vec<Instant> = states.values().copied().collect();
    let surplus = states.len() - most;
    let (_, last, _) = moments.select_nth_unstable(surplus - 1);
    let last = *last;
    states.retain(|_, whole| *whole > last);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Rate = Rate::per_minute(10);

    fn within(rates: &Rates, key: u32, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| rates.take(&key, TEN, now) == Allowance::Within).count()
    }

    #[test]
    fn a_minutes_worth_at_once_then_evenly() {
        let (rates, start) = (Rates::default(), Instant::now());
        assert_eq!(within(&rates, 1, 30, start), 10);
        assert_eq!(within(&rates, 2, 30, start), 10, "another key has its own");
        assert_eq!(within(&rates, 1, 5, start + Duration::from_millis(5999)), 0);
        assert_eq!(within(&rates, 1, 5, start + Duration::from_secs(6)), 1);
        assert_eq!(within(&rates, 1, 5, start + Duration::from_secs(18)), 2);
        assert_eq!(within(&rates, 1, 30, start + Duration::from_secs(300)), 10);
    }

    #[test]
    fn an_hours_worth_comes_back_in_an_hour_and_looking_takes_nothing() {
        let (rates, start, sixty) = (Rates::default(), Instant::now(), Rate::per_hour(60));
        let taken = (0..100).filter(|_| rates.take(&1_u32, sixty, start) == Allowance::Within).count();
        assert_eq!(taken, 60);
        let later = start + MINUTE;
        assert_eq!(rates.look(&1_u32, sixty, later - Duration::from_secs(1)), Allowance::Over);
        for _ in 0..3 {
            assert_eq!(rates.look(&1_u32, sixty, later), Allowance::Within);
        }
        assert_eq!(rates.take(&1_u32, sixty, later), Allowance::Within);
        assert_eq!(rates.look(&1_u32, sixty, later), Allowance::Over);
        assert_eq!(rates.look(&2_u32, sixty, start), Allowance::Within);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let (rates, start) = (Rates::default(), Instant::now() + MINUTE);
        assert_eq!(within(&rates, 1, 30, start), 10);
        assert_eq!(within(&rates, 1, 30, start - Duration::from_secs(30)), 0);
    }

    #[test]
    fn a_new_rate_goes_on_from_what_was_used() {
        let (rates, start) = (Rates::default(), Instant::now());
        assert_eq!(within(&rates, 1, 5, start), 5);
        let slow = Rate::per_minute(2);
        assert_eq!(rates.take(&1_u32, slow, start), Allowance::Within, "half a minute's worth is left");
        assert_eq!(rates.take(&1_u32, slow, start), Allowance::Over);
        assert_eq!(rates.take(&1_u32, Rate::per_minute(0), start + MINUTE), Allowance::Within);
    }

    #[test]
    fn memory_is_bounded_and_the_busiest_are_remembered() {
        let (rates, start) = (Rates::default(), Instant::now());
        assert_eq!(within(&rates, 0, 10, start), 10);
        for key in 1..=(4 * SHARDS * KEYS_PER_SHARD) as u32 {
            assert_eq!(within(&rates, key, 1, start), 1);
        }
        let held: usize = rates.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= SHARDS * KEYS_PER_SHARD, "{held}");
        assert_eq!(within(&rates, 0, 1, start), 0, "whoever used it up is not forgotten");
    }

    #[test]
    fn what_is_whole_again_goes_first() {
        let (rates, start) = (Rates::default(), Instant::now());
        for key in 1..=(2 * SHARDS * KEYS_PER_SHARD) as u32 {
            within(&rates, key, 1, start);
        }
        let later = start + Duration::from_secs(7);
        for key in 1..=1000 {
            within(&rates, key, 1, later);
        }
        let held: usize = rates.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held < SHARDS * KEYS_PER_SHARD, "{held}");
    }
}
