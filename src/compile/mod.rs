//! Snapshot of API objects → the plan of one gateway, and what there is to say about all of them.
//!
//! Pure, whole, every time: the same code under `check`, `explain`, `dev`, `serve` and in a cluster,
//! so that all behave alike. No clock, no randomness, no log.
//!
//! | file | what |
//! | --- | --- |
//! | `snapshot` | the objects, by kind and name |
//! | `select`, `refers` | those of one gateway |
//! | `inspected`, `fault` | what an object tells against itself: bounds, `cel` twins, `unsupported` fields |
//! | `reference` | namespaces by labels, keys of Secrets, ports of Services |
//! | `gateway`, `delegation`, `defaults` | listeners, domains and who may claim them |
//! | `connection` | who may connect to a listener |
//! | `tls`, `auth`, `bounces` | certificates of listeners, who may sign in, how senders are notified |
//! | `backend`, `verification` | destinations and callouts |
//! | `endpoint`, `http`, `nats`, `relay` | the servers that these are, with their secrets |
//! | `policy`, `recipients` | which policy holds for a rule; lists |
//! | `attach`, `route`, `filters`, `backend_ref`, `table` | routes to listeners, rules, precedence |
//! | `advice` | warnings |
//! | `standing` | what became of each part, for status |
//! | `trace` | what became of each match, for `explain` |
//!
//! Our mistakes never bounce mail. A rule that can't be used keeps its place, and its recipients get
//! `451`; so do recipients of whom it can't be known whether a rule takes them. A listener that can't
//! be used is not opened; a gateway whose name or domains can't be read has no plan at all.

use std::collections::HashMap;
use std::sync::Arc;

mod advice;
mod attach;
mod auth;
mod backend;
mod backend_ref;
mod bounces;
mod cel;
mod connection;
mod defaults;
mod delegation;
mod endpoint;
mod fault;
mod filters;
mod findings;
mod gateway;
mod http;
mod inspected;
mod nats;
mod policy;
mod recipients;
mod reference;
mod refers;
mod relay;
mod route;
mod select;
mod snapshot;
mod standing;
mod table;
mod tls;
pub mod trace;
mod unsupported;
mod verification;

pub use attach::{absent as absent_gateway, parent_name};
pub use auth::takes_auth;
pub use inspected::Inspected;
pub use policy::absent as absent_target;
pub use refers::{Key, Reference, references};
pub use select::select;
pub use snapshot::{Duplicate, Snapshot};
pub use standing::{Hold, Opening, RouteStanding, RuleStanding, Standings};

use crate::api::ApiKind;
use crate::mail::address::fold_domain;
use crate::plan::{Backend, Finding, Listener, ObjectName, Plan, Reason, Rule, RuleState, Weighted};
use crate::route::Table;
use attach::Attached;
use fault::Faults;
use findings::Findings;
use gateway::Usable;
use policy::{Policies, Target};
use route::{Compiled as CompiledRule, Rules};
use table::{OnListener, Tables};
use trace::Trace;
use verification::Verifications;

/// Where the objects came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Files: their author runs this process, so it may call loopback addresses.
    Files,
    /// A cluster: their authors must not reach into the pod.
    Cluster,
}

/// What compile makes.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The plan; `None` where the gateway is not there or can't be used.
    pub plan: Option<Plan>,
    /// What there is to say, by object and field.
    pub findings: Vec<Finding>,
    /// How the plan came about.
    pub trace: Trace,
    /// What became of each part of it.
    pub standings: Standings,
}

/// Compiles one gateway.
///
/// Findings are about all objects but those that belong to other gateways alone.
pub fn compile(snapshot: &Snapshot, gateway: &ObjectName, origin: Origin) -> Compiled {
    let mut findings = Findings::default();
    let faults = Faults::inspect(snapshot, &mut findings);
    let written = snapshot.gateway(gateway);
    let hello = written.and_then(|written| fold_domain(&written.spec.hostname)).unwrap_or_default();
    let called = Called::read(snapshot, (origin, &hello), &faults, &mut findings);
    advice::unused_backends(snapshot, &mut findings);
    if written.is_none() && snapshot.problem(ApiKind::Gateway, gateway).is_none() {
        let message = "there is no such gateway";
        findings.report((ApiKind::Gateway, gateway), Reason::Invalid, "", message);
    }
    let mut standings = Standings::default();
    let assembled = written.and_then(|written| {
        let attached = attach::attach(snapshot, (gateway, &written.spec), &mut findings);
        let backends = called.backends.keys().map(|name| (*name).clone());
        standings = Standings::attached(&attached, backends.collect());
        let usable =
            gateway::read((snapshot, origin), (gateway, written), &attached, &faults, &mut findings)?;
        let about = &mut About { findings: &mut findings, standings: &mut standings };
        Some(assemble(snapshot, usable, &attached, &faults, &called, about))
    });
    let (plan, trace) = assembled.unzip();
    Compiled { plan, findings: findings.finish(), trace: trace.unwrap_or_default(), standings }
}

