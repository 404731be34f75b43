//! Objects and outcomes → what should stand in each status.

use std::collections::BTreeMap;

use super::claim::Claim;
use super::outcome::{self, Outcome};
use super::{backend, gateway, policy, route};
use crate::api::policy::TargetRef;
use crate::api::route::ParentRef;
use crate::api::{ApiKind, Object};
use crate::compile::Snapshot;
use crate::plan::{Finding, ObjectName};

/// What should stand in the status of one object: conditions without times.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Its kind: one of our own four.
    pub kind: ApiKind,
    /// Its name.
    pub name: ObjectName,
    /// The generation that this is said of.
    pub(super) generation: Option<i64>,
    pub(super) conditions: Vec<Claim>,
    pub(super) parts: Parts,
}

/// What a status has beside its conditions.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parts {
    Gateway { listeners: Vec<ListenerClaims>, version: Option<String> },
    Route { parents: Vec<(ParentRef, Vec<Claim>)> },
    Backend,
    Policy { ancestors: Vec<(TargetRef, Vec<Claim>)> },
}

/// What is true of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerClaims {
    pub(super) name: String,
    pub(super) attached_routes: u32,
    pub(super) conditions: Vec<Claim>,
}

/// What all that is wanted is made from.
pub(super) struct Picture<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) outcomes: &'a BTreeMap<ObjectName, Outcome>,
    /// What there is to say without any gateway.
    inspected: Vec<Finding>,
    /// By backend and by policy: a gateway that tells of it.
    backends: BTreeMap<&'a ObjectName, &'a Outcome>,
    policies: BTreeMap<&'a ObjectName, &'a Outcome>,
}

impl<'a> Picture<'a> {
    /// What there is to say about a backend.
    pub(super) fn about_backend(&self, name: &ObjectName) -> &[Finding] {
        self.about("MailBackend", (name, self.backends.get(name).copied()))
    }

    /// What there is to say about a policy, whatever its target.
    pub(super) fn about_policy(&self, name: &ObjectName) -> &[Finding] {
        self.about("RecipientPolicy", (name, self.policies.get(name).copied()))
    }

    fn about(&self, kind: &str, (name, told): (&ObjectName, Option<&'a Outcome>)) -> &[Finding] {
        told.map_or_else(|| outcome::about(&self.inspected, kind, name), |outcome| outcome.about(kind, name))
    }
}

/// What should stand in the status of every object of ours that can be read.
pub(super) fn wanted(
    snapshot: &Snapshot,
    outcomes: &BTreeMap<ObjectName, Outcome>,
    inspected: Vec<Finding>,
) -> Vec<Wanted> {
    let standings = || outcomes.values().map(|outcome| (outcome, &outcome.standings));
    let backends = standings()
        .flat_map(|(outcome, standings)| standings.backends.iter().map(move |name| (name, outcome)));
    let policies = standings()
        .flat_map(|(outcome, standings)| standings.policies.keys().map(move |name| (name, outcome)));
    let (backends, policies) = (backends.collect(), policies.collect());
    let picture = Picture { snapshot, outcomes, inspected, backends, policies };
    snapshot.objects().filter_map(|(name, object)| one(&picture, name, object)).collect()
}

fn one(picture: &Picture<'_>, name: &ObjectName, object: &Object) -> Option<Wanted> {
    let (conditions, parts) = match object {
        Object::Gateway(gateway) => gateway::status(picture, name, &gateway.spec),
        Object::Route(route) => route::status(picture, name, route),
        Object::Backend(_) => (backend::conditions(picture, name), Parts::Backend),
        Object::Policy(policy) => policy::status(picture, name, &policy.spec),
        Object::Secret(_) | Object::ConfigMap(_) | Object::Service(_) | Object::Namespace(_) => return None,
    };
    let generation = object.metadata().generation;
    Some(Wanted { kind: object.kind(), name: name.clone(), generation, conditions, parts })
}
