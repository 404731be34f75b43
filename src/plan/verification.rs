//! Recipient verification by callout, as needed. Equality decides whether its cache survives a new plan.

use std::sync::Arc;
use std::time::Duration;

use super::Http;

/// Index of a verification in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerificationId(pub u32);

/// A service that knows recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// `namespace/name` of the policy, for the log.
    pub label: Arc<str>,
    /// Where it is.
    pub http: Http,
    /// How long to wait for it.
    pub timeout: Duration,
    /// How long it is remembered that a recipient exists.
    pub positive: Duration,
    /// How long it is remembered that a recipient does not exist.
    pub negative: Duration,
    /// While it does not answer, recipients are taken as if they existed; otherwise they get `451`.
    pub accept_on_error: bool,
}
