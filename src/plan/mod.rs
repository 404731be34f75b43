//! What compile makes and the data path reads: one gateway, as needed rather than as written.
//!
//! Immutable once built. References between objects are resolved to indices; defaults are applied;
//! secrets are at hand. API types never come this far.

use std::sync::Arc;

use crate::route::RuleId;

pub mod backend;
pub mod bounces;
pub mod filter;
pub mod finding;
pub mod gateway;
pub mod listener;
pub mod nats;
pub mod relay;
pub mod rule;
pub mod template;
pub mod tls;
pub mod verification;

pub use backend::{Auth, Backend, BackendId, Circuit, Format, Http, Identity, OnPartial, Secret, Target};
pub use bounces::Bounces;
pub use filter::{Filters, Rewrite};
pub use finding::{Finding, ObjectRef, Reason, Severity, shown};
pub use gateway::{Delegation, Gateway};
pub use listener::{Access, Auth as ListenerAuth, ClientRates, Listener, Profile, Proxy};
pub use nats::{Nats, NatsAuth};
pub use relay::{Relay, RelayLogin, RelayTls};
pub use rule::{Deliver, Holding, Require, Retry, Rule, RuleState, SenderRate, Timeouts, Weighted};
pub use template::Template;
pub use tls::{Certificate, Tls, TlsMode};
pub use verification::{Verification, VerificationId};

/// `namespace/name` of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectName {
    /// The name of an object in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// All that a front-end runs on.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The gateway this plan is of.
    pub gateway: Gateway,
    /// Listeners that can be opened.
    pub listeners: Vec<Arc<Listener>>,
    /// Rules, by [`RuleId`].
    pub rules: Vec<Arc<Rule>>,
    /// Backends that usable rules name, by [`BackendId`].
    pub backends: Vec<Arc<Backend>>,
    /// Verifications that usable rules name, by [`VerificationId`].
    pub verifications: Vec<Arc<Verification>>,
}

impl Plan {
    /// Whether the domain of a recipient is delegated to the namespace of a rule: the others are
    /// passed over in the look-up, as if they were not there.
    pub fn is_open(&self, delegation: &Delegation, rule: RuleId) -> bool {
        let rule = self.rules.get(rule.0 as usize);
        rule.is_some_and(|rule| delegation.namespaces.contains(rule.route.namespace.as_str()))
    }
}