/// What is said about a compilation beside its plan.
struct About<'a> {
    findings: &'a mut Findings,
    standings: &'a mut Standings,
}

/// What there is to say about objects without a gateway, such as those of an application team alone.
pub fn inspect(snapshot: &Snapshot, origin: Origin) -> Vec<Finding> {
    let mut findings = Findings::default();
    let faults = Faults::inspect(snapshot, &mut findings);
    Called::read(snapshot, (origin, ""), &faults, &mut findings);
    advice::unused_backends(snapshot, &mut findings);
    findings.finish()
}

/// The backends that a route can't have, whatever its gateways say of them. What is compiled tells it with
/// the rest; this is for a route that no gateway takes.
pub fn unresolved(snapshot: &Snapshot, route: &ObjectName) -> Vec<Finding> {
    let mut findings = Findings::default();
    let written = snapshot.route(route).map(|written| (route, written));
    for (field, reason, message) in written.iter().flat_map(|route| backend_ref::unresolved(snapshot, *route))
    {
        findings.report((ApiKind::Route, route), reason, field, message);
    }
    findings.finish()
}

/// Whatever is called over the network, by the object that names it; `None` for what can't be used.
struct Called<'a> {
    backends: HashMap<&'a ObjectName, Option<Arc<Backend>>>,
    verifications: Verifications<'a>,
}

impl<'a> Called<'a> {
    /// `hello` is who relays are told that we are.
    fn read(
        snapshot: &'a Snapshot,
        (origin, hello): (Origin, &str),
        faults: &Faults<'_>,
        findings: &mut Findings,
    ) -> Self {
        Self {
            backends: backend::read_all(snapshot, (origin, hello), faults, findings),
            verifications: verification::read_all(snapshot, origin, faults, findings),
        }
    }
}

fn assemble<'a>(
    snapshot: &'a Snapshot,
    mut gateway: Usable<'a>,
    attached: &[Attached<'a>],
    faults: &Faults<'a>,
    called: &Called<'a>,
    About { findings, standings }: &mut About<'_>,
) -> (Plan, Trace) {
    let policies = Policies::new(snapshot, faults, &called.verifications, findings);
    let classes = Classes::new(&gateway, &policies);
    let mut rules = Rules {
        snapshot,
        gateway: &gateway,
        faults,
        written_backends: snapshot.backends().collect(),
        known: &called.backends,
        policies,
        rules: Vec::new(),
        backends: Vec::new(),
        ids: HashMap::new(),
        verifications: Vec::new(),
        blockers: Vec::new(),
        undelegated: Vec::new(),
    };
    let compiled: Vec<Vec<Vec<CompiledRule>>> =
        attached.iter().map(|attached| rules.compile(attached, &classes.names, findings)).collect();
    rules.policies.report_overridden(findings);
    standings.compiled(&gateway, attached, (&rules, &compiled, &classes.of));
    let Rules { rules, backends, verifications, written_backends, undelegated, .. } = rules;
    let mut trace = Trace { lines: trace::lines(attached, &compiled, &classes.of, undelegated) };
    trace.lines.extend(trace::unattached(snapshot, gateway.name, attached));
    advice::mark_routed(&mut gateway.delegations, &rules, &compiled);
    for (attached, compiled) in attached.iter().zip(&compiled) {
        advice::matches(&gateway, attached, compiled, (&rules, &written_backends), findings);
    }
    let tables = tables(&gateway, attached, &compiled, (&rules, &classes), findings);
    advice::unmet_requirements(&gateway, attached, &compiled, (&rules, &classes.of), findings);
    advice::unrouted(&gateway, &gateway.delegations, findings);
    advice::postmaster(&gateway, &tables, findings);
    advice::unsent_bounces(&gateway, &backends, findings);
    let listeners = gateway.spec.listeners.iter().enumerate().filter(|(index, _)| gateway.opens[*index]);
    let listeners = listeners.map(|(index, listener)| {
        let here = || here(attached, &compiled, (index, classes.of[index]));
        let routed = advice::routed(&gateway.delegations, &rules, here(), defaults::auth_mode(listener));
        let routed = routed.into_iter().filter_map(|index| gateway.delegations.all.get(index));
        let routed = routed.map(|written| written.plan.domain.clone()).collect();
        let bytes = message_bytes(&rules, here());
        let verdicts = gives_verdicts((&rules, &backends), here());
        Arc::new(gateway.listener((index, listener), (Arc::clone(&tables[index]), routed), bytes, verdicts))
    });
    let listeners: Vec<Arc<Listener>> = listeners.collect();
    let plan = Plan { gateway: gateway.plan(), listeners, rules, backends, verifications };
    (plan, trace)
}

