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
