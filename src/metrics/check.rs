//! Checks of policies: which there are, how they end, how long they take.

use std::array;
use std::sync::OnceLock;
use std::time::Duration;

use prometheus::{Histogram, IntCounter};

use super::{Families, ListenerMetrics};

/// Upper bounds of one check, seconds: from 1 µs (a look into our own memory) to 30 s (the longest wait
/// for somebody else's word).
pub const CHECK_SECONDS: &[f64] = &[
    0.000_001, 0.000_01, 0.000_1, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// A client's address against `allowCIDRs` and `denyCIDRs`.
    Access,
    /// A client's connections a minute.
    ConnectionRate,
    /// A client's messages a minute.
    MessageRate,
    /// A sender's messages a minute.
    SenderRate,
    /// Whether a recipient exists, by a service that knows.
    Verification,
}

impl Check {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Access, Self::ConnectionRate, Self::MessageRate, Self::SenderRate, Self::Verification];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::ConnectionRate => "connection_rate",
            Self::MessageRate => "message_rate",
            Self::SenderRate => "sender_rate",
            Self::Verification => "verification",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckOutcome {
    /// Nothing against it.
    Pass,
    /// Refused, for good or for now.
    Refuse,
    /// It could not be made.
    Error,
}

impl CheckOutcome {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Pass, Self::Refuse, Self::Error];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
            Self::Error => "error",
        }
    }
}

/// Handles of the series, which all listeners share.
#[derive(Debug)]
pub(super) struct CheckMetrics([OneCheck; Check::ALL.len()]);

#[derive(Debug, Default)]
struct OneCheck {
    seconds: OnceLock<Histogram>,
    outcomes: [OnceLock<IntCounter>; CheckOutcome::ALL.len()],
}

impl Default for CheckMetrics {
    fn default() -> Self {
        Self(array::from_fn(|_| OneCheck::default()))
    }
}

impl CheckMetrics {
    fn count(&self, families: &Families, check: Check, outcome: CheckOutcome, took: Duration) {
        let OneCheck { seconds, outcomes } = &self.0[check as usize];
        let labels = [check.as_str(), outcome.as_str()];
        outcomes[outcome as usize].get_or_init(|| families.policy_checks.get(&labels)).inc();
        let seconds = seconds.get_or_init(|| families.policy_seconds.get(&labels[..1]));
        seconds.observe(took.as_secs_f64());
    }
}

impl ListenerMetrics {
    /// A policy's check ended so, after `took`.
    pub fn check(&self, check: Check, outcome: CheckOutcome, took: Duration) {
        let (families, _) = self.place();
        self.checks().count(families, check, outcome, took);
    }
}
