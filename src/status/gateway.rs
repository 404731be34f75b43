//! The status of a MailGateway: Accepted, Programmed, Ready; for each listener Accepted, ResolvedRefs,
//! Programmed, Conflicted and how many routes are attached; the version that front-ends are offered.

use super::claim::{
    ACCEPTED, CONFLICTED, Claim, PENDING, PROGRAMMED, READY, RESOLVED_REFS, Truth, of_values, ready, told,
};
use super::outcome::Outcome;
use super::wanted::{ListenerClaims, Parts, Picture};
use crate::api::MailGatewaySpec;
use crate::api::listener::Listener;
use crate::compile;
use crate::plan::{Finding, ObjectName, Reason, Severity};

pub(super) fn status(
    picture: &Picture<'_>,
    name: &ObjectName,
    spec: &MailGatewaySpec,
) -> (Vec<Claim>, Parts) {
    let Some(outcome) = picture.outcomes.get(name) else { return unknown(spec) };
    let findings = outcome.about("MailGateway", name);
    let programmed = programmed(outcome, spec);
    let listeners: Vec<ListenerClaims> = spec
        .listeners
        .iter()
        .enumerate()
        .map(|(index, listener)| self::listener(outcome, findings, (index, listener), &programmed))
        .collect();
    let accepted = accepted(findings, &listeners);
    let of_listeners = listeners.iter().flat_map(|listener| {
        let positive = listener.conditions.iter().filter(|claim| claim.kind != CONFLICTED);
        positive.map(move |claim| (format!("listener {}", listener.name), claim))
    });
    let own = [&accepted, &programmed].into_iter().map(|claim| (String::new(), claim));
    let ready = ready(&own.chain(of_listeners).collect::<Vec<_>>());
    let version = outcome.offer.version().cloned();
    (vec![accepted, programmed, ready], Parts::Gateway { listeners, version })
}

/// Of a gateway that has not been compiled.
fn unknown(spec: &MailGatewaySpec) -> (Vec<Claim>, Parts) {
    let pending = |kinds: &[&'static str]| -> Vec<Claim> {
        kinds.iter().map(|kind| Claim::new(kind, Truth::Unknown, PENDING, "it is not compiled yet")).collect()
    };
    let listener = |listener: &Listener| ListenerClaims {
        name: listener.name.clone(),
        attached_routes: 0,
        conditions: pending(&[ACCEPTED, RESOLVED_REFS, PROGRAMMED]),
    };
    let listeners = spec.listeners.iter().map(listener).collect();
    (pending(&[ACCEPTED, PROGRAMMED, READY]), Parts::Gateway { listeners, version: None })
}

/// Whether front-ends are offered the gateway as it is written, and open any of its listeners.
pub(super) fn programmed(outcome: &Outcome, spec: &MailGatewaySpec) -> Claim {
    let opened = (0..spec.listeners.len()).filter(|index| outcome.opens(*index)).count();
    if opened == 0 {
        let message = "no listener can be opened: see Accepted, and what is said of each listener";
        return Claim::fails(PROGRAMMED, "Invalid", message);
    }
    if let Some(why) = outcome.offer.held() {
        return Claim::fails(PROGRAMMED, PENDING, why.to_owned());
    }
    if spec.front_ends.is_none() {
        let message = "spec.frontEnds: name the ServiceAccount of the front-ends: without one none of them gets \
                       the configuration";
        return Claim::fails(PROGRAMMED, "NoFrontEnds", message);
    }
    Claim::holds(PROGRAMMED, "front-ends are offered the gateway as it is written")
}

