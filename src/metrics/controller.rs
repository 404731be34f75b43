//! What the controller counts: who leads, what it writes, how old the CRDs are.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntGauge};

use super::Metrics;

/// How a write of a status ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchResult {
    /// The status was written.
    Written,
    /// The object was changed meanwhile; tried again as it is now.
    Conflict,
    /// The object is gone.
    Gone,
    /// Another error; tried again.
    Failed,
}

impl PatchResult {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Written, Self::Conflict, Self::Gone, Self::Failed];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    /// The gauge of leadership.
    pub fn leader(&self) -> IntGauge {
        self.families.leader.get(&[])
    }

    /// When the authority expires that signs the controller's certificate.
    pub fn authority_expiry(&self, expiry: SystemTime) {
        let since = expiry.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.families.authority_expiry.get(&[]).set(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    }

    /// The counter of writes that ended so.
    pub fn status_patches(&self, result: PatchResult) -> IntCounter {
        self.families.status_patches.get(&[result.as_str()])
    }

    /// The gauge of a kind whose CRD may be outdated.
    pub fn crd_outdated(&self, kind: &str) -> IntGauge {
        self.families.crd_outdated.get(&[kind])
    }
}
