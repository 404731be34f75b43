//! Waiting for what will be, with a deadline.

use std::time::{Duration, Instant};

/// Long enough for anything that comes at all, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and gives it.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// The same, for as long as is said.
pub(crate) fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `look` holds.
pub(crate) fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}
