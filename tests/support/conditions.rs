//! The table of conditions, and a status as text: what is wanted of golden files, and of a real cluster.

use std::collections::BTreeSet;
use std::fmt::Write;

use mailchute::api::status::Condition;
use mailchute::api::{ApiKind, Object};
use mailchute::plan::ObjectName;
use mailchute::status::{Notice, Status};

/// What the table of conditions promises: kind, type of condition, reason why it is not so, or why a
/// negative one is. Ready is not here: its reasons are those of the others.
pub(crate) const TABLE: &[(ApiKind, &str, &str)] = &[
    (ApiKind::Gateway, "Accepted", "Invalid"),
    (ApiKind::Gateway, "Accepted", "ListenersNotValid"),
    (ApiKind::Gateway, "Accepted", "PortConflict"),
    (ApiKind::Gateway, "Accepted", "UnsupportedValue"),
    (ApiKind::Gateway, "Programmed", "Invalid"),
    (ApiKind::Gateway, "Programmed", "NoFrontEnds"),
    (ApiKind::Gateway, "Programmed", "Pending"),
    (ApiKind::Gateway, "Conflicted", "PortConflict"),
    (ApiKind::Gateway, "ResolvedRefs", "InvalidCertificateRef"),
    (ApiKind::Gateway, "ResolvedRefs", "SecretNotFound"),
    (ApiKind::Gateway, "ResolvedRefs", "InvalidSecretKey"),
    (ApiKind::Route, "Accepted", "NotAllowedByListeners"),
    (ApiKind::Route, "Accepted", "NoMatchingParent"),
    (ApiKind::Route, "Accepted", "DomainNotDelegated"),
    (ApiKind::Route, "Accepted", "OpenRelay"),
    (ApiKind::Route, "Accepted", "UnsupportedValue"),
    (ApiKind::Route, "Accepted", "Unreadable"),
    (ApiKind::Route, "ResolvedRefs", "BackendNotFound"),
    (ApiKind::Route, "ResolvedRefs", "RefNotPermitted"),
    (ApiKind::Route, "ResolvedRefs", "InvalidKind"),
    (ApiKind::Route, "ResolvedRefs", "Unreadable"),
    (ApiKind::Route, "Programmed", "GatewayNotProgrammed"),
    (ApiKind::Route, "Programmed", "NoUsableRule"),
    (ApiKind::Route, "Programmed", "Pending"),
    (ApiKind::Route, "Programmed", "NotAllowedByListeners"),
    (ApiKind::Route, "Programmed", "NoMatchingParent"),
    (ApiKind::Route, "Programmed", "DomainNotDelegated"),
    (ApiKind::Route, "Programmed", "OpenRelay"),
    (ApiKind::Route, "Programmed", "UnsupportedValue"),
    (ApiKind::Route, "Programmed", "Unreadable"),
    (ApiKind::Route, "PartiallyInvalid", "BackendNotFound"),
    (ApiKind::Route, "PartiallyInvalid", "RefNotPermitted"),
    (ApiKind::Route, "PartiallyInvalid", "InvalidKind"),
    (ApiKind::Route, "PartiallyInvalid", "Unreadable"),
    (ApiKind::Route, "PartiallyInvalid", "DomainNotDelegated"),
    (ApiKind::Route, "PartiallyInvalid", "OpenRelay"),
    (ApiKind::Route, "PartiallyInvalid", "UnsupportedValue"),
    (ApiKind::Route, "PartiallyInvalid", "UnusableRule"),
    (ApiKind::Route, "mailchute.dev/Shadowed", "Shadowed"),
    (ApiKind::Backend, "Accepted", "Invalid"),
    (ApiKind::Backend, "Accepted", "UnsupportedValue"),
    (ApiKind::Backend, "ResolvedRefs", "SecretNotFound"),
    (ApiKind::Backend, "ResolvedRefs", "InvalidSecretKey"),
    (ApiKind::Backend, "ResolvedRefs", "ServiceNotFound"),
    (ApiKind::Policy, "Accepted", "Conflicted"),
    (ApiKind::Policy, "Accepted", "TargetNotFound"),
    (ApiKind::Policy, "Accepted", "Invalid"),
    (ApiKind::Policy, "Accepted", "UnsupportedValue"),
    (ApiKind::Policy, "Accepted", "Unreadable"),
    (ApiKind::Policy, "Programmed", "Overridden"),
    (ApiKind::Policy, "Programmed", "Conflicted"),
    (ApiKind::Policy, "Programmed", "NoRule"),
    (ApiKind::Policy, "Programmed", "Pending"),
    (ApiKind::Policy, "Programmed", "TargetNotFound"),
    (ApiKind::Policy, "Programmed", "Invalid"),
    (ApiKind::Policy, "Programmed", "UnsupportedValue"),
    (ApiKind::Policy, "Programmed", "Unreadable"),
];

