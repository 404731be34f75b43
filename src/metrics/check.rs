//! Checks of policies: which there are, how they end, how long they take.

use std::time::Duration;

use super::ListenerMetrics;

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
}

impl Check {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::ConnectionRate => "connection_rate",
            Self::MessageRate => "message_rate",
            Self::SenderRate => "sender_rate",
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
}

impl CheckOutcome {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refuse => "refuse",
        }
    }
}

impl ListenerMetrics {
    /// A policy's check ended so, after `took`. Only what is configured is checked, so it may cost a
    /// look-up.
    pub fn check(&self, check: Check, outcome: CheckOutcome, took: Duration) {
        let (families, _) = self.place();
        families.policy_checks.get(&[check.as_str(), outcome.as_str()]).inc();
        families.policy_seconds.get(&[check.as_str()]).observe(took.as_secs_f64());
    }
}
