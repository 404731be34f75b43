//! What a route's backendRef leads to, and whether the route and the gateway may use it.

use super::nats;
use super::reference::{allows, is_service};
use super::snapshot::Snapshot;
use crate::api::gateway::BackendTarget;
use crate::api::route::BackendRef;
use crate::api::{ApiKind, MailBackend, MailRoute};
use crate::plan::{ObjectName, Reason};

/// The backend that a route refers to, or why the route can't have it.
pub(super) fn resolve<'a>(
    snapshot: &'a Snapshot,
    route: &ObjectName,
    written: &BackendRef,
) -> Result<(ObjectName, &'a MailBackend), (Reason, String)> {
    if written.kind != "MailBackend" {
        let message = format!("{} is no kind of backend: use MailBackend", written.kind);
        return Err((Reason::InvalidKind, message));
    }
    let name = name(route, written);
    let Some(backend) = snapshot.backend(&name) else {
        return Err(match snapshot.problem(ApiKind::Backend, &name) {
            Some(problem) => (Reason::Unreadable, format!("MailBackend {name} can't be read: {problem}")),
            None => (Reason::BackendNotFound, format!("there is no MailBackend {name}")),
        });
    };
    if !allows(snapshot, &backend.spec.allowed_routes, &name.namespace, &route.namespace) {
        let message = format!(
            "MailBackend {name} does not let in routes of namespace {}: see its allowedRoutes",
            route.namespace
        );
        return Err((Reason::RefNotPermitted, message));
    }
    Ok((name, backend))
}

/// Whether a gateway lets its routes use a backend.
///
/// A host that is written out leads to a Service where it is the name of one of the backend's namespace.
pub(super) fn permit(
    snapshot: &Snapshot,
    (gateway, allow): (&ObjectName, &[BackendTarget]),
    (name, backend): (&ObjectName, &MailBackend),
) -> Result<(), (Reason, String)> {
    let service = match &backend.spec.nats {
        Some(nats) => nats::address(&nats.url)
            .is_ok_and(|address| is_service(snapshot, &name.namespace, (&address.host, address.port))),
        None => backend.spec.http.as_ref().is_some_and(|http| http.service.is_some()),
    };
    let target = if service { BackendTarget::Service } else { BackendTarget::Url };
    if allow.contains(&target) {
        return Ok(());
    }
    let what = if service { "a Service" } else { "a host that is no Service" };
    let message =
        format!("MailBackend {name} leads to {what}, which backends.allow of MailGateway {gateway} forbids");
    Err((Reason::RefNotPermitted, message))
}

/// Where a backendRef stands, as findings have it.
pub(super) fn field(rule: usize, index: usize) -> String {
    format!("spec.rules[{rule}].delivery.backendRefs[{index}]")
}

/// The backends that a route can't have, whatever its gateways say: where each stands, and why.
pub(super) fn unresolved<'a>(
    snapshot: &'a Snapshot,
    (name, route): (&'a ObjectName, &'a MailRoute),
) -> impl Iterator<Item = (String, Reason, String)> + 'a {
    let refs = route.spec.rules.iter().enumerate().flat_map(|(rule, written)| {
        let refs = written.delivery.backend_refs.iter().enumerate();
        refs.map(move |(index, each)| (field(rule, index), each))
    });
    refs.filter_map(move |(field, each)| {
        let (reason, message) = resolve(snapshot, name, each).err()?;
        Some((field, reason, message))
    })
}

fn name(route: &ObjectName, written: &BackendRef) -> ObjectName {
    ObjectName::new(written.namespace.as_deref().unwrap_or(&route.namespace), &written.name)
}
