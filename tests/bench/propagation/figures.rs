//! What came of it.

use std::time::Duration;

/// The controller waits so long for a change to be the last one.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Aim: 99 of 100 changes are live so soon after the debounce.
const AIM: Duration = Duration::from_millis(500);

/// Times of all changes.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    answered: Vec<Duration>,
    live: Vec<Duration>,
}

impl Figures {
    /// A change: when the apiserver had taken it, and when the last front-end answered by it.
    pub(crate) fn add(&mut self, answered: Duration, live: Duration) {
        self.answered.push(answered);
        self.live.push(live);
    }

    pub(crate) fn print(&self) {
        println!("{} changes, milliseconds since the apply was sent:", self.live.len());
        println!("{:24} {:>8} {:>8} {:>8} {:>8}", "", "p50", "p90", "p99", "most");
        line("taken by the apiserver", &self.answered);
        line("live on all front-ends", &self.live);
        let beyond: Vec<Duration> = self.live.iter().map(|live| live.saturating_sub(DEBOUNCE)).collect();
        line("… beyond the debounce", &beyond);
        let verdict = if percentile(&beyond, 99) <= AIM { "held" } else { "missed" };
        println!("p99 beyond the debounce of at most {} ms: {verdict}", AIM.as_millis());
    }
}

fn line(what: &str, times: &[Duration]) {
    print!("{what:24}");
    for hundredth in [50, 90, 99, 100] {
        print!(" {:>8.1}", percentile(times, hundredth).as_secs_f64() * 1e3);
    }
    println!();
}

/// So many of a hundred are at most this; nearest rank.
fn percentile(times: &[Duration], hundredth: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * hundredth).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}
