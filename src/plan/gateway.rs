//! A gateway, as the data path needs it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Bounces, ObjectName};
use crate::mail::Mailbox;
use crate::route::DomainPattern;
use crate::stamp;

/// The gateway: its name to the world, the domains that are its own.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its Kubernetes name.
    pub name: ObjectName,
    /// Greeting, EHLO, `by` of Received, authserv-id.
    pub hostname: String,
    /// Domains that exist here, most specific first: exact, longest suffix, any.
    pub domains: Vec<Delegation>,
    /// Characters that part a local part from its detail.
    pub separators: String,
    /// Where an unmatched postmaster goes.
    pub postmaster: Option<Mailbox>,
    /// What is stamped.
    pub stamp: stamp::Options,
    /// How notifications are sent; `None`: none are.
    pub bounces: Option<Arc<Bounces>>,
}

impl Gateway {
    /// The delegation that takes a folded domain, the most specific one.
    pub fn delegation(&self, domain: &str) -> Option<&Delegation> {
        self.domains.iter().find(|delegation| delegation.domain.matches(domain))
    }

    /// The domain that `<Postmaster>` stands for: the first exact one, as written in the gateway.
    pub fn postmaster_domain(&self) -> Option<&str> {
        let exact = self.domains.iter().filter(|delegation| delegation.order != usize::MAX);
        exact.min_by_key(|delegation| delegation.order).and_then(|delegation| match &delegation.domain {
            DomainPattern::Exact(domain) => Some(domain.as_str()),
            DomainPattern::Suffix(_) | DomainPattern::Any => None,
        })
    }
}

/// A domain of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Which domains.
    pub domain: DomainPattern,
    /// Position among the exact domains as written; `usize::MAX` for the others.
    pub order: usize,
    /// Whether a usable rule takes recipients of it, on any listener; see [`Listener::routed`](super::Listener::routed).
    pub routed: bool,
    /// The namespaces whose rules may take its recipients, of those that have rules at all.
    ///
    /// A match may take in several domains of a gateway (`*.example.net` takes in `a.example.net`),
    /// so which rules a recipient is open to is known only with the recipient: see
    /// [`Plan::is_open`](super::Plan::is_open).
    pub namespaces: BTreeSet<Arc<str>>,
}
