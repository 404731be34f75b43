//! Which domains a gateway has, and to which namespaces each is delegated.
//!
//! Of several domains that take in a recipient's, the most specific one decides alone: exact, then
//! the longest suffix, then any.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::reference::allows;
use super::snapshot::Snapshot;
use crate::api::gateway::Domain;
use crate::mail::address::fold_domain;
use crate::plan::{Delegation, ObjectName};
use crate::route::DomainPattern;

/// A domain as written, `*.` or `*` included, in folded form; `None` where IDNA refuses it.
pub(super) fn pattern(text: &str) -> Option<DomainPattern> {
    match text.strip_prefix("*.") {
        _ if text == "*" => Some(DomainPattern::Any),
        Some(suffix) => fold_domain(suffix).map(DomainPattern::Suffix),
        None => fold_domain(text).map(DomainPattern::Exact),
    }
}

/// As it is written.
pub(super) fn text(pattern: &DomainPattern) -> String {
    match pattern {
        DomainPattern::Exact(domain) => domain.clone(),
        DomainPattern::Suffix(suffix) => format!("*.{suffix}"),
        DomainPattern::Any => "*".to_owned(),
    }
}

/// A domain of the gateway, and where in it that is written.
pub(super) struct Written {
    pub(super) index: usize,
    pub(super) plan: Delegation,
}

/// The domains of a gateway, the most specific first.
pub(super) struct Delegations {
    pub(super) all: Vec<Written>,
}

impl Delegations {
    /// Folds, orders, and settles who may claim what; fails with the index of a domain that is none
    /// or is there twice.
    pub(super) fn new(
        snapshot: &Snapshot,
        gateway: &ObjectName,
        domains: &[Domain],
        namespaces: &BTreeSet<Arc<str>>,
    ) -> Result<Self, usize> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::with_capacity(domains.len());
        let mut exact = 0..usize::MAX;
        for (index, domain) in domains.iter().enumerate() {
            let pattern =
                pattern(&domain.name).filter(|pattern| seen.insert(pattern.clone())).ok_or(index)?;
            let is_exact = matches!(pattern, DomainPattern::Exact(_));
            let order = if is_exact { exact.next().unwrap_or(usize::MAX) } else { usize::MAX };
            let open =
                |other: &&Arc<str>| allows(snapshot, &domain.allowed_routes, &gateway.namespace, other);
            let namespaces = namespaces.iter().filter(open).map(Arc::clone).collect();
            all.push(Written {
                index,
                plan: Delegation { domain: pattern, order, routed: false, namespaces },
            });
        }
        all.sort_by_cached_key(|written| specificity(&written.plan.domain));
        Ok(Self { all })
    }

    /// The delegations that some recipient of a match falls under and that are open to a namespace:
    /// the one that takes in all of the match, and those inside of it.
    pub(super) fn open_to<'a>(
        &'a self,
        domain: &'a DomainPattern,
        namespace: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Written)> {
        let around = self.all.iter().position(|written| takes_in(&written.plan.domain, domain));
        let open = move |(index, written): &(usize, &Written)| {
            let under = Some(*index) == around || takes_in(domain, &written.plan.domain);
            under && written.plan.namespaces.contains(namespace)
        };
        self.all.iter().enumerate().filter(open)
    }

    /// Whether one rule may take all recipients of a match that another may take.
    pub(super) fn covers(&self, domain: &DomainPattern, winner: &str, loser: &str) -> bool {
        winner == loser
            || self.open_to(domain, loser).all(|(_, written)| written.plan.namespaces.contains(winner))
    }
}

/// Whether every domain of `inner` is one of `outer`.
pub(super) fn takes_in(outer: &DomainPattern, inner: &DomainPattern) -> bool {
    match (outer, inner) {
        (DomainPattern::Any, _) => true,
        (_, DomainPattern::Any) | (DomainPattern::Exact(_), DomainPattern::Suffix(_)) => false,
        (outer, DomainPattern::Exact(domain)) => outer.matches(domain),
        (outer, DomainPattern::Suffix(suffix)) => outer == inner || outer.matches(suffix),
    }
}

fn specificity(domain: &DomainPattern) -> (u8, Reverse<usize>, String) {
    match domain {
        DomainPattern::Exact(domain) => (0, Reverse(0), domain.clone()),
        DomainPattern::Suffix(suffix) => (1, Reverse(suffix.len()), suffix.clone()),
        DomainPattern::Any => (2, Reverse(0), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::{pattern, takes_in};

    #[test]
    fn patterns_take_in_what_lies_below_them() {
        for (outer, inner, expected) in [
            ("*", "*", true),
            ("*", "*.b", true),
            ("*", "a.b", true),
            ("*.b", "*", false),
            ("*.b", "*.b", true),
            ("*.b", "*.a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "b", false),
            ("*.b", "ab", false),
            ("*.a.b", "*.b", false),
            ("a.b", "a.b", true),
            ("a.b", "*.a.b", false),
            ("A.B", "a.b", true),
        ] {
            let (outer, inner) = (pattern(outer).unwrap(), pattern(inner).unwrap());
            assert_eq!(takes_in(&outer, &inner), expected, "{outer:?} {inner:?}");
        }
    }
}
