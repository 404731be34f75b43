//! How a gateway sends delivery status notifications.

use super::Relay;
use crate::policy::bounce::Suppression;
use crate::stamp::token::Seal;

/// What notifications need. Equality decides whether idle sessions with the relay survive a new plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounces {
    /// `namespace/name` of the gateway: the label, and what tokens are sealed for.
    pub gateway: String,
    /// The gateway's public host name: `Reporting-MTA`.
    pub hostname: String,
    /// The server that takes notifications.
    pub relay: Relay,
    /// The keys of bounce tokens.
    pub seal: Seal,
    /// Who gets none.
    pub suppression: Suppression,
}
