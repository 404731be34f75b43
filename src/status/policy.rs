//! The status of a RecipientPolicy: for each target Accepted and Programmed; Ready.

use std::borrow::Cow;
use std::collections::HashSet;

use super::claim::{ACCEPTED, Claim, PENDING, PROGRAMMED, Truth, of_values, ready, told};
use super::outcome::Outcome;
use super::wanted::{Parts, Picture};
use crate::api::RecipientPolicySpec;
use crate::api::policy::{TargetKind, TargetRef};
use crate::compile::{self, Hold};
use crate::plan::{Finding, ObjectName, Reason, Severity};

pub(super) fn status(
    picture: &Picture<'_>,
    name: &ObjectName,
    spec: &RecipientPolicySpec,
) -> (Vec<Claim>, Parts) {
    let mut ancestors: Vec<(TargetRef, Vec<Claim>)> = Vec::new();
    for (index, target) in spec.target_refs.iter().enumerate() {
        if !ancestors.iter().any(|(known, _)| known == target) {
            ancestors.push((target.clone(), of_target(picture, name, (index, target))));
        }
    }
    let claims = ancestors.iter().flat_map(|(target, claims)| {
        let section = target.section_name.as_ref().map(|section| format!(" {section}")).unwrap_or_default();
        claims.iter().map(move |claim| (format!("{:?} {}{section}", target.kind, target.name), claim))
    });
    let ready = ready(&claims.collect::<Vec<_>>());
    (vec![ready], Parts::Policy { ancestors })
}

fn of_target(picture: &Picture<'_>, name: &ObjectName, (index, target): (usize, &TargetRef)) -> Vec<Claim> {
    if let Some((reason, message)) = compile::absent_target(picture.snapshot, name, target) {
        let accepted = Claim::fails(ACCEPTED, reason.name(), message);
        let programmed = Claim { kind: PROGRAMMED, ..accepted.clone() };
        return vec![accepted, programmed];
    }
    let outcomes = outcomes(picture, name, target);
    let accepted = accepted(picture, name, &outcomes, index);
    let programmed = match accepted.is_true() || accepted.reason == Reason::Conflicted.name() {
        true => programmed(name, &outcomes, index),
        false => Claim { kind: PROGRAMMED, ..accepted.clone() },
    };
    vec![accepted, programmed]
}

/// The gateways that a target leads to: itself, or those that a route names.
fn outcomes<'a>(picture: &Picture<'a>, policy: &ObjectName, target: &TargetRef) -> Vec<&'a Outcome> {
    let name = ObjectName::new(&policy.namespace, &target.name);
    let gateways: Vec<ObjectName> = match target.kind {
        TargetKind::MailGateway => vec![name],
        TargetKind::MailRoute => {
            let parents = picture.snapshot.route(&name).into_iter().flat_map(|route| &route.spec.parent_refs);
            let mut gateways: Vec<_> = parents.map(|parent| compile::parent_name(parent, &name)).collect();
            gateways.sort();
            gateways.dedup();
            gateways
        }
    };
    gateways.iter().filter_map(|gateway| picture.outcomes.get(gateway)).collect()
}

fn accepted(picture: &Picture<'_>, name: &ObjectName, outcomes: &[&Outcome], index: usize) -> Claim {
    // A gateway tells all that there is to say without one, and more.
    let mut findings: Vec<&Finding> = match outcomes {
        [] => picture.about_policy(name).iter().collect(),
        _ => outcomes.iter().flat_map(|outcome| outcome.about("RecipientPolicy", name)).collect(),
    };
    let mut told_already = HashSet::new();
    findings.retain(|finding| told_already.insert((&finding.field, finding.reason, &finding.message)));
    let errors = || findings.iter().copied().filter(|finding| finding.severity == Severity::Error);
    let own = || errors().filter(|finding| !finding.field.starts_with("spec.targetRefs["));
    if own().next().is_some() {
        return Claim::fails(ACCEPTED, of_values(own()), told(own()));
    }
    let at = format!("spec.targetRefs[{index}]");
    let conflicts = || errors().filter(|finding| finding.reason == Reason::Conflicted && finding.field == at);
    if conflicts().next().is_some() {
        return Claim::fails(ACCEPTED, Reason::Conflicted.name(), told(conflicts()));
    }
    Claim::holds(ACCEPTED, "the policy can be used")
}

fn programmed(name: &ObjectName, outcomes: &[&Outcome], index: usize) -> Claim {
    let hold = |outcome: &&&Outcome| {
        let policy = outcome.standings.policies.get(name);
        policy.and_then(|holds| holds.get(&index)).copied().unwrap_or(Hold::NoRule)
    };
    let any = |wanted: Hold| outcomes.iter().find(|outcome| hold(outcome) == wanted);
    if any(Hold::Holds).is_some() {
        let offered = outcomes.iter().filter(|outcome| hold(outcome) == Hold::Holds);
        let held: Vec<&str> = offered.clone().filter_map(|outcome| outcome.offer.held()).collect();
        return match held.first() {
            Some(why) if held.len() == offered.count() => {
                Claim::fails(PROGRAMMED, PENDING, (*why).to_owned())
            }
            _ => Claim::holds(PROGRAMMED, "it holds for a rule, and front-ends are offered it"),
        };
    }
    if any(Hold::Lost).is_some() {
        let message = "all that it sets is set there by older policies: see Accepted";
        return Claim::fails(PROGRAMMED, Reason::Conflicted.name(), message);
    }
    if let Some(outcome) = any(Hold::Overridden) {
        let at = format!("spec.targetRefs[{index}]");
        let mut findings = outcome.about("RecipientPolicy", name).iter();
        let told = findings.find(|finding| finding.reason == Reason::Overridden && finding.field == at);
        let message = told.map_or(Cow::Borrowed("every rule there has a more specific policy"), |finding| {
            Cow::Owned(finding.message.clone())
        });
        return Claim::fails(PROGRAMMED, Reason::Overridden.name(), message);
    }
    Claim::new(PROGRAMMED, Truth::False, "NoRule", "no rule is under its target yet")
}
