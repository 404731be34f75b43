//! Which routes attach to which listeners of a gateway.

use super::findings::Findings;
use super::reference::allows;
use super::snapshot::{Scope, Snapshot};
use super::table::age;
use crate::api::gateway::MailGatewaySpec;
use crate::api::listener::Listener;
use crate::api::route::{ParentRef, RouteRule};
use crate::api::{ApiKind, MailRoute};
use crate::plan::{ObjectName, Reason};

/// How a route names a listener; the first variant is the stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Section,
    Gateway,
}

/// A route that attaches to at least one listener of the gateway, or might: it can't be read.
pub(super) struct Attached<'a> {
    pub(super) name: &'a ObjectName,
    /// `None` where it can't be read.
    route: Option<&'a MailRoute>,
    /// For each listener of the gateway, whether the route attaches, and how it says so.
    pub(super) listeners: Vec<Option<By>>,
    /// By the indices of its parentRefs: the listeners that each attaches it to.
    pub(super) parents: Vec<(usize, Vec<usize>)>,
}

impl<'a> Attached<'a> {
    /// Its rules; `None` where they can't be read.
    pub(super) fn written(&self) -> Option<&'a [RouteRule]> {
        self.route.map(|route| route.spec.rules.as_slice())
    }

    /// Its rules, as far as they can be read.
    pub(super) fn rules(&self) -> &'a [RouteRule] {
        self.written().unwrap_or_default()
    }
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
        let mut parents = Vec::new();
        for (index, parent) in route.spec.parent_refs.iter().enumerate() {
            let refused = if is(parent, name, gateway) {
                let joined = join(snapshot, (gateway, spec), name, parent, &mut listeners);
                joined.map(|joined| parents.push((index, joined))).err()
            } else {
                absent(snapshot, &parent_name(parent, name))
            };
            if let Some((reason, message)) = refused {
                findings.report((ApiKind::Route, name), reason, format!("spec.parentRefs[{index}]"), message);
            }
        }
        if listeners.iter().any(Option::is_some) {
            attached.push(Attached { name, route: Some(route), listeners, parents });
        }
    }
    attached.extend(unreadable(snapshot, gateway, spec));
    attached.sort_by_key(|attached| (attached.route.map(|route| age(&route.metadata)), attached.name));
    attached
}

/// The routes that can't be read, on every listener that would let them in.
fn unreadable<'a>(
    snapshot: &'a Snapshot,
    gateway: &ObjectName,
    spec: &MailGatewaySpec,
) -> impl Iterator<Item = Attached<'a>> {
    snapshot.unreadable_of(ApiKind::Route).filter_map(move |(name, _)| {
        let let_in = |listener: &Listener| {
            allows(snapshot, &listener.allowed_routes, &gateway.namespace, &name.namespace)
        };
        let listeners = spec.listeners.iter().map(|listener| let_in(listener).then_some(By::Gateway));
        let listeners: Vec<_> = listeners.collect();
        let attached = Attached { name, route: None, listeners, parents: Vec::new() };
        attached.listeners.iter().any(Option::is_some).then_some(attached)
    })
}

/// Why a gateway that a route names can't be one of its parents, as far as that is known without reading
/// the gateway; `None` where it can.
pub fn absent(snapshot: &Snapshot, gateway: &ObjectName) -> Option<(Reason, String)> {
    if let Some(problem) = snapshot.problem(ApiKind::Gateway, gateway) {
        let message = format!("MailGateway {gateway} can't be read: {problem}");
        return Some((Reason::Unreadable, message));
    }
    let absent = snapshot.scope() == Scope::Whole && snapshot.gateway(gateway).is_none();
    absent.then(|| (Reason::NoMatchingParent, format!("there is no MailGateway {gateway}")))
}

/// The gateway that a parentRef of a route names.
pub fn parent_name(parent: &ParentRef, route: &ObjectName) -> ObjectName {
    ObjectName::new(parent.namespace.as_deref().unwrap_or(&route.namespace), &parent.name)
}

/// Whether one of a route's parents is this gateway.
pub(super) fn names(route: &MailRoute, name: &ObjectName, gateway: &ObjectName) -> bool {
    route.spec.parent_refs.iter().any(|parent| is(parent, name, gateway))
}

fn is(parent: &ParentRef, route: &ObjectName, gateway: &ObjectName) -> bool {
    let namespace = parent.namespace.as_ref().unwrap_or(&route.namespace);
    parent.name == gateway.name && *namespace == gateway.namespace
}

/// Attaches a route to the listeners that a parentRef names and that let it in, and says which.
fn join(
    snapshot: &Snapshot,
    (gateway, spec): (&ObjectName, &MailGatewaySpec),
    route: &ObjectName,
    parent: &ParentRef,
    listeners: &mut [Option<By>],
) -> Result<Vec<usize>, (Reason, String)> {
    let by = if parent.section_name.is_some() { By::Section } else { By::Gateway };
    let (mut named, mut let_in) = (false, Vec::new());
    for (index, (listener, held)) in spec.listeners.iter().zip(listeners).enumerate() {
        if parent.section_name.as_ref().is_some_and(|section| *section != listener.name) {
            continue;
        }
        named = true;
        if allows(snapshot, &listener.allowed_routes, &gateway.namespace, &route.namespace) {
            let_in.push(index);
            *held = Some(held.map_or(by, |held| held.min(by)));
        }
    }
    let section = parent.section_name.as_deref().unwrap_or_default();
    if !named {
        let message = format!("MailGateway {gateway} has no listener {section}");
        return Err((Reason::NoMatchingParent, message));
    }
    if let_in.is_empty() {
        let message = format!(
            "no listener that is meant lets in routes of namespace {}: see allowedRoutes of MailGateway {gateway}",
            route.namespace
        );
        return Err((Reason::NotAllowedByListeners, message));
    }
    Ok(let_in)
}
