//! The table: exact hash first, then suffixes, so that cost does not grow with the number of routes.
//!
//! A look-up walks the levels of the recipient's domain (itself, its suffixes from the longest,
//! any). On each level that a candidate stands on it asks one hash for the local part, and once more
//! for what stands before its detail if it has one, then goes through the level's patterns in their
//! order. So what it costs depends on the labels of the domain and on the patterns of that domain
//! alone. It allocates nothing, unless it meets a match with a sender.

use std::cmp::Reverse;

use super::domains::{DomainId, Domains, Level};
use super::keymap::KeyMap;
use super::local::{LocalForms, Separators};
use super::pattern::{LocalPattern, PatternError};
use super::sender::{Sender, SenderMatch};
use super::{Found, LocalPart, RuleId, SenderPattern, Subaddress};
use crate::mail::{AddressKey, ReversePath};

/// Recipient → rule, for one listener.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub(super) separators: Separators,
    pub(super) domains: Domains,
    /// Exact local parts, by [`DomainId::scope`] and value in normal form.
    pub(super) exact: KeyMap<Takers>,
    /// What [`Takers::Several`] names, the strongest first.
    pub(super) several: Vec<Vec<(Subaddress, Contender)>>,
    /// By [`DomainId::index`]: what is not exact, the strongest first.
    pub(super) patterns: Vec<Vec<Placed>>,
}

/// Who takes an exact local part.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takers {
    /// One rule, from any sender: the common case, at no further cost.
    One(RuleId, Subaddress),
    /// An index of [`Table::several`].
    Several(u32),
}

impl Table {
    /// Which rule takes this recipient from this sender.
    pub fn look_up(&self, recipient: &AddressKey, sender: &ReversePath) -> Found {
        self.look_up_open(recipient, sender, |_| true)
    }

    /// The same among the rules to which the recipient's domain is `open`; the others are passed
    /// over as if they were not there.
    pub fn look_up_open(
        &self,
        recipient: &AddressKey,
        sender: &ReversePath,
        open: impl Fn(RuleId) -> bool,
    ) -> Found {
        self.look_up_counted(recipient, sender, open).0
    }

    /// The same, and how many probes it took: hashes asked and patterns met. Tests hold it to be
    /// independent of the size of the table.
    pub fn look_up_counted(
        &self,
        recipient: &AddressKey,
        sender: &ReversePath,
        open: impl Fn(RuleId) -> bool,
    ) -> (Found, u32) {
        let mut walk = Walk::new(self, recipient, sender, open);
        let found = Level::all(&recipient.domain).find_map(|level| walk.level(level));
        (found.unwrap_or(Found::Nothing), walk.probes)
    }

    /// Octets of heap memory that domains and exact local parts take.
    pub fn heap_octets(&self) -> usize {
        self.domains.heap_octets() + self.exact.heap_octets()
    }

    pub(super) fn place(&mut self, domain: DomainId, placed: Placed) {
        let needed = domain.index() + 1;
        if self.patterns.len() < needed {
            self.patterns.resize_with(needed, Vec::new);
        }
        if let Some(patterns) = self.patterns.get_mut(domain.index()) {
            patterns.push(placed);
        }
    }
}

/// One look-up under way.
pub(super) struct Walk<'a, F> {
    table: &'a Table,
    local_part: LocalForms<'a>,
    sender: Sender<'a>,
    open: F,
    probes: u32,
}

impl<'a, F: Fn(RuleId) -> bool> Walk<'a, F> {
    pub(super) fn new(table: &'a Table, recipient: &'a AddressKey, sender: &'a ReversePath, open: F) -> Self {
        let local_part = table.separators.part(&recipient.local_part);
        let sender = Sender::new(sender, &table.separators);
        Self { table, local_part, sender, open, probes: 0 }
    }

    fn level(&mut self, level: Level<'_>) -> Option<Found> {
        self.probes += 1;
        let domain = self.table.domains.find(level)?;
        self.whole(domain)
            .or_else(|| self.base(domain))
            .or_else(|| self.placed(domain).map(|(_, found)| found))
    }

    /// By the whole local part.
    pub(super) fn whole(&mut self, domain: DomainId) -> Option<Found> {
        self.exact(domain, self.local_part.whole, |_| true)
    }

