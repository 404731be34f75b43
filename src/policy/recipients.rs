//! Lists of recipients: which addresses exist.
//!
//! One set of addresses and patterns, without order: any entry that takes a recipient lists it.
//! Details are treated as in the route table: a listed `support@x` lists `support+tag@x` as well,
//! a listed `support+tag@x` just that. Not here: where a list is written, and that postmaster
//! passes whatever a list says.

use crate::mail::AddressKey;
use crate::route::domains::{DomainId, Domains, Level};
use crate::route::keymap::{KeyError, KeyMap};
use crate::route::local::{LocalForms, Separators};
use crate::route::pattern::{LocalPattern, PatternError};
use crate::route::{DomainPattern, LocalPart, Subaddress};

/// How a list is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListMode {
    /// Only what is listed exists.
    AllowList,
    /// What is listed does not exist.
    DenyList,
}

/// Why an entry can't be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Its pattern can't be used.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// It can't be held.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Addresses and patterns, as one set.
#[derive(Debug, Clone)]
pub struct RecipientList {
    mode: ListMode,
    separators: Separators,
    domains: Domains,
    /// Exact local parts, by [`DomainId::scope`].
    exact: KeyMap<Subaddress>,
    /// By [`DomainId::index`].
    patterns: Vec<Vec<LocalPattern>>,
}

impl RecipientList {
    /// A list without entries, for addresses whose detail stands behind one of `separators`.
    pub fn builder(mode: ListMode, separators: &str) -> ListBuilder {
        ListBuilder {
            list: Self {
                mode,
                separators: Separators::new(separators),
                domains: Domains::default(),
                exact: KeyMap::default(),
                patterns: Vec::new(),
            },
        }
    }

    /// Whether the list lets this recipient pass. The caller lets postmaster pass without asking.
    pub fn admits(&self, recipient: &AddressKey) -> bool {
        match self.mode {
            ListMode::AllowList => self.lists(recipient),
            ListMode::DenyList => !self.lists(recipient),
        }
    }

    /// Octets of heap memory that domains and exact local parts take.
    pub fn heap_octets(&self) -> usize {
        self.domains.heap_octets() + self.exact.heap_octets()
    }

    /// What ignores the detail lists all that the same value with its detail does.
    fn insert(&mut self, domain: DomainId, value: &str, subaddress: Subaddress) -> Result<(), KeyError> {
        match self.exact.find(domain.scope(), value) {
            Some(Subaddress::Ignore) => Ok(()),
            Some(Subaddress::Match) | None => self.exact.insert(domain.scope(), value, subaddress),
        }
    }

    fn lists(&self, recipient: &AddressKey) -> bool {
        let local_part = self.separators.part(&recipient.local_part);
        let mut domains = Level::all(&recipient.domain).filter_map(|level| self.domains.find(level));
        domains.any(|domain| self.lists_in(domain, local_part))
    }

    fn lists_in(&self, domain: DomainId, local_part: LocalForms<'_>) -> bool {
        let patterns = self.patterns.get(domain.index()).map_or(&[][..], Vec::as_slice);
        let find = |text: &str| self.exact.find(domain.scope(), text);
        find(local_part.whole).is_some()
            || (local_part.has_detail() && find(local_part.base) == Some(&Subaddress::Ignore))
            || patterns.iter().any(|pattern| pattern.matches(local_part))
    }
}

/// Gathers the entries of a list.
#[derive(Debug)]
pub struct ListBuilder {
    list: RecipientList,
}

impl ListBuilder {
    /// Lists an address.
    pub fn address(&mut self, address: &AddressKey) -> Result<(), ListError> {
        let list = &mut self.list;
        let local_part = list.separators.part(&address.local_part);
        let domain = list.domains.number(&DomainPattern::Exact(address.domain.clone()))?;
        let subaddress = list.separators.of_value(local_part, Subaddress::Ignore);
        Ok(list.insert(domain, local_part.whole, subaddress)?)
    }

    /// Lists what a pattern takes. [`LocalPart::Unknown`] is an error: a list that is known in
    /// part is not known.
    pub fn pattern(&mut self, domain: &DomainPattern, local_part: &LocalPart) -> Result<(), ListError> {
        let list = &mut self.list;
        let local_part = list.separators.normal_form(local_part);
        let pattern = LocalPattern::compile(&local_part)?;
        let domain = list.domains.number(domain)?;
        if let LocalPart::Exact(value, subaddress) = &local_part {
            return Ok(list.insert(domain, value, *subaddress)?);
        }
        if list.patterns.len() <= domain.index() {
            list.patterns.resize_with(domain.index() + 1, Vec::new);
        }
        if let Some(patterns) = list.patterns.get_mut(domain.index()) {
            patterns.push(pattern);
        }
        Ok(())
    }

    /// The list.
    pub fn build(mut self) -> RecipientList {
        self.list.domains.shrink();
        self.list.exact.shrink();
        self.list
    }
}

#[cfg(test)]
mod tests;
