//! By which match a table takes a recipient, for people: the look-up once more, with its steps told apart.

use std::fmt;

use super::domains::Level;
use super::table::{Rank, Table, Walk};
use super::{DomainPattern, RuleId};
use crate::mail::{AddressKey, ReversePath};

/// The match by which a recipient is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// Its domain.
    pub domain: DomainPattern,
    /// Its local part.
    pub local_part: LocalPartMatched,
}

/// What takes a local part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalPartMatched {
    /// A value that is the whole of it.
    Exact,
    /// A value that is what stands before its detail.
    ExactWithoutDetail,
    /// A wildcard.
    Wildcard,
    /// A regular expression.
    RegularExpression,
    /// Something that takes any, or that can't be read.
    Any,
}

impl fmt::Display for LocalPartMatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "this very local part",
            Self::ExactWithoutDetail => "this local part without its detail",
            Self::Wildcard => "a wildcard for the local part",
            Self::RegularExpression => "a regular expression for the local part",
            Self::Any => "any local part",
        })
    }
}

impl Table {
    /// The match by which [`look_up_open`](Table::look_up_open) finds what it finds; `None` where it finds nothing.
    pub fn matched(
        &self,
        recipient: &AddressKey,
        sender: &ReversePath,
        open: impl Fn(RuleId) -> bool,
    ) -> Option<Matched> {
        let mut walk = Walk::new(self, recipient, sender, open);
        Level::all(&recipient.domain).find_map(|level| {
            let domain = self.domains.find(level)?;
            let local_part = if walk.whole(domain).is_some() {
                LocalPartMatched::Exact
            } else if walk.base(domain).is_some() {
                LocalPartMatched::ExactWithoutDetail
            } else {
                walk.placed(domain)?.0.into()
            };
            Some(Matched { domain: level.pattern(), local_part })
        })
    }
}

impl From<Rank> for LocalPartMatched {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Wildcard(_) => Self::Wildcard,
            Rank::RegularExpression => Self::RegularExpression,
            Rank::Any | Rank::Unknown => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Builder, Candidate, Found, LocalPart, Subaddress};

    #[test]
    fn it_is_the_match_by_which_the_rule_is_found() {
        use Subaddress::Ignore;
        let exact = |text: &str| DomainPattern::Exact(text.to_owned());
        let suffix = |text: &str| DomainPattern::Suffix(text.to_owned());
        let matches = [
            (exact("a.x"), LocalPart::Exact("orders".to_owned(), Ignore)),
            (exact("a.x"), LocalPart::Wildcard("o*".to_owned(), Ignore)),
            (exact("a.x"), LocalPart::RegularExpression("[0-9]+".to_owned(), Ignore)),
            (suffix("x"), LocalPart::Any),
            (DomainPattern::Any, LocalPart::Exact("postmaster".to_owned(), Ignore)),
        ];
        let mut builder = Builder::new("+");
        for (rule, (domain, local_part)) in (0..).map(RuleId).zip(matches) {
            builder.insert(Candidate { domain, local_part, sender: None, rule }).unwrap();
        }
        let table = builder.build();
        for (local_part, domain, rule, expected) in [
            ("orders", "a.x", 0, Some((exact("a.x"), LocalPartMatched::Exact))),
            ("orders+1", "a.x", 0, Some((exact("a.x"), LocalPartMatched::ExactWithoutDetail))),
            ("office", "a.x", 1, Some((exact("a.x"), LocalPartMatched::Wildcard))),
            ("12", "a.x", 2, Some((exact("a.x"), LocalPartMatched::RegularExpression))),
            ("me", "a.x", 3, Some((suffix("x"), LocalPartMatched::Any))),
            ("me", "b.x", 3, Some((suffix("x"), LocalPartMatched::Any))),
            ("postmaster", "y", 4, Some((DomainPattern::Any, LocalPartMatched::Exact))),
            ("me", "y", 0, None),
        ] {
            let key = AddressKey { local_part: local_part.to_owned(), domain: domain.to_owned() };
            let matched = table.matched(&key, &ReversePath::Null, |_| true);
            let found = matched.as_ref().map_or(Found::Nothing, |_| Found::Rule(RuleId(rule)));
            assert_eq!(table.look_up(&key, &ReversePath::Null), found, "{local_part}@{domain}");
            let expected = expected.map(|(domain, local_part)| Matched { domain, local_part });
            assert_eq!(matched, expected, "{local_part}@{domain}");
        }
        let key = AddressKey { local_part: "orders".to_owned(), domain: "a.x".to_owned() };
        let closed = table.matched(&key, &ReversePath::Null, |rule| rule != RuleId(0)).unwrap();
        assert_eq!(closed.local_part, LocalPartMatched::Wildcard);
    }
}