    /// By what stands before its detail, if it has one.
    pub(super) fn base(&mut self, domain: DomainId) -> Option<Found> {
        self.local_part.has_detail().then(|| self.exact(domain, self.local_part.base, ignores_detail))?
    }

    fn exact(&mut self, domain: DomainId, text: &str, takes: impl Fn(Subaddress) -> bool) -> Option<Found> {
        self.probes += 1;
        match *self.table.exact.find(domain.scope(), text)? {
            Takers::One(rule, subaddress) => {
                (takes(subaddress) && (self.open)(rule)).then_some(Found::Rule(rule))
            }
            Takers::Several(index) => {
                let contenders = self.table.several.get(index as usize)?.iter();
                let mut taking = contenders.filter(|(subaddress, _)| takes(*subaddress));
                taking.find_map(|(_, contender)| self.hear(contender))
            }
        }
    }

    /// By a pattern, and how strong that is.
    pub(super) fn placed(&mut self, domain: DomainId) -> Option<(Rank, Found)> {
        let patterns = self.table.patterns.get(domain.index())?;
        patterns.iter().find_map(|placed| {
            self.probes += 1;
            let found = placed.takes(self.local_part).then(|| self.hear(&placed.contender))?;
            found.map(|found| (placed.rank, found))
        })
    }

    /// What a contender for this recipient has to say.
    fn hear(&self, contender: &Contender) -> Option<Found> {
        let takes = |sender: &SenderMatch| sender.matches(&self.sender);
        let heard = (self.open)(contender.rule) && contender.sender.as_ref().is_none_or(takes);
        heard.then_some(contender.found)
    }
}

fn ignores_detail(subaddress: Subaddress) -> bool {
    subaddress == Subaddress::Ignore
}

/// A candidate, less its recipients.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) sender: Option<SenderMatch>,
    pub(super) rule: RuleId,
    /// What it says to those whom it takes.
    found: Found,
}

impl Contender {
    pub(super) fn of_any_sender(rule: RuleId) -> Self {
        Self { sender: None, rule, found: Found::Rule(rule) }
    }

    /// Takes the sender in normal form. If it is not known whom it means, then neither is whether
    /// the rule would take the recipient.
    pub(super) fn compile(sender: Option<&SenderPattern>, rule: RuleId) -> Result<Self, PatternError> {
        let Some(pattern) = sender else { return Ok(Self::of_any_sender(rule)) };
        let unknown = matches!(pattern, SenderPattern::Mailbox { local_part: LocalPart::Unknown, .. });
        let found = if unknown { Found::Unknown } else { Found::Rule(rule) };
        Ok(Self { sender: Some(SenderMatch::compile(pattern)?), rule, found })
    }

    /// Those with a sender come first.
    pub(super) fn order(&self) -> bool {
        self.sender.is_none()
    }
}

/// A contender and the pattern that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    rank: Rank,
    /// `None` takes every local part.
    pattern: Option<LocalPattern>,
    contender: Contender,
}

/// Precedence behind the exact local parts of a domain: the first variant is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Unknown,
    /// By the number of literal characters.
    Wildcard(Reverse<usize>),
    RegularExpression,
    Any,
}

impl Placed {
    pub(super) fn new(local_part: &LocalPart, pattern: Option<LocalPattern>, contender: Contender) -> Self {
        let rank = match local_part {
            LocalPart::Unknown => Rank::Unknown,
            LocalPart::RegularExpression(..) => Rank::RegularExpression,
            LocalPart::Any => Rank::Any,
            LocalPart::Exact(..) | LocalPart::Wildcard(..) => {
                Rank::Wildcard(Reverse(pattern.as_ref().map_or(0, LocalPattern::literals)))
            }
        };
        let found = if rank == Rank::Unknown { Found::Unknown } else { contender.found };
        Self { rank, pattern, contender: Contender { found, ..contender } }
    }

    pub(super) fn order(&self) -> (Rank, bool) {
        (self.rank, self.contender.order())
    }

    fn takes(&self, local_part: LocalForms<'_>) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(local_part))
    }
}

#[cfg(test)]
mod tests;
