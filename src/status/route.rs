//! The status of a MailRoute: for each parent Accepted, ResolvedRefs, Programmed, and where it is so
//! PartiallyInvalid and mailchute.dev/Shadowed; Ready.

use std::collections::BTreeSet;
use std::fmt;

use super::claim::{
    ACCEPTED, Claim, PARTIALLY_INVALID, PENDING, PROGRAMMED, RESOLVED_REFS, SHADOWED, Truth, ready,
    sentences, told,
};
use super::gateway;
use super::outcome::Outcome;
use super::wanted::{Parts, Picture};
use crate::api::route::{ParentRef, RouteRule};
use crate::api::{MailGateway, MailRoute};
use crate::compile::{self, RouteStanding, RuleStanding};
use crate::plan::{Finding, ObjectName, Reason, Severity};

pub(super) fn status(picture: &Picture<'_>, name: &ObjectName, route: &MailRoute) -> (Vec<Claim>, Parts) {
    let mut parents: Vec<(ParentRef, Vec<Claim>)> = Vec::new();
    for (index, parent) in route.spec.parent_refs.iter().enumerate() {
        if !parents.iter().any(|(known, _)| known == parent) {
            parents.push((parent.clone(), of_parent(picture, (name, route), (index, parent))));
        }
    }
    let claims = parents.iter().flat_map(|(parent, claims)| {
        claims.iter().filter_map(move |claim| Some((Place { route: name, parent }, needed(claim)?)))
    });
    let claims: Vec<(Place<'_>, Claim)> = claims.collect();
    let needed: Vec<(Place<'_>, &Claim)> = claims.iter().map(|(place, claim)| (*place, claim)).collect();
    let ready = ready(&needed);
    (vec![ready], Parts::Route { parents })
}

/// A parent, as Ready names it: put into words where something is wrong there.
#[derive(Clone, Copy)]
struct Place<'a> {
    route: &'a ObjectName,
    parent: &'a ParentRef,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailGateway {}", compile::parent_name(self.parent, self.route))?;
        self.parent.section_name.as_ref().map_or(Ok(()), |section| write!(f, " {section}"))
    }
}

/// What a claim means for Ready: to be invalid in part is not to be ready.
fn needed(claim: &Claim) -> Option<Claim> {
    match claim.kind {
        SHADOWED => None,
        PARTIALLY_INVALID => Some(Claim { truth: Truth::False, ..claim.clone() }),
        _ => Some(claim.clone()),
    }
}

fn of_parent(
    picture: &Picture<'_>,
    (name, route): (&ObjectName, &MailRoute),
    (index, parent): (usize, &ParentRef),
) -> Vec<Claim> {
    let gateway = compile::parent_name(parent, name);
    let written = picture.snapshot.gateway(&gateway).zip(picture.outcomes.get(&gateway));
    let Some((written, outcome)) = written else {
        let accepted = match compile::absent_gateway(picture.snapshot, &gateway) {
            Some((reason, message)) => Claim::fails(ACCEPTED, reason.name(), message),
            None => Claim::new(ACCEPTED, Truth::Unknown, PENDING, "the gateway is not compiled yet"),
        };
        return unattached(picture, name, accepted);
    };
    let findings = outcome.about("MailRoute", name);
    let at = format!("spec.parentRefs[{index}]");
    if let Some(refused) = findings.iter().find(|finding| finding.field == at) {
        let accepted = Claim::fails(ACCEPTED, refused.reason.name(), refused.message.clone());
        return unattached(picture, name, accepted);
    }
    let none = RouteStanding::default();
    let standing = outcome.standings.routes.get(name).unwrap_or(&none);
    let listeners = standing.parents.get(&index).cloned().unwrap_or_default();
    let attached = Attached { rules: &route.spec.rules, findings, standing, listeners };
    attached.claims(picture, name, (&gateway, written, outcome))
}

/// Towards a parent that does not take the route.
fn unattached(picture: &Picture<'_>, name: &ObjectName, accepted: Claim) -> Vec<Claim> {
    let programmed = Claim { kind: PROGRAMMED, ..accepted.clone() };
    vec![accepted, without_gateway(picture, name), programmed]
}

/// ResolvedRefs, where no gateway has looked at the route.
fn without_gateway(picture: &Picture<'_>, name: &ObjectName) -> Claim {
    resolved(&compile::unresolved(picture.snapshot, name))
}

fn resolved(findings: &[Finding]) -> Claim {
    let references = || findings.iter().filter(|finding| is_reference(finding));
    match references().next() {
        Some(first) => Claim::fails(RESOLVED_REFS, first.reason.name(), told(references())),
        None => Claim::holds(RESOLVED_REFS, "every backend that it refers to is there and lets it in"),
    }
}

/// Whether it is about a backend that the route refers to.
fn is_reference(finding: &Finding) -> bool {
    matches!(finding.reason, Reason::BackendNotFound | Reason::RefNotPermitted | Reason::InvalidKind)
        || (finding.reason == Reason::Unreadable && finding.field.starts_with("spec.rules["))
}

/// A route on some listeners of a gateway, by one of its parentRefs.
struct Attached<'a> {
    rules: &'a [RouteRule],
    /// What there is to say about the route.
    findings: &'a [Finding],
    standing: &'a RouteStanding,
    listeners: BTreeSet<usize>,
}

