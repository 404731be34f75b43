//! What became of the telemetry that goes to a collector.

use prometheus::IntCounter;

use super::Metrics;

/// One of three kinds of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metric points.
    Metrics,
    /// Log records.
    Logs,
}

impl Signal {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// The handles of one signal. Requests are counted once, whatever they hold; what is dropped is counted by
/// its records.
#[derive(Debug, Clone)]
pub(crate) struct ExportMetrics {
    /// Requests that the collector has taken.
    pub(crate) taken: IntCounter,
    /// Requests that it has not, each attempt.
    pub(crate) failed: IntCounter,
    /// Records for which there was no room to wait.
    pub(crate) overflowed: IntCounter,
    /// Records that no attempt got across.
    pub(crate) lost: IntCounter,
    /// Records that the collector did not want.
    pub(crate) rejected: IntCounter,
}

impl Metrics {
    /// The handles of one signal.
    pub(crate) fn export(&self, signal: Signal) -> ExportMetrics {
        let signal = signal.as_str();
        let exports = |outcome| self.families.telemetry_exports.get(&[signal, outcome]);
        let dropped = |reason| self.families.telemetry_dropped.get(&[signal, reason]);
        ExportMetrics {
            taken: exports("ok"),
            failed: exports("failed"),
            overflowed: dropped("queue_full"),
            lost: dropped("failed"),
            rejected: dropped("rejected"),
        }
    }
}
