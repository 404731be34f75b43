//! Candidates → table: normal forms, shadows, order.

use std::collections::HashMap;

use super::domains::DomainId;
use super::keymap::KeyError;
use super::local::Separators;
use super::pattern::{LocalPattern, PatternError};
use super::sender;
use super::table::{Contender, Placed, Table, Takers};
use super::{Candidate, LocalPart, RuleId, SenderPattern, Subaddress};

/// A candidate that can never win, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// Its key is identical to that of an earlier one, of this rule.
    Shadowed(RuleId),
    /// Its pattern does not compile: why.
    BadPattern(String),
}

impl From<PatternError> for Rejected {
    fn from(error: PatternError) -> Self {
        Self::BadPattern(error.to_string())
    }
}

impl From<KeyError> for Rejected {
    fn from(error: KeyError) -> Self {
        Self::BadPattern(error.to_string())
    }
}

/// Gathers candidates in the order that breaks ties.
#[derive(Debug, Default)]
pub struct Builder {
    table: Table,
    /// The keys of all that have a pattern or a sender; of the others the table itself knows.
    seen: HashMap<(DomainId, LocalPart, Option<SenderPattern>), Vec<RuleId>>,
}

impl Builder {
    /// An empty table for addresses whose detail stands behind one of `separators`.
    pub fn new(separators: &str) -> Self {
        let table = Table { separators: Separators::new(separators), ..Table::default() };
        Self { table, seen: HashMap::new() }
    }

    /// Adds a candidate behind all that are there; one that is rejected takes no recipient.
    pub fn insert(&mut self, candidate: Candidate) -> Result<(), Rejected> {
        self.insert_unless(candidate, |_| true)
    }

    /// The same where rules may be passed over ([`Table::look_up_open`]): an earlier candidate with an
    /// identical key shadows this one only if it `covers` it, that is, if it is open wherever this one
    /// is.
    pub fn insert_unless(
        &mut self,
        candidate: Candidate,
        covers: impl Fn(RuleId) -> bool,
    ) -> Result<(), Rejected> {
        let Candidate { domain, local_part, sender, rule } = candidate;
        let local_part = self.table.separators.normal_form(&local_part);
        let sender = sender.map(|pattern| sender::normal_form(&pattern, &self.table.separators));
        let pattern = LocalPattern::compile_known(&local_part)?;
        let contender = Contender::compile(sender.as_ref(), rule)?;
        let domain = self.table.domains.number(&domain)?;
        if sender.is_some() || !matches!(local_part, LocalPart::Exact(..)) {
            self.claim((domain, local_part.clone(), sender), rule, &covers)?;
        }
        match &local_part {
            LocalPart::Exact(value, subaddress) => {
                self.insert_exact(domain, (value, *subaddress), contender, &covers)
            }
            _ => {
                self.table.place(domain, Placed::new(&local_part, pattern, contender));
                Ok(())
            }
        }
    }

    fn claim(
        &mut self,
        key: (DomainId, LocalPart, Option<SenderPattern>),
        rule: RuleId,
        covers: &impl Fn(RuleId) -> bool,
    ) -> Result<(), Rejected> {
        let holders = self.seen.entry(key).or_default();
        match holders.iter().find(|holder| covers(**holder)) {
            Some(winner) => Err(Rejected::Shadowed(*winner)),
            None => {
                holders.push(rule);
                Ok(())
            }
        }
    }

    fn insert_exact(
        &mut self,
        domain: DomainId,
        (value, subaddress): (&str, Subaddress),
        contender: Contender,
        covers: &impl Fn(RuleId) -> bool,
    ) -> Result<(), Rejected> {
        let Table { exact, several, .. } = &mut self.table;
        let mut contenders = match exact.find(domain.scope(), value).copied() {
            None if contender.sender.is_none() => {
                exact.insert(domain.scope(), value, Takers::One(contender.rule, subaddress))?;
                return Ok(());
            }
            None => Vec::new(),
            Some(Takers::One(rule, subaddress)) => vec![(subaddress, Contender::of_any_sender(rule))],
            Some(Takers::Several(index)) => {
                let Some(contenders) = several.get_mut(index as usize) else { return Ok(()) };
                return join(contenders, subaddress, contender, covers);
            }
        };
        join(&mut contenders, subaddress, contender, covers)?;
        let index = u32::try_from(several.len()).map_err(|_| KeyError::Full)?;
        exact.insert(domain.scope(), value, Takers::Several(index))?;
        several.push(contenders);
        Ok(())
    }

    /// The table.
    pub fn build(self) -> Table {
        let mut table = self.table;
        // Both sorts are stable, so what ties stays in the order of insertion.
        for contenders in &mut table.several {
            let order = |(subaddress, contender): &(Subaddress, Contender)| {
                (*subaddress == Subaddress::Ignore, contender.order())
            };
            contenders.sort_by_key(order);
        }
        for placed in &mut table.patterns {
            placed.sort_by_key(Placed::order);
        }
        table.domains.shrink();
        table.exact.shrink();
        table
    }
}

/// Adds a contender, unless there is one from any sender and this is another.
fn join(
    contenders: &mut Vec<(Subaddress, Contender)>,
    subaddress: Subaddress,
    contender: Contender,
    covers: &impl Fn(RuleId) -> bool,
) -> Result<(), Rejected> {
    let mut alike = contenders
        .iter()
        .filter(|(held, other)| *held == subaddress && other.sender.is_none() && covers(other.rule));
    if let Some((_, winner)) = alike.next().filter(|_| contender.sender.is_none()) {
        return Err(Rejected::Shadowed(winner.rule));
    }
    contenders.push((subaddress, contender));
    Ok(())
}