impl Attached<'_> {
    fn claims(
        &self,
        picture: &Picture<'_>,
        name: &ObjectName,
        (gateway, written, outcome): (&ObjectName, &MailGateway, &Outcome),
    ) -> Vec<Claim> {
        let accepted = self.accepted();
        let compiled = !self.standing.rules.is_empty();
        let resolved = if compiled { resolved(self.findings) } else { without_gateway(picture, name) };
        let partial = accepted.is_true().then(|| self.partially_invalid()).flatten();
        let programmed = if accepted.is_true() {
            self.programmed((gateway, written, outcome))
        } else {
            Claim { kind: PROGRAMMED, ..accepted.clone() }
        };
        let shadowed = self.shadowed(written);
        [accepted, resolved, programmed].into_iter().chain(partial).chain(shadowed).collect()
    }

    /// Refused is a route of which no rule can be used, by what the route itself says.
    fn accepted(&self) -> Claim {
        let of_itself = |(index, rule): (usize, &RuleStanding)| {
            rule.delegated == 0 || (rule.usable.is_empty() && self.own_errors(index).next().is_some())
        };
        let mut rules = self.standing.rules.iter().enumerate();
        if !self.standing.rules.is_empty() && rules.all(of_itself) {
            let errors = || self.errors().filter(|finding| is_own(finding));
            let reason = errors().next().map_or(Reason::UnsupportedValue, |first| first.reason);
            return Claim::fails(ACCEPTED, own_reason(reason), told(errors()));
        }
        let warnings = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning && finding.reason != Reason::Shadowed);
        let warnings = told(warnings);
        if warnings.is_empty() {
            return Claim::holds(ACCEPTED, "the gateway takes the route");
        }
        Claim::holds(ACCEPTED, warnings)
    }

    /// Some of it is in use and some is not.
    fn partially_invalid(&self) -> Option<Claim> {
        let dead = || self.rules.iter().zip(&self.standing.rules).filter(|(_, rule)| !self.is_alive(rule));
        let alive = self.standing.rules.iter().any(|rule| self.is_alive(rule));
        let mut errors = self.errors().peekable();
        if !alive || (errors.peek().is_none() && dead().next().is_none()) {
            return None;
        }
        let reason = errors.peek().map_or("UnusableRule", |first| match first.reason {
            Reason::Invalid => own_reason(first.reason),
            reason => reason.name(),
        });
        Some(Claim::new(PARTIALLY_INVALID, Truth::True, reason, self.why_not()))
    }

    fn programmed(&self, (name, gateway, outcome): (&ObjectName, &MailGateway, &Outcome)) -> Claim {
        let of_gateway = gateway::programmed(outcome, &gateway.spec);
        if of_gateway.reason == PENDING {
            return of_gateway;
        }
        let opened = self.listeners.iter().any(|listener| outcome.opens(*listener));
        if !of_gateway.is_true() || !opened {
            let message = format!("MailGateway {name} or its listener is not programmed: see its status");
            return Claim::fails(PROGRAMMED, "GatewayNotProgrammed", message);
        }
        if !self.standing.rules.iter().any(|rule| self.is_alive(rule)) {
            return Claim::fails(PROGRAMMED, "NoUsableRule", self.why_not());
        }
        Claim::holds(PROGRAMMED, "front-ends are offered what can be used of it")
    }

    fn shadowed(&self, gateway: &MailGateway) -> Option<Claim> {
        let names = self.listeners.iter().filter_map(|index| gateway.spec.listeners.get(*index));
        let names: BTreeSet<&str> = names.map(|listener| listener.name.as_str()).collect();
        let here = |finding: &&Finding| {
            let on_them = finding.listeners.iter().any(|name| names.contains(name.as_str()));
            finding.reason == Reason::Shadowed && on_them
        };
        let shadowed = || self.findings.iter().filter(here);
        shadowed()
            .next()
            .map(|_| Claim::new(SHADOWED, Truth::True, Reason::Shadowed.name(), told(shadowed())))
    }

    /// Whether a rule can be used on one of the listeners.
    fn is_alive(&self, rule: &RuleStanding) -> bool {
        rule.delegated > 0 && !rule.usable.is_disjoint(&self.listeners)
    }

    /// Why some rules can't be used: what the route says itself, and the objects that say why.
    fn why_not(&self) -> String {
        let errors = self.errors().map(|Finding { field, message, .. }| format!("{field}: {message}"));
        let rules = self.rules.iter().zip(&self.standing.rules).enumerate();
        let blocked =
            rules.filter(|(_, (_, rule))| !rule.blockers.is_empty()).map(|(index, (written, rule))| {
                let blockers: Vec<String> = rule.blockers.iter().map(ToString::to_string).collect();
                let blockers = blockers.join(", ");
                format!(
                    "spec.rules[{index}]: rule {} can't be used: see the status of {blockers}",
                    written.name
                )
            });
        sentences(errors.chain(blocked))
    }

    fn errors(&self) -> impl Iterator<Item = &Finding> {
        let of_rules = |finding: &&Finding| !finding.field.starts_with("spec.parentRefs[");
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).filter(of_rules)
    }

    /// What is wrong with what a rule says, or with the route as a whole.
    fn own_errors(&self, rule: usize) -> impl Iterator<Item = &Finding> {
        let at = format!("spec.rules[{rule}]");
        self.errors().filter(move |finding| {
            let of_rule = finding.field.strip_prefix(&at);
            let here = of_rule.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            is_own(finding) && (here || !finding.field.starts_with("spec.rules["))
        })
    }
}

/// Whether it is about what the route says, rather than about what it refers to.
fn is_own(finding: &Finding) -> bool {
    matches!(
        finding.reason,
        Reason::Invalid | Reason::UnsupportedValue | Reason::DomainNotDelegated | Reason::OpenRelay
    )
}

/// A value that can't be right is not supported either.
fn own_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::DomainNotDelegated | Reason::OpenRelay => reason.name(),
        _ => Reason::UnsupportedValue.name(),
    }
}
