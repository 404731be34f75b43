//! The rules of attached routes: what they match, and how they deliver or why they can't.
//!
//! A rule that can't be used keeps its place in the table: its recipients get `451 4.3.5` and never
//! fall through to a rule that was not meant for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::attach::Attached;
use super::backend_ref;
use super::delegation;
use super::fault::{Fault, Faults};
use super::filters;
use super::findings::Findings;
use super::gateway::Usable;
use super::policy::{Policies, Target as PolicyTarget};
use super::snapshot::Snapshot;
use super::trace::{Line, Standing};
use crate::api::matches::{LocalPartKind, LocalPartMatch, SenderMatch, Subaddress as WrittenSubaddress};
use crate::api::route::{BackendRef, RouteMatch, RouteRule};
use crate::api::{ApiKind, MailBackend};
use crate::plan::{
    Backend, BackendId, Deliver, Holding, ObjectName, ObjectRef, Reason, Retry, Rule, RuleState, Timeouts,
    Verification, VerificationId, Weighted,
};
use crate::route::{Candidate, DomainPattern, LocalPart, RuleId, SenderPattern, Subaddress};

/// A match of a rule, as far as it can be known.
#[derive(Debug, Clone)]
pub(super) struct Match {
    /// Where it stands in its route.
    pub(super) field: String,
    /// `None` where the domain can't be read: it might be any that is open to the namespace.
    pub(super) domain: Option<DomainPattern>,
    pub(super) local_part: LocalPart,
    pub(super) sender: Option<SenderPattern>,
}

impl Match {
    /// As a line of the table.
    pub(super) fn candidate(&self, domain: DomainPattern, rule: RuleId) -> Candidate {
        Candidate { domain, local_part: self.local_part.clone(), sender: self.sender.clone(), rule }
    }

    /// Whether it takes every local part from every sender.
    pub(super) fn is_catch_all(&self) -> bool {
        let any = match &self.local_part {
            LocalPart::Any => true,
            LocalPart::Wildcard(pattern, _) => pattern.bytes().all(|octet| octet == b'*'),
            _ => false,
        };
        any && self.sender.is_none()
    }
}

/// One rule as some listeners see it.
pub(super) struct Compiled {
    pub(super) rule: RuleId,
    pub(super) matches: Arc<[Match]>,
}

/// What a route refers to, and what has been made of it so far.
pub(super) struct Rules<'a, 'c> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) gateway: &'c Usable<'a>,
    pub(super) faults: &'c Faults<'a>,
    pub(super) written_backends: HashMap<&'a ObjectName, &'a MailBackend>,
    pub(super) known: &'c HashMap<&'a ObjectName, Option<Arc<Backend>>>,
    pub(super) policies: Policies<'a>,
    pub(super) rules: Vec<Arc<Rule>>,
    pub(super) backends: Vec<Arc<Backend>>,
    pub(super) ids: HashMap<ObjectName, BackendId>,
    pub(super) verifications: Vec<Arc<Verification>>,
    /// By rule: backends and policies that keep it from being used.
    pub(super) blockers: Vec<BTreeSet<ObjectRef>>,
    /// Matches of domains that are not delegated to their route's namespace.
    pub(super) undelegated: Vec<Line>,
}

/// The name of the rule that stands for those of a route that can't be read: no rule can have it.
const UNREADABLE: &str = "(unreadable)";

/// A backend that a route may have; `None` for one that can't be used.
type Named = (ObjectName, Option<Arc<Backend>>);

/// The parts of a rule that no listener changes.
struct Common {
    matches: Arc<[Match]>,
    /// Backends with a weight over 0; `None` where the rule can't be used.
    backends: Option<Vec<(Arc<Backend>, u32)>>,
    /// Backends that can't be used, for reasons of their own.
    blockers: BTreeSet<ObjectRef>,
}