/// Listeners that have the same policies see the same rules; the first stands for all of them.
struct Classes<'a> {
    names: Vec<&'a str>,
    /// For each listener the index of its class.
    of: Vec<usize>,
}

impl<'a> Classes<'a> {
    fn new(gateway: &Usable<'a>, policies: &Policies<'_>) -> Self {
        let (mut names, mut seen, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for listener in &gateway.spec.listeners {
            let holders = policies.holders_at(&Target::gateway(gateway.name, Some(&listener.name)));
            let known = seen.iter().position(|each| *each == holders);
            of.push(known.unwrap_or(seen.len()));
            if known.is_none() {
                seen.push(holders);
                names.push(listener.name.as_str());
            }
        }
        Self { names, of }
    }
}

/// The table of each listener; listeners with the same routes and policies share one.
fn tables(
    gateway: &Usable<'_>,
    attached: &[Attached<'_>],
    compiled: &[Vec<Vec<CompiledRule>>],
    (rules, classes): (&[Arc<Rule>], &Classes<'_>),
    findings: &mut Findings,
) -> Vec<Arc<Table>> {
    let separators = &gateway.spec.subaddressing.separators;
    let builder = Tables { delegations: &gateway.delegations, separators, rules };
    let names: Vec<&str> = gateway.spec.listeners.iter().map(|listener| listener.name.as_str()).collect();
    let alike = |one: usize, other: usize| {
        let routes = |route: &Attached<'_>| route.listeners[one] == route.listeners[other];
        classes.of[one] == classes.of[other] && attached.iter().all(routes)
    };
    let mut tables: Vec<Arc<Table>> = Vec::new();
    for (index, class) in classes.of.iter().enumerate() {
        let table = match (0..index).find(|earlier| alike(*earlier, index)) {
            Some(earlier) => Arc::clone(&tables[earlier]),
            None => {
                let on_listener = attached.iter().zip(compiled).filter_map(|(attached, compiled)| {
                    let by = attached.listeners[index]?;
                    Some(OnListener { route: attached.name, by, rules: &compiled[*class] })
                });
                let sharing = (index..names.len()).filter(|later| alike(index, *later));
                let sharing: Vec<&str> = sharing.map(|later| names[later]).collect();
                Arc::new(builder.build(on_listener.collect(), &sharing, findings))
            }
        };
        tables.push(table);
    }
    tables
}

/// What a listener announces as SIZE: the largest message that any of its rules takes.
fn message_bytes<'a>(rules: &[Arc<Rule>], here: impl Iterator<Item = &'a CompiledRule>) -> u64 {
    let rules = here.filter_map(|each| rules.get(each.rule.0 as usize));
    let bytes = rules.filter_map(|rule| match &rule.state {
        RuleState::Usable(deliver) => Some(deliver.max_message_bytes),
        RuleState::Unusable => None,
    });
    bytes.max().unwrap_or_else(defaults::message_bytes)
}

/// Whether a backend of the rules of a listener gives verdicts per recipient.
fn gives_verdicts<'a>(
    (rules, backends): (&[Arc<Rule>], &[Arc<Backend>]),
    mut here: impl Iterator<Item = &'a CompiledRule>,
) -> bool {
    let gives = |weighted: &Weighted| {
        backends.get(weighted.backend.0 as usize).is_some_and(|backend| backend.per_recipient_verdicts)
    };
    here.any(|each| match rules.get(each.rule.0 as usize).map(|rule| &rule.state) {
        Some(RuleState::Usable(deliver)) => deliver.backends.iter().any(gives),
        Some(RuleState::Unusable) | None => false,
    })
}

/// The rules that a listener sees, given the class it belongs to.
fn here<'c>(
    attached: &'c [Attached<'_>],
    compiled: &'c [Vec<Vec<CompiledRule>>],
    (listener, class): (usize, usize),
) -> impl Iterator<Item = &'c CompiledRule> {
    let here = attached.iter().zip(compiled);
    here.filter(move |(attached, _)| attached.listeners[listener].is_some())
        .flat_map(move |(_, compiled)| &compiled[class])
}
