//! How long the next attempt waits.

use super::*;

#[test]
fn a_collector_may_ask_for_a_longer_pause_within_reason() {
    let seconds = Duration::from_secs;
    for (own, asked, paused) in [(2, None, 2), (2, Some(0), 2), (2, Some(60), 60), (2, Some(86_400), 300)] {
        assert_eq!(pause_of(seconds(own), asked.map(seconds)), seconds(paused), "{asked:?}");
    }
}
