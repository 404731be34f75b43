//! The domain patterns of a table, numbered, and the levels that a domain is looked up on.

use super::DomainPattern;
use super::keymap::{KeyError, KeyMap};

/// The number of a domain pattern in its table, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DomainId(u32);

impl DomainId {
    /// As the index of a list that has one item for each domain pattern.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// As the scope of the domain's local parts in a [`KeyMap`].
    pub fn scope(self) -> u32 {
        self.0
    }
}

/// One level that a domain is looked up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level<'a> {
    kind: u32,
    text: &'a str,
}

impl<'a> Level<'a> {
    fn exact(text: &'a str) -> Self {
        Self { kind: 0, text }
    }

    fn suffix(text: &'a str) -> Self {
        Self { kind: 1, text }
    }

    fn any() -> Self {
        Self { kind: 2, text: "" }
    }

    fn of(pattern: &'a DomainPattern) -> Self {
        match pattern {
            DomainPattern::Exact(domain) => Self::exact(domain),
            DomainPattern::Suffix(suffix) => Self::suffix(suffix),
            DomainPattern::Any => Self::any(),
        }
    }

    /// The pattern that stands here, if one does.
    pub fn pattern(self) -> DomainPattern {
        match self.kind {
            0 => DomainPattern::Exact(self.text.to_owned()),
            1 => DomainPattern::Suffix(self.text.to_owned()),
            _ => DomainPattern::Any,
        }
    }

    /// The levels of a folded domain in order of precedence: itself, its suffixes from the
    /// longest, any. Exactly those whose [`DomainPattern`] matches it.
    pub fn all(domain: &'a str) -> impl Iterator<Item = Self> {
        let dots = domain.bytes().enumerate().filter(|&(at, octet)| at > 0 && octet == b'.');
        let suffixes = dots.map(|(at, _)| Self::suffix(&domain[at + 1..]));
        std::iter::once(Self::exact(domain)).chain(suffixes).chain(std::iter::once(Self::any()))
    }
}

/// Domain pattern → number.
#[derive(Debug, Clone, Default)]
pub struct Domains {
    ids: KeyMap<DomainId>,
}

impl Domains {
    /// The number of a pattern, a new one where it has none.
    pub fn number(&mut self, pattern: &DomainPattern) -> Result<DomainId, KeyError> {
        let level = Level::of(pattern);
        if let Some(id) = self.find(level) {
            return Ok(id);
        }
        let id = DomainId(u32::try_from(self.ids.len()).map_err(|_| KeyError::Full)?);
        self.ids.insert(level.kind, level.text, id)?;
        Ok(id)
    }

    /// The number of the pattern that stands on a level.
    pub fn find(&self, level: Level<'_>) -> Option<DomainId> {
        self.ids.find(level.kind, level.text).copied()
    }

    /// Gives back what growing took too much.
    pub fn shrink(&mut self) {
        self.ids.shrink();
    }

    /// Octets of heap memory that are taken.
    pub fn heap_octets(&self) -> usize {
        self.ids.heap_octets()
    }
}

#[cfg(test)]
mod tests {
    use super::{Domains, Level};
    use crate::route::DomainPattern;

    #[test]
    fn levels_are_the_patterns_that_match() {
        let patterns = [
            DomainPattern::Exact("a.b.c".to_owned()),
            DomainPattern::Suffix("b.c".to_owned()),
            DomainPattern::Suffix("c".to_owned()),
            DomainPattern::Any,
        ];
        assert!(patterns.iter().all(|pattern| pattern.matches("a.b.c")));
        let levels: Vec<_> = patterns.iter().map(Level::of).collect();
        assert_eq!(Level::all("a.b.c").collect::<Vec<_>>(), levels);
        assert_eq!(levels.into_iter().map(Level::pattern).collect::<Vec<_>>(), patterns);
    }

    #[test]
    fn a_pattern_keeps_its_number() {
        let mut domains = Domains::default();
        let exact = domains.number(&DomainPattern::Exact("a.b".to_owned())).unwrap();
        let suffix = domains.number(&DomainPattern::Suffix("a.b".to_owned())).unwrap();
        assert_ne!(exact, suffix);
        assert_eq!(domains.number(&DomainPattern::Exact("a.b".to_owned())), Ok(exact));
        assert_eq!(domains.find(Level::exact("a.b")), Some(exact));
        assert_eq!(domains.find(Level::any()), None);
    }
}
