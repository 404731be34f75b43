//! Warnings: all is in use, but probably not as meant.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::attach::Attached;
use super::delegation::{self, Delegations, takes_in};
use super::findings::Findings;
use super::gateway::Usable;
use super::route::{Compiled, Match};
use super::snapshot::Snapshot;
use crate::api::listener::{AuthMode, Listener, TlsMode};
use crate::api::route::{BackendRef, RouteRule};
use crate::api::{ApiKind, MailBackend};
use crate::mail::{AddressKey, Mailbox, ReversePath};
use crate::plan::{ObjectName, Reason, Require, Rule, RuleState};
use crate::route::{DomainPattern, Found, Table};

/// Marks the domains that a usable rule takes recipients of.
pub(super) fn mark_routed(
    delegations: &mut Delegations,
    rules: &[Arc<Rule>],
    compiled: &[Vec<Vec<Compiled>>],
) {
    for index in routed(delegations, rules, compiled.iter().flatten().flatten(), AuthMode::Require) {
        if let Some(written) = delegations.all.get_mut(index) {
            written.plan.routed = true;
        }
    }
}

/// The domains that a usable one of these rules takes recipients of, by their indices, on a listener of
/// this mode: a relay takes none of `*` from clients that need not sign in.
pub(super) fn routed<'a>(
    delegations: &Delegations,
    rules: &[Arc<Rule>],
    compiled: impl Iterator<Item = &'a Compiled>,
    auth: AuthMode,
) -> BTreeSet<usize> {
    let mut routed = BTreeSet::new();
    for compiled in compiled {
        let Some(rule) = rules.get(compiled.rule.0 as usize) else { continue };
        let RuleState::Usable(deliver) = &rule.state else { continue };
        let closed = |domain: &DomainPattern| {
            deliver.relays && auth != AuthMode::Require && *domain == DomainPattern::Any
        };
        for domain in compiled.matches.iter().filter_map(|each| each.domain.as_ref()) {
            let open = delegations.open_to(domain, &rule.route.namespace);
            let open = open.filter(|(_, written)| !closed(&written.plan.domain));
            routed.extend(open.map(|(index, _)| index));
        }
    }
    routed
}

/// A domain without a usable rule: its mail is deferred until there is one.
pub(super) fn unrouted(gateway: &Usable<'_>, delegations: &Delegations, findings: &mut Findings) {
    for written in delegations.all.iter().filter(|written| !written.plan.routed) {
        let field = format!("spec.domains[{}]", written.index);
        let message = format!(
            "no usable rule takes recipients of {}: they get 451 4.3.5",
            delegation::text(&written.plan.domain)
        );
        findings.report((ApiKind::Gateway, gateway.name), Reason::Unused, field, message);
    }
}

/// Where mail for postmaster goes (RFC 5321 §4.5.1).
pub(super) fn postmaster(gateway: &Usable<'_>, tables: &[Arc<Table>], findings: &mut Findings) {
    let routed = |key: &AddressKey| {
        let found = |table: &Arc<Table>| table.look_up(key, &ReversePath::Null);
        tables.iter().any(|table| matches!(found(table), Found::Rule(_)))
    };
    let mut report = |field: &str, message: String| {
        findings.report((ApiKind::Gateway, gateway.name), Reason::NoPostmaster, field, message);
    };
    match &gateway.spec.postmaster {
        Some(address) => {
            let key = Mailbox::parse(address.as_bytes(), true).ok().and_then(|mailbox| mailbox.key());
            if !key.is_some_and(|key| routed(&key)) {
                report(
                    "spec.postmaster",
                    format!("no route takes {address}, so mail for postmaster is refused"),
                );
            }
        }
        None => {
            let unrouted = gateway.delegations.all.iter().find_map(|written| match &written.plan.domain {
                DomainPattern::Exact(domain) => {
                    let key = AddressKey { local_part: "postmaster".to_owned(), domain: domain.clone() };
                    (!routed(&key)).then_some(domain)
                }
                DomainPattern::Suffix(_) | DomainPattern::Any => None,
            });
            if let Some(domain) = unrouted {
                let message = format!(
                    "no route takes postmaster@{domain}, whose mail must be accepted (RFC 5321 section 4.5.1): \
                     set spec.postmaster to a mailbox that a route takes"
                );
                report("spec", message);
            }
        }
    }
}

/// Catch-alls that accept mail for recipients who may not exist, and relays that anyone may use.
pub(super) fn matches(
    gateway: &Usable<'_>,
    attached: &Attached<'_>,
    compiled: &[Vec<Compiled>],
    (rules, backends): (&[Arc<Rule>], &HashMap<&ObjectName, &MailBackend>),
    findings: &mut Findings,
) {
    let (open_relay, asked) = (open_relays(gateway, attached, backends), asked(attached, backends));
    for each in compiled.iter().flatten() {
        let Some(rule) = rules.get(each.rule.0 as usize) else { continue };
        let unverified = matches!(&rule.state, RuleState::Usable(deliver) if deliver.recipients.is_none() && deliver.verification.is_none())
            && !asked.contains(&rule.name);
        for matched in each.matches.iter() {
            if unverified && matched.is_catch_all() {
                let message = "accepts mail for every recipient, those who don't exist too: give the rule a \
                               RecipientPolicy with recipients or verification";
                let subject = (ApiKind::Route, attached.name);
                findings.report(subject, Reason::UnverifiedCatchAll, matched.field.clone(), message);
            }
            if open_relay.contains(&rule.name) && reaches_any(gateway, matched, &rule.route.namespace) {
                let message = "a relay behind the domain \"*\" works only on listeners that require AUTH: \
                               anyone could send mail to anyone";
                findings.report(
                    (ApiKind::Route, attached.name),
                    Reason::OpenRelay,
                    matched.field.clone(),
                    message,
                );
            }
        }
    }
}

