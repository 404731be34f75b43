//! Counting snapshots: how they are made, and the front-ends that fetch them.

use std::time::Duration;

use super::Metrics;

/// Upper bounds of one compile of the whole, seconds: from 1 ms (a handful of objects) by way of 10,000
/// routes and 1,000,000 recipients to 10 s.
pub const COMPILE_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What the apiserver said of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReviewOutcome {
    /// It is good, and for us.
    Accepted,
    /// It is not.
    Refused,
    /// It gave no answer.
    Failed,
}

impl ReviewOutcome {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Failed];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    /// All gateways were compiled, and what is to be sent of them was made.
    pub fn compiled(&self, took: Duration) {
        self.families.compile_seconds.get(&[]).observe(took.as_secs_f64());
    }

    /// They could not be, by a fault of ours.
    pub fn compile_failed(&self) {
        self.families.compile_errors.get(&[]).inc();
    }

    /// A gateway's snapshot has so many routes; `lost` is by how many the one has fewer that is held back.
    pub fn snapshot_published(&self, gateway: &str, routes: usize, lost: Option<usize>) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.families.snapshot_routes.get(&[gateway]).set(gauge(routes));
        match lost {
            Some(lost) => self.families.snapshot_held.get(&[gateway]).set(gauge(lost)),
            None => self.families.snapshot_held.retain("gateway", |held| held != gateway),
        }
    }

    /// Only these gateways (`namespace/name`) are left.
    pub fn retain_snapshots(&self, is_left: impl Fn(&str) -> bool) {
        self.families.snapshot_routes.retain("gateway", &is_left);
        self.families.snapshot_held.retain("gateway", &is_left);
        self.families.snapshot_refusals.retain("gateway", &is_left);
    }

    /// A request for a snapshot was answered so.
    pub fn snapshot_answered(&self, code: u16) {
        self.families.snapshot_requests.get(&[&code.to_string()]).inc();
    }

    /// A front-end of a gateway can't use a snapshot.
    pub fn snapshot_refused(&self, gateway: &str) {
        self.families.snapshot_refusals.get(&[gateway]).inc();
    }

    /// So many front-ends use what is published, and so many do not.
    pub fn clients(&self, current: usize, behind: usize) {
        for (is_current, count) in [("true", current), ("false", behind)] {
            self.families.clients.get(&[is_current]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The apiserver was asked about a token.
    pub fn token_reviewed(&self, outcome: ReviewOutcome) {
        self.families.token_reviews.get(&[outcome.as_str()]).inc();
    }
}
