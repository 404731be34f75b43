//! One line of the table, and what a look-up finds.

use std::fmt;

/// Index of a rule in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

/// Which domains a match takes; text in folded form (lower-case A-labels).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DomainPattern {
    /// This domain.
    Exact(String),
    /// `*.suffix`: every domain with at least one label more. Held without the `*.`.
    Suffix(String),
    /// `*`: any domain.
    Any,
}

impl DomainPattern {
    /// Whether a folded domain is meant.
    pub fn matches(&self, domain: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == domain,
            Self::Suffix(suffix) => {
                domain.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Any => true,
        }
    }
}

/// As it is written.
impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(domain) => f.write_str(domain),
            Self::Suffix(suffix) => write!(f, "*.{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// Whether the detail behind a separator belongs to the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Subaddress {
    /// `support+x` is `support`.
    #[default]
    Ignore,
    /// The whole local part counts.
    Match,
}

/// Which local parts a match takes, as written; matched ASCII-case-insensitively.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LocalPart {
    /// This one.
    Exact(String, Subaddress),
    /// `*` and `?` stand for any run and any one character.
    Wildcard(String, Subaddress),
    /// A linear-time regular expression over the whole local part.
    RegularExpression(String, Subaddress),
    /// Any.
    Any,
    /// Not known: the object that says it is unreadable. Takes what no exact match takes.
    Unknown,
}

/// Which senders a match takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SenderPattern {
    /// The null reverse-path.
    Null,
    /// A mailbox.
    Mailbox {
        /// Its domain; `None` for any.
        domain: Option<DomainPattern>,
        /// Its local part.
        local_part: LocalPart,
    },
}

/// One match of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which domains.
    pub domain: DomainPattern,
    /// Which local parts.
    pub local_part: LocalPart,
    /// Which senders; `None` for any.
    pub sender: Option<SenderPattern>,
    /// The rule that would take it.
    pub rule: RuleId,
}

/// What a look-up says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// This rule takes the recipient.
    Rule(RuleId),
    /// An object that can't be read might take it.
    Unknown,
    /// None.
    Nothing,
}
