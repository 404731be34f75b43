//! Which routes attach to which listeners of a gateway.

use super::findings::Findings;
use super::reference::allows;
use super::snapshot::{Scope, Snapshot};
use super::table::age;
use crate::api::gateway::MailGatewaySpec;
use crate::api::route::ParentRef;
use crate::api::{ApiKind, MailRoute};
use crate::plan::{ObjectName, Reason};

/// How a route names a listener; the first variant is the stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Section,
    Gateway,
}

/// A route that attaches to at least one listener of the gateway.
pub(super) struct Attached<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) route: &'a MailRoute,
    /// For each listener of the gateway, whether the route attaches, and how it says so.
    pub(super) listeners: Vec<Option<By>>,
}

/// The routes that attach to a gateway, the oldest first.
///
/// A parent that is no gateway at all is told as well.
pub(super) fn attach<'a>(
    snapshot: &'a Snapshot,
    (gateway, spec): (&ObjectName, &MailGatewaySpec),
    findings: &mut Findings,
) -> Vec<Attached<'a>> {
    let mut attached = Vec::new();
    for (name, route) in snapshot.routes() {
        let mut listeners = vec![None; spec.listeners.len()];
        for (index, parent) in route.spec.parent_refs.iter().enumerate() {
            let named = parent_name(parent, name);
            let refused = if named == *gateway {
                join(snapshot, (gateway, spec), name, parent, &mut listeners).err()
            } else {
                absent(snapshot, &named)
            };
            if let Some((reason, message)) = refused {
                findings.report((ApiKind::Route, name), reason, format!("spec.parentRefs[{index}]"), message);
            }
        }
        if listeners.iter().any(Option::is_some) {
            attached.push(Attached { name, route, listeners });
        }
    }
    attached.sort_by_key(|attached| (age(&attached.route.metadata), attached.name));
    attached
}

/// Why a gateway that a route names can't be one of its parents, as far as that is known without reading
/// the gateway.
fn absent(snapshot: &Snapshot, gateway: &ObjectName) -> Option<(Reason, String)> {
    if let Some(problem) = snapshot.problem(ApiKind::Gateway, gateway) {
        let message = format!("MailGateway {gateway} can't be read: {problem}");
        return Some((Reason::Unreadable, message));
    }
    let absent = snapshot.scope() == Scope::Whole && snapshot.gateway(gateway).is_none();
    absent.then(|| (Reason::NoMatchingParent, format!("there is no MailGateway {gateway}")))
}

pub(super) fn parent_name(parent: &ParentRef, route: &ObjectName) -> ObjectName {
    ObjectName::new(parent.namespace.as_deref().unwrap_or(&route.namespace), &parent.name)
}

/// Whether one of a route's parents is this gateway.
pub(super) fn names(route: &MailRoute, name: &ObjectName, gateway: &ObjectName) -> bool {
    route.spec.parent_refs.iter().any(|parent| {
        let namespace = parent.namespace.as_ref().unwrap_or(&name.namespace);
        parent.name == gateway.name && *namespace == gateway.namespace
    })
}

/// Attaches a route to the listeners that a parentRef names and that let it in.
fn join(
    snapshot: &Snapshot,
    (gateway, spec): (&ObjectName, &MailGatewaySpec),
    route: &ObjectName,
    parent: &ParentRef,
    listeners: &mut [Option<By>],
) -> Result<(), (Reason, String)> {
    let by = if parent.section_name.is_some() { By::Section } else { By::Gateway };
    let (mut named, mut let_in) = (false, false);
    for (listener, held) in spec.listeners.iter().zip(listeners) {
        if parent.section_name.as_ref().is_some_and(|section| *section != listener.name) {
            continue;
        }
        named = true;
        if allows(snapshot, &listener.allowed_routes, &gateway.namespace, &route.namespace) {
            let_in = true;
            *held = Some(held.map_or(by, |held| held.min(by)));
        }
    }
    let section = parent.section_name.as_deref().unwrap_or_default();
    match (named, let_in) {
        (_, true) => Ok(()),
        (false, _) => {
            Err((Reason::NoMatchingParent, format!("MailGateway {gateway} has no listener {section}")))
        }
        (true, false) => {
            let message = format!(
                "no listener that is meant lets in routes of namespace {}: see allowedRoutes of MailGateway {gateway}",
                route.namespace
            );
            Err((Reason::NotAllowedByListeners, message))
        }
    }
}
