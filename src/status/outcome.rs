//! What became of one gateway: what compile had to say, and what front-ends are offered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::ApiKind;
use crate::compile::{self, Compiled, Opening, Origin, Snapshot, Standings};
use crate::plan::{Finding, ObjectName};

/// What front-ends of a gateway are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// What the objects say now.
    Current {
        /// Its version.
        version: String,
    },
    /// What the objects said before, or nothing.
    Held {
        /// Its version; `None` where nothing is offered.
        version: Option<String>,
        /// Why, and what to do.
        why: String,
    },
}

impl Offer {
    /// The version of what is offered.
    pub(super) fn version(&self) -> Option<&String> {
        match self {
            Self::Current { version } => Some(version),
            Self::Held { version, .. } => version.as_ref(),
        }
    }

    /// Why what the objects say now is not offered; `None` where it is.
    pub(super) fn held(&self) -> Option<&str> {
        match self {
            Self::Current { .. } => None,
            Self::Held { why, .. } => Some(why),
        }
    }
}

/// What became of one gateway.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// By object, then in the order of fields.
    pub(super) findings: Vec<Finding>,
    pub(super) standings: Standings,
    pub(super) offer: Offer,
}

impl Outcome {
    /// From what compile made of the gateway's [selection](crate::compile::select()). The plan is not kept.
    pub fn new((compiled, standings): (Compiled, Standings), offer: Offer) -> Self {
        Self { findings: compiled.findings, standings, offer }
    }

    /// What there is to say about an object.
    pub(super) fn about(&self, kind: &str, name: &ObjectName) -> &[Finding] {
        about(&self.findings, kind, name)
    }

    /// Whether a listener opens.
    pub(super) fn opens(&self, listener: usize) -> bool {
        self.standings.listeners.get(listener) == Some(&Opening::Opens)
    }
}

/// What there is to say without any gateway, in the order of objects: about all but routes, backends and
/// policies of which some outcome tells.
pub(super) fn inspect(snapshot: &Snapshot, outcomes: &BTreeMap<ObjectName, Outcome>) -> Vec<Finding> {
    let by_some = |name: &ObjectName, tells: fn(&Standings, &ObjectName) -> bool| {
        outcomes.values().any(|outcome| tells(&outcome.standings, name))
    };
    let mut rest = Snapshot::default();
    for (kind, name, object) in snapshot.shared_objects() {
        let is_told = match kind {
            ApiKind::Gateway => outcomes.contains_key(name),
            ApiKind::Route => by_some(name, |standings, name| standings.routes.contains_key(name)),
            ApiKind::Backend => by_some(name, |standings, name| standings.backends.contains(name)),
            ApiKind::Policy => by_some(name, |standings, name| standings.policies.contains_key(name)),
            ApiKind::Secret | ApiKind::ConfigMap | ApiKind::Service | ApiKind::Namespace => false,
        };
        if !is_told {
            // Its kind and name are there once.
            let _ = rest.insert(Arc::clone(object));
        }
    }
    for (kind, name, problem) in snapshot.unreadable() {
        rest.insert_unreadable(kind, name.clone(), problem.to_owned());
    }
    compile::inspect(&rest, Origin::Cluster)
}

/// What there is to say about an object, of findings in the order of objects.
pub(super) fn about<'a>(findings: &'a [Finding], kind: &str, name: &ObjectName) -> &'a [Finding] {
    let place = |finding: &Finding| (&*finding.object.kind, &finding.object.name).cmp(&(kind, name));
    let first = findings.partition_point(|finding| place(finding).is_lt());
    let behind = &findings[first..];
    &behind[..behind.partition_point(|finding| place(finding).is_eq())]
}
