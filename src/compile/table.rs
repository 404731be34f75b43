//! Precedence: the matches of all routes of a listener, in the order that breaks ties, into its
//! table.
//!
//! What the table itself does not order: a parentRef with `sectionName` before a whole gateway, then
//! the oldest route, then `namespace/name`, then the order of rules and matches.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::attach::By;
use super::delegation::Delegations;
use super::findings::Findings;
use super::route::{Compiled, Match};
use crate::api::{ApiKind, ObjectMeta};
use crate::plan::{ObjectName, Reason, Rule};
use crate::route::{Builder, Candidate, DomainPattern, LocalPart, Rejected, RuleId, Table};

/// Sorts older before younger, and what carries no age last: files carry none, so names decide.
pub(super) fn age(metadata: &ObjectMeta) -> impl Ord + use<> {
    let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
    (created.is_none(), created)
}

/// A route on a listener.
pub(super) struct OnListener<'a> {
    pub(super) route: &'a ObjectName,
    pub(super) by: By,
    pub(super) rules: &'a [Compiled],
}

/// Builds tables.
pub(super) struct Tables<'a> {
    pub(super) delegations: &'a Delegations,
    pub(super) separators: &'a str,
    pub(super) rules: &'a [Arc<Rule>],
}

impl Tables<'_> {
    /// The table of some listeners, from their routes, the oldest first.
    pub(super) fn build(
        &self,
        mut routes: Vec<OnListener<'_>>,
        listeners: &[&str],
        findings: &mut Findings,
    ) -> Table {
        routes.sort_by_key(|route| route.by);
        let mut builder = Builder::new(self.separators);
        let mut unknown = Vec::new();
        for OnListener { route, rules, .. } in &routes {
            for compiled in *rules {
                for each in compiled.matches.iter() {
                    match &each.domain {
                        Some(domain) => {
                            let place = (*route, each, domain);
                            self.insert(&mut builder, place, compiled.rule, (listeners, findings));
                        }
                        None => unknown.push((*route, compiled.rule)),
                    }
                }
            }
        }
        if !unknown.is_empty() {
            let levels = self.levels(&routes);
            for (route, rule) in unknown {
                self.insert_unknown(&mut builder, &levels, route, rule);
            }
        }
        builder.build()
    }

    /// Every domain that stands in the table or is delegated.
    fn levels<'a>(&'a self, routes: &'a [OnListener<'_>]) -> BTreeSet<&'a DomainPattern> {
        let matches = routes.iter().flat_map(|route| route.rules).flat_map(|compiled| &*compiled.matches);
        let delegated = self.delegations.all.iter().map(|written| &written.plan.domain);
        matches.filter_map(|each| each.domain.as_ref()).chain(delegated).collect()
    }

    fn insert(
        &self,
        builder: &mut Builder,
        (route, each, domain): (&ObjectName, &Match, &DomainPattern),
        rule: RuleId,
        (listeners, findings): (&[&str], &mut Findings),
    ) {
        let covered = |winner: RuleId| self.covers(domain, winner, rule);
        match builder.insert_unless(each.candidate(domain.clone(), rule), covered) {
            Ok(()) => {}
            Err(Rejected::Shadowed(_)) if each.local_part == LocalPart::Unknown => {}
            Err(Rejected::Shadowed(winner)) => {
                let Some(winner) = self.rules.get(winner.0 as usize) else { return };
                let message = format!(
                    "rule {} of MailRoute {} matches the same and goes first",
                    winner.name, winner.route
                );
                findings.report_shadowed(route, each.place.to_string(), message, listeners);
            }
            Err(Rejected::BadPattern(message)) => {
                let field = format!("{}.recipient.localPart", each.place);
                findings.report((ApiKind::Route, route), Reason::Invalid, field, message);
                let (domain, local_part) = (domain.clone(), LocalPart::Unknown);
                // A second one of the same domain and rule says nothing new.
                let _ = builder.insert_unless(Candidate { domain, local_part, sender: None, rule }, covered);
            }
        }
    }

    /// What no exact match takes in domains open to the namespace is not known, on whichever level of
    /// the table a wider match of another route might take it.
    fn insert_unknown(
        &self,
        builder: &mut Builder,
        levels: &BTreeSet<&DomainPattern>,
        route: &ObjectName,
        rule: RuleId,
    ) {
        for domain in levels.iter().copied() {
            if self.delegations.open_to(domain, &route.namespace).next().is_some() {
                let local_part = LocalPart::Unknown;
                let candidate = Candidate { domain: domain.clone(), local_part, sender: None, rule };
                let _ = builder.insert_unless(candidate, |winner| self.covers(domain, winner, rule));
            }
        }
    }

    fn covers(&self, domain: &DomainPattern, winner: RuleId, loser: RuleId) -> bool {
        let namespace =
            |rule: RuleId| self.rules.get(rule.0 as usize).map(|rule| rule.route.namespace.as_str());
        match (namespace(winner), namespace(loser)) {
            (Some(winner), Some(loser)) => self.delegations.covers(domain, winner, loser),
            _ => true,
        }
    }
}
