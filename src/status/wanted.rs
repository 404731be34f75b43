//! Objects and outcomes → what should stand in each status.

use std::collections::BTreeMap;

use super::outcome::{Offer, Outcome};
use crate::api::ApiKind;
use crate::api::policy::TargetRef;
use crate::api::route::ParentRef;
use crate::compile::Snapshot;
use crate::plan::ObjectName;

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

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// What is true of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListenerClaims {
    pub(super) name: String,
    pub(super) attached_routes: u32,
    pub(super) conditions: Vec<Claim>,
}

/// What should stand in the status of every object of ours.
///
/// `outcomes` has those gateways that were compiled; of the others it is not said that they can't be used.
pub fn wanted(snapshot: &Snapshot, outcomes: &BTreeMap<ObjectName, Outcome>) -> Vec<Wanted> {
    let ours = snapshot.objects().filter(|(_, object)| object.kind().is_ours());
    ours.map(|(name, object)| Wanted {
        kind: object.kind(),
        name: name.clone(),
        generation: object.metadata().generation,
        conditions: Vec::new(),
        parts: match object.kind() {
            ApiKind::Gateway => {
                Parts::Gateway { listeners: Vec::new(), version: version(outcomes.get(name)) }
            }
            ApiKind::Route => Parts::Route { parents: Vec::new() },
            ApiKind::Policy => Parts::Policy { ancestors: Vec::new() },
            _ => Parts::Backend,
        },
    })
    .collect()
}

/// The version of what front-ends are offered.
fn version(outcome: Option<&Outcome>) -> Option<String> {
    match &outcome?.offer {
        Offer::Current { version } => Some(version.clone()),
        Offer::Held { version, .. } => version.clone(),
    }
}