/// Conditions that are always there, by where they stand: beside the kind, a listener, a parent, an ancestor.
pub(crate) fn always(kind: ApiKind, place: &str) -> &'static [&'static str] {
    match (kind, place) {
        (ApiKind::Gateway, "") => &["Accepted", "Programmed", "Ready"],
        (ApiKind::Backend, "") => &["Accepted", "ResolvedRefs", "Ready"],
        (_, "") => &["Ready"],
        (ApiKind::Policy, _) => &["Accepted", "Programmed"],
        (_, _) => &["Accepted", "ResolvedRefs", "Programmed"],
    }
}

/// What the conditions of some objects reach of [`TABLE`] and beyond.
pub(crate) type Reached = BTreeSet<(ApiKind, String, String)>;

/// The rows of the table that are not reached.
pub(crate) fn missing(reached: &Reached) -> Vec<&'static (ApiKind, &'static str, &'static str)> {
    let is_reached = |(kind, type_, reason): &(ApiKind, &str, &str)| {
        reached.contains(&(*kind, (*type_).to_owned(), (*reason).to_owned()))
    };
    TABLE.iter().filter(|row| !is_reached(row)).collect()
}

/// What is reached beyond the table, but for Ready and for what is as it should be.
pub(crate) fn unlisted(reached: &Reached) -> Vec<&(ApiKind, String, String)> {
    let is_listed = |(kind, type_, reason): &(ApiKind, String, String)| {
        type_ == "Ready" || type_ == reason || TABLE.contains(&(*kind, type_.as_str(), reason.as_str()))
    };
    reached.iter().filter(|each| !is_listed(each)).collect()
}

/// The status that an object has.
pub(crate) fn of_object(object: &Object) -> Option<Status> {
    match object {
        Object::Gateway(gateway) => gateway.status.clone().map(Status::Gateway),
        Object::Route(route) => route.status.clone().map(Status::Route),
        Object::Backend(backend) => backend.status.clone().map(Status::Backend),
        Object::Policy(policy) => policy.status.clone().map(Status::Policy),
        _ => None,
    }
}

/// All lists of conditions of a status, with where they stand.
pub(crate) fn conditions(status: &Status) -> Vec<(String, &[Condition])> {
    let mut all: Vec<(String, &[Condition])> = Vec::new();
    match status {
        Status::Gateway(status) => {
            all.push((String::new(), &status.conditions));
            let of = |name: &str| format!("listener {name}");
            all.extend(status.listeners.iter().map(|each| (of(&each.name), &*each.conditions)));
        }
        Status::Route(status) => {
            all.push((String::new(), &status.conditions));
            all.extend(status.parents.iter().map(|each| ("parent".to_owned(), &*each.conditions)));
        }
        Status::Backend(status) => all.push((String::new(), &status.conditions)),
        Status::Policy(status) => {
            all.push((String::new(), &status.conditions));
            all.extend(status.ancestors.iter().map(|each| ("ancestor".to_owned(), &*each.conditions)));
        }
    }
    all
}

/// A status as text. Of the version it is only told whether there is one.
pub(crate) fn render(kind: ApiKind, name: &ObjectName, status: &Status) -> String {
    let mut out = format!("{} {name}:\n", kind.name());
    if let Status::Gateway(gateway) = status {
        let offered = if gateway.snapshot_version.is_some() { "there is one" } else { "there is none" };
        writeln!(out, "  snapshotVersion: {offered}").unwrap();
        for listener in &gateway.listeners {
            writeln!(out, "  attachedRoutes of {}: {}", listener.name, listener.attached_routes).unwrap();
        }
    }
    for (place, conditions) in conditions(status) {
        if !place.is_empty() {
            writeln!(out, "  {place}:").unwrap();
        }
        let indent = if place.is_empty() { "" } else { "  " };
        for Condition { type_, status, reason, message, .. } in conditions {
            writeln!(out, "  {indent}{type_}: {status}, {reason}, {message:?}").unwrap();
        }
    }
    out
}

/// Notices as text.
pub(crate) fn render_notices(notices: &[Notice]) -> String {
    let mut out = String::from("notices:\n");
    for Notice { kind, name, reason, message, .. } in notices {
        writeln!(out, "- {} {name}: {reason}: {message:?}", kind.name()).unwrap();
    }
    out
}
