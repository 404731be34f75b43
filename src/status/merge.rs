//! What should stand in a status, into what stands there.
//!
//! A condition keeps its time for as long as its status is the same. Entries that other controllers have
//! written stay. Where only the time would change, there is nothing to write.

use serde::Serialize;

use super::CONTROLLER_NAME;
use super::claim::Claim;
use super::wanted::{ListenerClaims, Parts, Wanted};
use crate::api::Object;
use crate::api::policy::TargetRef;
use crate::api::route::ParentRef;
use crate::api::status::{
    Condition, ListenerStatus, MailBackendStatus, MailGatewayStatus, MailRouteStatus, PolicyAncestorStatus,
    RecipientPolicyStatus, RouteParentStatus, Time,
};

/// The most parents that a route's status takes.
const MAX_PARENTS: usize = 32;
/// The most ancestors that a policy's status takes.
const MAX_ANCESTORS: usize = 16;

/// The status of an object: what stands in `status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Status {
    /// Of a gateway.
    Gateway(MailGatewayStatus),
    /// Of a route.
    Route(MailRouteStatus),
    /// Of a backend.
    Backend(MailBackendStatus),
    /// Of a policy.
    Policy(RecipientPolicyStatus),
}

/// The status that an object should be given; `None` where what it has says the same.
///
/// It holds what is ours, and of `parents` and `ancestors`, which are written whole, also what is not.
/// `existing` is the object as it was last seen, of the kind and name that `wanted` is for.
pub fn merge(existing: &Object, wanted: &Wanted, now: &Time) -> Option<Status> {
    let merger = Merger { generation: wanted.generation, now };
    match (existing, &wanted.parts) {
        (Object::Gateway(gateway), Parts::Gateway { listeners, version }) => {
            let old = gateway.status.clone().unwrap_or_default();
            let status = MailGatewayStatus {
                conditions: merger.conditions(&old.conditions, &wanted.conditions),
                listeners: listeners.iter().map(|each| merger.listener(&old.listeners, each)).collect(),
                snapshot_version: version.clone(),
            };
            let same = has_all(&old.conditions, &status.conditions)
                && (&old.listeners, &old.snapshot_version) == (&status.listeners, &status.snapshot_version);
            (!same).then_some(Status::Gateway(status))
        }
        (Object::Route(route), Parts::Route { parents }) => {
            let old = route.status.clone().unwrap_or_default();
            let status = MailRouteStatus {
                conditions: merger.conditions(&old.conditions, &wanted.conditions),
                parents: merger.parents(&old.parents, parents),
            };
            let same = has_all(&old.conditions, &status.conditions) && old.parents == status.parents;
            (!same).then_some(Status::Route(status))
        }
        (Object::Backend(backend), Parts::Backend) => {
            let old = backend.status.clone().unwrap_or_default();
            let conditions = merger.conditions(&old.conditions, &wanted.conditions);
            let same = has_all(&old.conditions, &conditions);
            (!same).then_some(Status::Backend(MailBackendStatus { conditions }))
        }
        (Object::Policy(policy), Parts::Policy { ancestors }) => {
            let old = policy.status.clone().unwrap_or_default();
            let status = RecipientPolicyStatus {
                conditions: merger.conditions(&old.conditions, &wanted.conditions),
                ancestors: merger.ancestors(&old.ancestors, ancestors),
            };
            let same = has_all(&old.conditions, &status.conditions) && old.ancestors == status.ancestors;
            (!same).then_some(Status::Policy(status))
        }
        _ => None,
    }
}

/// Whether all of these conditions stand there; what else stands there is somebody else's.
fn has_all(standing: &[Condition], conditions: &[Condition]) -> bool {
    conditions.iter().all(|each| standing.contains(each))
}

struct Merger<'a> {
    generation: Option<i64>,
    now: &'a Time,
}

impl Merger<'_> {
    fn conditions(&self, old: &[Condition], claims: &[Claim]) -> Vec<Condition> {
        claims.iter().map(|claim| self.condition(old, claim)).collect()
    }

    fn condition(&self, old: &[Condition], claim: &Claim) -> Condition {
        let held = old.iter().find(|old| old.type_ == claim.kind && old.status == claim.truth.name());
        let since = held.map_or(self.now, |held| &held.last_transition_time);
        Condition {
            type_: claim.kind.to_owned(),
            status: claim.truth.name().to_owned(),
            reason: claim.reason.to_owned(),
            message: claim.message.clone().into_owned(),
            observed_generation: self.generation,
            last_transition_time: since.clone(),
        }
    }

    fn listener(&self, old: &[ListenerStatus], claims: &ListenerClaims) -> ListenerStatus {
        let held = old.iter().find(|old| old.name == claims.name);
        let held = held.map_or(&[][..], |held| &held.conditions);
        ListenerStatus {
            name: claims.name.clone(),
            attached_routes: claims.attached_routes,
            conditions: self.conditions(held, &claims.conditions),
        }
    }

    fn parents(
        &self,
        old: &[RouteParentStatus],
        parents: &[(ParentRef, Vec<Claim>)],
    ) -> Vec<RouteParentStatus> {
        let (ours, others): (Vec<_>, Vec<_>) =
            old.iter().cloned().partition(|entry| entry.controller_name == CONTROLLER_NAME);
        let entry = |(parent, claims): &(ParentRef, Vec<Claim>)| {
            let held = ours.iter().find(|held| held.parent_ref == *parent);
            let held = held.map_or(&[][..], |held| &held.conditions);
            RouteParentStatus {
                parent_ref: parent.clone(),
                controller_name: CONTROLLER_NAME.to_owned(),
                conditions: self.conditions(held, claims),
            }
        };
        let room = MAX_PARENTS.saturating_sub(others.len());
        others.iter().cloned().chain(parents.iter().take(room).map(entry)).collect()
    }

    fn ancestors(
        &self,
        old: &[PolicyAncestorStatus],
        ancestors: &[(TargetRef, Vec<Claim>)],
    ) -> Vec<PolicyAncestorStatus> {
        let (ours, others): (Vec<_>, Vec<_>) =
            old.iter().cloned().partition(|entry| entry.controller_name == CONTROLLER_NAME);
        let entry = |(target, claims): &(TargetRef, Vec<Claim>)| {
            let held = ours.iter().find(|held| held.ancestor_ref == *target);
            let held = held.map_or(&[][..], |held| &held.conditions);
            PolicyAncestorStatus {
                ancestor_ref: target.clone(),
                controller_name: CONTROLLER_NAME.to_owned(),
                conditions: self.conditions(held, claims),
            }
        };
        let room = MAX_ANCESTORS.saturating_sub(others.len());
        others.iter().cloned().chain(ancestors.iter().take(room).map(entry)).collect()
    }
}
