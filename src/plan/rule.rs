//! A rule of a route: where its recipients go, or why they can't.

use std::sync::Arc;
use std::time::Duration;

use super::{BackendId, Filters, ObjectName, VerificationId};
use crate::policy::RecipientList;

/// One rule of one route at one gateway: a delivery group.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The route it stands in.
    pub route: ObjectName,
    /// `namespace/name` of the route: label and `ce-route`.
    pub route_label: Arc<str>,
    /// Its name, or its index where it has none.
    pub name: String,
    /// `gateway-namespace/gateway/namespace/route/rule`: names the delivery group in the dedupe key.
    pub group: String,
    /// The policies that hold for it: told to people, the data path has what they say.
    pub policies: Vec<Holding>,
    /// What becomes of its recipients.
    pub state: RuleState,
}

/// A policy that holds for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The block that is taken from it.
    pub block: &'static str,
    /// The policy.
    pub policy: ObjectName,
    /// The target through which it holds: a rule, a route, a listener or a gateway.
    pub target: String,
}

/// Whether a rule can be used.
#[derive(Debug, Clone)]
pub enum RuleState {
    /// Yes.
    Usable(Deliver),
    /// No: it keeps its place, and its recipients get `451 4.3.5`.
    Unusable,
}

/// How a rule delivers.
#[derive(Debug, Clone)]
pub struct Deliver {
    /// Backends, at least one with a weight over 0.
    pub backends: Vec<Weighted>,
    /// What is changed on the way.
    pub filters: Filters,
    /// One of them is a relay: behind the domain `*` it works only on listeners that require AUTH, so that
    /// nobody is an open relay.
    pub relays: bool,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// In-pod retry.
    pub retry: Retry,
    /// The list of the most specific policy that has one.
    pub recipients: Option<Arc<RecipientList>>,
    /// Part of that list can't be read (a bad line, a ConfigMap that is missing): whom it does not
    /// admit gets `451 4.3.5` rather than `550`, since the missing part may have meant them.
    pub recipients_unknown: bool,
    /// Who is asked whether a recipient exists.
    pub verification: Option<VerificationId>,
    /// What the client must have done.
    pub require: Require,
    /// How many messages one sender may send, by each policy that says so.
    pub sender_rates: Vec<SenderRate>,
    /// Octets of a message: the least of policy and backends.
    pub max_message_bytes: u64,
    /// Recipients of a transaction.
    pub max_recipients: u32,
}

/// How many messages one sender may send: the user who signed in, else the reverse-path, else the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderRate {
    /// `namespace/name` of the policy: messages under all of its rules count together.
    pub policy: Arc<str>,
    /// Messages a minute; more get `451 4.7.1`.
    pub messages_per_minute: u32,
}

/// What a client must have done for its mail to be taken; otherwise it gets `530 5.7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Require {
    /// It is inside TLS.
    pub tls: bool,
    /// It has signed in.
    pub auth: bool,
}

/// A backend and its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weighted {
    /// The backend.
    pub backend: BackendId,
    /// Its share among the rule's backends; 0 takes none.
    pub weight: u32,
}

/// Deadlines of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the final dot to the reply, retries included.
    pub total: Duration,
    /// For one connect.
    pub connect: Duration,
}

/// In-pod retry, where a retry is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Further attempts after the first: at most 2.
    pub attempts: u32,
    /// First pause.
    pub base: Duration,
    /// Longest pause.
    pub max: Duration,
}

impl Retry {
    /// Further attempts, whatever the configuration says.
    pub const MOST: u32 = 2;

    /// How many further attempts there may be.
    pub fn attempts(self) -> u32 {
        self.attempts.min(Self::MOST)
    }

    /// The pause before the next attempt, where so many further ones were made: `base`, doubled with each,
    /// `max` at most.
    pub fn pause(self, earlier: u32) -> Duration {
        self.base.saturating_mul(1 << earlier.min(Self::MOST)).min(self.max)
    }
}
