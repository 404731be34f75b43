//! How a plan came about: what became of each match. Read by `explain`; the data path has no use for it.

use std::collections::HashSet;

use super::attach::{self, Attached, By};
use super::route::{self, Compiled, Match};
use super::snapshot::Snapshot;
use crate::api::MailRoute;
use crate::plan::ObjectName;
use crate::route::{DomainPattern, LocalPart, RuleId, SenderPattern};

/// The trace of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Every match that could concern the gateway, in the order that breaks ties.
    pub lines: Vec<Line>,
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
    /// Yes: for each listener as written, how, or `None` where the route does not attach to it.
    Listed(Vec<Option<Listing>>),
    /// No: its domain is not delegated to the route's namespace.
    NotDelegated,
    /// No: the route names the gateway, but attaches to none of its listeners.
    NotAttached,
}

/// How a match is in the table of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// For this rule.
    pub rule: RuleId,
    /// Whether the route names the listener rather than the whole gateway.
    pub by_section: bool,
}

impl Line {
    /// How it is in the table of a listener.
    pub fn listing(&self, listener: usize) -> Option<Listing> {
        match &self.standing {
            Standing::Listed(listings) => listings.get(listener).copied().flatten(),
            Standing::NotDelegated | Standing::NotAttached => None,
        }
    }

    pub(super) fn new((route, rule): (&ObjectName, &str), read: Match, standing: Standing) -> Self {
        let Match { field, domain, local_part, sender } = read;
        Self { route: route.clone(), rule: rule.to_owned(), field, domain, local_part, sender, standing }
    }
}

/// The matches of attached routes. `classes` has the list of rules that each listener sees.
pub(super) fn lines(
    attached: &[Attached<'_>],
    compiled: &[Vec<Vec<Compiled>>],
    classes: &[usize],
    undelegated: Vec<Line>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for (attached, compiled) in attached.iter().zip(compiled) {
        for (index, rule) in attached.rules().iter().enumerate() {
            let listing = |(by, class): (&Option<By>, &usize)| {
                let rule = compiled.get(*class)?.get(index)?.rule;
                by.map(|by| Listing { rule, by_section: by == By::Section })
            };
            let listings: Vec<_> = attached.listeners.iter().zip(classes).map(listing).collect();
            let first = compiled.first().and_then(|rules| rules.get(index));
            for matched in first.iter().flat_map(|compiled| compiled.matches.iter()) {
                let standing = Standing::Listed(listings.clone());
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
    attached: &[Attached<'a>],
) -> impl Iterator<Item = Line> + 'a {
    let attached: HashSet<&ObjectName> = attached.iter().map(|attached| attached.name).collect();
    let names_it = move |(name, route): &(&ObjectName, &MailRoute)| {
        let parents = &route.spec.parent_refs;
        let named = parents.iter().any(|parent| attach::parent_name(parent, name) == *gateway);
        named && !attached.contains(name)
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