impl<'a> Rules<'a, '_> {
    /// Compiles the rules of a route, once for each of `listeners`: names of listeners, each standing
    /// for those that have the same policies. The answer has a list of rules for each.
    pub(super) fn compile(
        &mut self,
        attached: &Attached<'a>,
        listeners: &[&'a str],
        findings: &mut Findings,
    ) -> Vec<Vec<Compiled>> {
        let mut compiled: Vec<Vec<Compiled>> = listeners.iter().map(|_| Vec::new()).collect();
        let label: Arc<str> = attached.name.to_string().into();
        if attached.written().is_none() {
            compiled.iter_mut().for_each(|rules| rules.push(self.unreadable(attached.name, &label)));
        }
        for (index, rule) in attached.rules().iter().enumerate() {
            let common = self.common(attached, index, rule, findings);
            for (listener, compiled) in listeners.iter().zip(&mut compiled) {
                let state = self.state(attached.name, rule, listener, &common, findings);
                let id = self.add((attached.name, &label), &rule.name, state);
                compiled.push(Compiled { rule: id, matches: Arc::clone(&common.matches) });
            }
        }
        compiled
    }

    fn add(
        &mut self,
        (route, label): (&ObjectName, &Arc<str>),
        name: &str,
        (policies, state): (Vec<Holding>, RuleState),
    ) -> RuleId {
        let id = RuleId(u32::try_from(self.rules.len()).unwrap_or(u32::MAX));
        self.rules.push(Arc::new(Rule {
            route: route.clone(),
            route_label: Arc::clone(label),
            name: name.to_owned(),
            group: format!("{}/{route}/{name}", self.gateway.name),
            policies,
            state,
        }));
        id
    }

    /// What stands for the rules of a route that can't be read: they may take anything.
    fn unreadable(&mut self, route: &ObjectName, label: &Arc<str>) -> Compiled {
        self.blockers.push(BTreeSet::new());
        let rule = self.add((route, label), UNREADABLE, (Vec::new(), RuleState::Unusable));
        let anything =
            Match { field: String::new(), domain: None, local_part: LocalPart::Unknown, sender: None };
        Compiled { rule, matches: [anything].into() }
    }

    fn common(
        &mut self,
        attached: &Attached<'_>,
        index: usize,
        rule: &RouteRule,
        findings: &mut Findings,
    ) -> Common {
        let at = format!("spec.rules[{index}]");
        let faults = self.faults.of(ApiKind::Route, attached.name);
        let matches = self.matches(attached.name, rule, &at, faults, findings);
        let in_matches = format!("{at}.matches[");
        let concerns = |fault: &&Fault| {
            let of_route =
                !fault.field.starts_with("spec.rules[") && !fault.field.starts_with("spec.parentRefs[");
            of_route || (fault.is_under(&at) && !fault.field.starts_with(&in_matches))
        };
        let sound = !faults.iter().any(|fault| concerns(&fault));
        let mut blockers = BTreeSet::new();
        let backends = self.backends(attached.name, (index, rule), &mut blockers, findings);
        Common { matches, backends: backends.filter(|_| sound), blockers }
    }

    fn matches(
        &mut self,
        route: &ObjectName,
        rule: &RouteRule,
        at: &str,
        faults: &[Fault],
        findings: &mut Findings,
    ) -> Arc<[Match]> {
        let mut matches = Vec::with_capacity(rule.matches.len());
        for (index, written) in rule.matches.iter().enumerate() {
            let field = format!("{at}.matches[{index}]");
            let faulty = faults.iter().any(|fault| fault.is_under(&field));
            let read = read_match(written, field, faulty);
            if read.domain.is_none() && !faulty {
                let field = format!("{}.recipient.domain", read.field);
                findings.report((ApiKind::Route, route), Reason::Invalid, field, "is not a domain name");
            }
            if let Some(domain) = &read.domain
                && self.gateway.delegations.open_to(domain, &route.namespace).next().is_none()
            {
                let message = format!(
                    "{} is not delegated to namespace {}: see spec.domains of MailGateway {}",
                    delegation::text(domain),
                    route.namespace,
                    self.gateway.name
                );
                findings.report(
                    (ApiKind::Route, route),
                    Reason::DomainNotDelegated,
                    read.field.clone(),
                    message,
                );
                self.undelegated.push(Line::new((route, &rule.name), read, Standing::NotDelegated));
                continue;
            }
            matches.push(read);
        }
        matches.into()
    }

    /// The backends that take mail; `None` where one of them can't.
    fn backends(
        &self,
        route: &ObjectName,
        (rule, written): (usize, &RouteRule),
        blockers: &mut BTreeSet<ObjectRef>,
        findings: &mut Findings,
    ) -> Option<Vec<(Arc<Backend>, u32)>> {
        let mut backends = Some(Vec::new());
        for (index, written) in written.delivery.backend_refs.iter().enumerate() {
            let found = match self.backend(route, written) {
                Ok((_, Some(backend))) => Some(backend),
                Ok((name, None)) => {
                    blockers.extend((written.weight > 0).then(|| ObjectRef::new("MailBackend", &name)));
                    None
                }
                Err((reason, message)) => {
                    let field = backend_ref::field(rule, index);
                    findings.report((ApiKind::Route, route), reason, field, message);
                    None
                }
            };
            match (found, written.weight) {
                // It takes no mail, so it harms none.
                (_, 0) => {}
                (Some(backend), weight) => {
                    backends.iter_mut().for_each(|all| all.push((Arc::clone(&backend), weight)));
                }
                (None, _) => backends = None,
            }
        }
        backends.filter(|backends| !backends.is_empty())
    }

    /// A backend by reference, `None` for one that can't be used and says so itself; or why the route
    /// can't have it.
    fn backend(&self, route: &ObjectName, written: &BackendRef) -> Result<Named, (Reason, String)> {
        let (name, backend) = backend_ref::resolve(self.snapshot, route, written)?;
        let allow = &self.gateway.spec.backends.allow;
        backend_ref::permit(self.snapshot, (self.gateway.name, allow), (&name, backend))?;
        let known = self.known.get(&name).and_then(Clone::clone);
        Ok((name, known))
    }

    /// Which policies hold for a rule on a listener, and what becomes of its recipients.
    fn state(
        &mut self,
        route: &'a ObjectName,
        rule: &'a RouteRule,
        listener: &'a str,
        common: &Common,
        findings: &mut Findings,
    ) -> (Vec<Holding>, RuleState) {
        let targets = [
            PolicyTarget::route(route, Some(&rule.name)),
            PolicyTarget::route(route, None),
            PolicyTarget::gateway(self.gateway.name, Some(listener)),
            PolicyTarget::gateway(self.gateway.name, None),
        ];
        let separators = &self.gateway.spec.subaddressing.separators;
        let allow = &self.gateway.spec.backends.allow;
        let effective = self.policies.effective(&targets, (separators, allow), findings);
        let policies = effective.holdings;
        let broken = effective.broken.iter().map(|policy| ObjectRef::new("RecipientPolicy", policy));
        self.blockers.push(common.blockers.iter().cloned().chain(broken).collect());
        let (Some(backends), true) = (&common.backends, effective.broken.is_empty()) else {
            return (policies, RuleState::Unusable);
        };
        let of_backends = backends.iter().map(|(backend, _)| backend.max_message_bytes);
        let max_message_bytes = of_backends.chain(effective.max_message_bytes).min().unwrap_or(0);
        let delivery = &rule.delivery;
        let state = RuleState::Usable(Deliver {
            filters: filters::of(rule),
            backends: backends.iter().map(|(backend, weight)| self.weighted(backend, *weight)).collect(),
            relays: backends.iter().any(|(backend, _)| backend.target.is_relay()),
            timeouts: Timeouts {
                total: delivery.timeouts.total.as_std(),
                connect: delivery.timeouts.connect.min(delivery.timeouts.total).as_std(),
            },
            retry: Retry {
                attempts: delivery.retry.attempts,
                base: delivery.retry.backoff.base.as_std(),
                max: delivery.retry.backoff.max.as_std(),
            },
            recipients: effective.recipients,
            recipients_unknown: effective.recipients_unknown,
            verification: effective.verification.map(|verification| self.asked(verification)),
            require: effective.require,
            sender_rates: effective.sender_rates,
            max_message_bytes,
            max_recipients: effective.max_recipients.unwrap_or(u32::MAX),
        });
        (policies, state)
    }

    fn asked(&mut self, verification: Arc<Verification>) -> VerificationId {
        let known = self.verifications.iter().position(|known| Arc::ptr_eq(known, &verification));
        let index = known.unwrap_or(self.verifications.len());
        if known.is_none() {
            self.verifications.push(verification);
        }
        VerificationId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn weighted(&mut self, backend: &Arc<Backend>, weight: u32) -> Weighted {
        let next = BackendId(u32::try_from(self.backends.len()).unwrap_or(u32::MAX));
        let id = *self.ids.entry(backend.name.clone()).or_insert(next);
        if id == next {
            self.backends.push(Arc::clone(backend));
        }
        Weighted { backend: id, weight }
    }
}

/// Reads a match. Of one that is faulty no more is believed than its domain.
pub(super) fn read_match(written: &RouteMatch, field: String, faulty: bool) -> Match {
    let domain = delegation::pattern(&written.recipient.domain);
    let sender = written.sender.as_ref().map(sender);
    if faulty || matches!(sender, Some(None)) {
        let faulty_domain = domain.filter(|_| !written.recipient.domain.is_empty());
        return Match { field, domain: faulty_domain, local_part: LocalPart::Unknown, sender: None };
    }
    let local_part = match domain {
        Some(_) => local_part(written.recipient.local_part.as_ref(), written.recipient.subaddress),
        None => LocalPart::Unknown,
    };
    Match { field, domain, local_part, sender: sender.flatten() }
}

/// A pattern for local parts.
pub(super) fn local_part(written: Option<&LocalPartMatch>, subaddress: WrittenSubaddress) -> LocalPart {
    let subaddress = match subaddress {
        WrittenSubaddress::Ignore => Subaddress::Ignore,
        WrittenSubaddress::Literal => Subaddress::Match,
    };
    let Some(LocalPartMatch { kind, value }) = written else { return LocalPart::Any };
    let value = value.clone();
    match kind {
        LocalPartKind::Exact => LocalPart::Exact(value, subaddress),
        LocalPartKind::Wildcard => LocalPart::Wildcard(value, subaddress),
        LocalPartKind::RegularExpression => LocalPart::RegularExpression(value, subaddress),
    }
}

/// A pattern for senders; `None` where its domain can't be read.
fn sender(written: &SenderMatch) -> Option<SenderPattern> {
    match &written.domain {
        None => Some(SenderPattern::Null),
        Some(domain) => {
            let domain = Some(delegation::pattern(domain)?);
            Some(SenderPattern::Mailbox { domain, local_part: LocalPart::Any })
        }
    }
}
