//! How a plan came about: what became of each match, and which policies hold for each rule. Read by
//! `explain`; the data path has no use for it.

use super::attach::{Attached, By};
use super::route::{self, Compiled, Match};
use super::snapshot::Snapshot;
use crate::plan::ObjectName;
use crate::route::{DomainPattern, LocalPart, RuleId, SenderPattern};

/// The trace of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Every match that could concern the gateway, in the order that breaks ties.
    pub lines: Vec<Line>,
    /// By [`RuleId`]: the policies that hold for the rule.
    pub holdings: Vec<Vec<Holding>>,
}

/// One match of one rule of one route.
#[derive(Debug, Clone)]
pub struct Line {
    /// The route.
    pub route: ObjectName,
    /// The rule.
    pub rule: String,
    /// Where in the route it stands.
    pub field: String,
    /// Which domains; `None` where that can't be read.
    pub domain: Option<DomainPattern>,
    /// Which local parts.
    pub local_part: LocalPart,
    /// Which senders.
    pub sender: Option<SenderPattern>,
    /// Whether it is in a table.
    pub standing: Standing,
}

/// Whether a match is in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Listed {
        /// For these rules: one for each group of listeners that have the same policies.
        rules: Vec<RuleId>,
        /// For each listener as written, whether the route attaches, and then whether it names the
        /// listener rather than the whole gateway.
        by_section: Vec<Option<bool>>,
    },
    /// No: its domain is not delegated to the route's namespace.
    NotDelegated,
    /// No: the route names the gateway, but attaches to none of its listeners.
    NotAttached,
}

/// A policy that holds for a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The block that is taken from it.
    pub block: &'static str,
    /// The policy.
    pub policy: ObjectName,
    /// The target through which it holds: a rule, a route, a listener or a gateway.
    pub target: String,
}

impl Line {
    pub(super) fn new((route, rule): (&ObjectName, &str), read: Match, standing: Standing) -> Self {
        let Match { field, domain, local_part, sender } = read;
        Self { route: route.clone(), rule: rule.to_owned(), field, domain, local_part, sender, standing }
    }
}

/// The matches of attached routes.
pub(super) fn lines(
    attached: &[Attached<'_>],
    compiled: &[Vec<Vec<Compiled>>],
    undelegated: Vec<Line>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for (attached, classes) in attached.iter().zip(compiled) {
        for (index, rule) in attached.route.spec.rules.iter().enumerate() {
            let rules: Vec<&Compiled> = classes.iter().filter_map(|class| class.get(index)).collect();
            let ids: Vec<RuleId> = rules.iter().map(|compiled| compiled.rule).collect();
            for matched in rules.first().iter().flat_map(|compiled| compiled.matches.iter()) {
                let by_section = attached.listeners.iter().map(|by| by.map(|by| by == By::Section)).collect();
                let standing = Standing::Listed { rules: ids.clone(), by_section };
                lines.push(Line::new((attached.name, &rule.name), matched.clone(), standing));
            }
        }
    }
    lines.extend(undelegated);
    lines
}

/// The matches of routes that name the gateway in vain.
pub(super) fn unattached<'a>(
    snapshot: &'a Snapshot,
    gateway: &'a ObjectName,
    attached: &'a [Attached<'_>],
) -> impl Iterator<Item = Line> + 'a {
    let names_it = |(name, route): &(&ObjectName, &crate::api::MailRoute)| {
        let parents = &route.spec.parent_refs;
        let named = parents.iter().any(|parent| super::attach::parent_name(parent, name) == *gateway);
        named && !attached.iter().any(|attached| attached.name == *name)
    };
    snapshot.routes().filter(names_it).flat_map(|(name, route)| {
        let rules = route.spec.rules.iter().enumerate();
        rules.flat_map(move |(index, rule)| {
            rule.matches.iter().enumerate().map(move |(nth, written)| {
                let field = format!("spec.rules[{index}].matches[{nth}]");
                let read = route::read_match(written, field, false);
                Line::new((name, &rule.name), read, Standing::NotAttached)
            })
        })
    })
}