/// Rules that require what no listener of theirs has: nobody can send mail to their recipients.
pub(super) fn unmet_requirements(
    gateway: &Usable<'_>,
    attached: &[Attached<'_>],
    compiled: &[Vec<Vec<Compiled>>],
    (rules, classes): (&[Arc<Rule>], &[usize]),
    findings: &mut Findings,
) {
    let listeners = || gateway.spec.listeners.iter().zip(classes).zip(&gateway.opens);
    for (attached, compiled) in attached.iter().zip(compiled) {
        for (index, rule) in attached.rules().iter().enumerate() {
            let here =
                listeners().zip(&attached.listeners).filter(|((_, opens), by)| **opens && by.is_some());
            let required = here.filter_map(|(((listener, class), _), _)| {
                let each = compiled.get(*class)?.get(index)?;
                match &rules.get(each.rule.0 as usize)?.state {
                    RuleState::Usable(deliver) => Some((listener, deliver.require)),
                    RuleState::Unusable => None,
                }
            });
            let required: Vec<(&Listener, Require)> = required.collect();
            let unmet = |needed: fn(&Require) -> bool, has: fn(&Listener) -> bool| {
                let one = |(listener, require): &(&Listener, Require)| needed(require) && !has(listener);
                !required.is_empty() && required.iter().all(one)
            };
            let what = if unmet(|require| require.auth, lets_sign_in) {
                "a client that has signed in, and no listener of the route has AUTH"
            } else if unmet(|require| require.tls, has_tls) {
                "TLS, and no listener of the route has any"
            } else {
                continue;
            };
            let message =
                format!("a RecipientPolicy requires {what}: every recipient of rule {} gets 530", rule.name);
            let subject = (ApiKind::Route, attached.name);
            findings.report(subject, Reason::UnmetRequirement, format!("spec.rules[{index}]"), message);
        }
    }
}

/// By AUTH, or by what a trusted peer says in XCLIENT.
fn lets_sign_in(listener: &Listener) -> bool {
    super::defaults::auth_mode(listener) != AuthMode::Disabled || !listener.xclient.trusted_cidrs.is_empty()
}

fn has_tls(listener: &Listener) -> bool {
    listener.tls.as_ref().is_some_and(|tls| tls.mode != TlsMode::Disabled)
}

/// The rules with a relay among their backends, where a listener of the route does not require AUTH.
fn open_relays(
    gateway: &Usable<'_>,
    attached: &Attached<'_>,
    backends: &HashMap<&ObjectName, &MailBackend>,
) -> BTreeSet<String> {
    let listeners = gateway.spec.listeners.iter().zip(&attached.listeners);
    let open = |listener| super::defaults::auth_mode(listener) != AuthMode::Require;
    if !listeners.into_iter().any(|(listener, by)| by.is_some() && open(listener)) {
        return BTreeSet::new();
    }
    let relays = |rule: &&RouteRule| {
        rule.delivery.backend_refs.iter().any(|each| is_relay(attached.name, each, backends))
    };
    attached.rules().iter().filter(relays).map(|rule| rule.name.clone()).collect()
}

/// The rules whose backends are all relays: these are asked about each recipient.
fn asked(attached: &Attached<'_>, backends: &HashMap<&ObjectName, &MailBackend>) -> BTreeSet<String> {
    let asks = |rule: &&RouteRule| {
        rule.delivery.backend_refs.iter().all(|each| is_relay(attached.name, each, backends))
    };
    attached.rules().iter().filter(asks).map(|rule| rule.name.clone()).collect()
}

fn is_relay(route: &ObjectName, each: &BackendRef, backends: &HashMap<&ObjectName, &MailBackend>) -> bool {
    let name = ObjectName::new(each.namespace.as_deref().unwrap_or(&route.namespace), &each.name);
    backends.get(&name).is_some_and(|backend| backend.spec.smtp.is_some() || backend.spec.lmtp.is_some())
}

fn reaches_any(gateway: &Usable<'_>, matched: &Match, namespace: &str) -> bool {
    let Some(domain) = &matched.domain else { return false };
    let mut open = gateway.delegations.open_to(domain, namespace);
    open.any(|(_, written)| takes_in(&written.plan.domain, &DomainPattern::Any))
}

/// Backends that no route names.
pub(super) fn unused_backends(snapshot: &Snapshot, findings: &mut Findings) {
    let refs = snapshot.routes().flat_map(|(route, object)| {
        let refs = object.spec.rules.iter().flat_map(|rule| &rule.delivery.backend_refs);
        refs.map(|each| (each.namespace.as_deref().unwrap_or(&route.namespace), each.name.as_str()))
    });
    let named: HashSet<(&str, &str)> = refs.collect();
    let is_named = |name: &ObjectName| named.contains(&(name.namespace.as_str(), name.name.as_str()));
    for (name, _) in snapshot.backends().filter(|(name, _)| !is_named(name)) {
        findings.report((ApiKind::Backend, name), Reason::Unused, "", "no route names this backend");
    }
}