fn accepted(findings: &[Finding], listeners: &[ListenerClaims]) -> Claim {
    let own = || findings.iter().filter(|finding| !is_of_listeners(finding));
    let errors = || own().filter(|finding| finding.severity == Severity::Error);
    if errors().next().is_some() {
        return Claim::fails(ACCEPTED, of_values(errors()), told(errors()));
    }
    let is_bad = |listener: &&ListenerClaims| !listener.conditions.iter().all(positive_or_conflicted);
    let bad: Vec<&str> = listeners.iter().filter(is_bad).map(|listener| listener.name.as_str()).collect();
    if !bad.is_empty() {
        let message = format!("listeners that are not valid: {}: see what is said of each", bad.join(", "));
        let truth = if bad.len() < listeners.len() { Truth::True } else { Truth::False };
        return Claim::new(ACCEPTED, truth, "ListenersNotValid", message);
    }
    let warnings = told(own().filter(|finding| finding.severity == Severity::Warning));
    Claim::holds(ACCEPTED, if warnings.is_empty() { "the gateway can be used".to_owned() } else { warnings })
}

/// Accepted and ResolvedRefs are what make a listener valid.
fn positive_or_conflicted(claim: &Claim) -> bool {
    claim.is_true() || claim.kind == PROGRAMMED
}

/// Whether it is about a listener, or about the credentials that only listeners use.
fn is_of_listeners(finding: &Finding) -> bool {
    finding.field.starts_with("spec.listeners[") || finding.field.starts_with("spec.auth.")
}

fn listener(
    outcome: &Outcome,
    findings: &[Finding],
    (index, listener): (usize, &Listener),
    gateway: &Claim,
) -> ListenerClaims {
    let own = format!("spec.listeners[{index}]");
    let under = |finding: &&Finding| {
        let of_listener = finding.field.strip_prefix(&own);
        let of_auth = compile::takes_auth(listener) && finding.field.starts_with("spec.auth.");
        finding.severity == Severity::Error
            && (of_auth || of_listener.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
    };
    let here = || findings.iter().filter(under);
    let values = || here().filter(|finding| !is_reference(finding) && finding.reason != Reason::PortConflict);
    let references = || here().filter(|finding| is_reference(finding));
    let conflicts = || here().filter(|finding| finding.reason == Reason::PortConflict);
    let accepted = match (values().next(), conflicts().next()) {
        (None, None) => Claim::holds(ACCEPTED, "the listener can be used"),
        (None, Some(conflict)) => Claim::fails(ACCEPTED, conflict.reason.name(), told(conflicts())),
        (Some(_), _) => Claim::fails(ACCEPTED, of_values(values()), told(values())),
    };
    let resolved = match references().next() {
        None => Claim::holds(RESOLVED_REFS, "all that it refers to is there"),
        Some(first) => Claim::fails(RESOLVED_REFS, first.reason.name(), told(references())),
    };
    let programmed = match (outcome.opens(index), gateway.is_true()) {
        (false, _) => Claim::fails(
            PROGRAMMED,
            "Invalid",
            "it is not opened: see its other conditions, and those of the gateway",
        ),
        (true, false) => Claim { kind: PROGRAMMED, ..gateway.clone() },
        (true, true) => Claim::holds(PROGRAMMED, "front-ends are to open it"),
    };
    let conflicted = conflicts()
        .next()
        .map(|conflict| Claim::new(CONFLICTED, Truth::True, conflict.reason.name(), told(conflicts())));
    ListenerClaims {
        name: listener.name.clone(),
        attached_routes: attached_routes(outcome, index),
        conditions: [accepted, resolved, programmed].into_iter().chain(conflicted).collect(),
    }
}

fn is_reference(finding: &Finding) -> bool {
    matches!(
        finding.reason,
        Reason::InvalidCertificateRef | Reason::SecretNotFound | Reason::InvalidSecretKey
    )
}

fn attached_routes(outcome: &Outcome, listener: usize) -> u32 {
    let routes = outcome.standings.routes.values();
    let attached =
        routes.filter(|route| route.parents.values().any(|listeners| listeners.contains(&listener)));
    u32::try_from(attached.count()).unwrap_or(u32::MAX)
}
