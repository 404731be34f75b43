//! The sender's side of a match: compiled patterns, and the one who is asked about.

use std::cell::OnceCell;

use super::local::Separators;
use super::pattern::{LocalPattern, PatternError};
use super::{DomainPattern, SenderPattern};
use crate::mail::{AddressKey, ReversePath};

/// A compiled [`SenderPattern`].
#[derive(Debug, Clone)]
pub(super) enum SenderMatch {
    Null,
    Mailbox { domain: DomainPattern, local_part: Option<LocalPattern> },
}

/// The form in which two patterns that mean the same are the same.
pub(super) fn normal_form(pattern: &SenderPattern, separators: &Separators) -> SenderPattern {
    match pattern {
        SenderPattern::Null => SenderPattern::Null,
        SenderPattern::Mailbox { domain, local_part } => SenderPattern::Mailbox {
            domain: domain.clone().filter(|domain| *domain != DomainPattern::Any),
            local_part: separators.normal_form(local_part),
        },
    }
}

impl SenderMatch {
    /// Compiles a pattern in normal form. A local part that is not known might take any.
    pub(super) fn compile(pattern: &SenderPattern) -> Result<Self, PatternError> {
        let SenderPattern::Mailbox { domain, local_part } = pattern else { return Ok(Self::Null) };
        let local_part = LocalPattern::compile_known(local_part)?;
        Ok(Self::Mailbox { domain: domain.clone().unwrap_or(DomainPattern::Any), local_part })
    }

    pub(super) fn matches(&self, sender: &Sender<'_>) -> bool {
        match (self, sender.path) {
            (Self::Null, ReversePath::Null) => true,
            (Self::Mailbox { domain: DomainPattern::Any, local_part: None }, ReversePath::Mailbox(_)) => true,
            (Self::Mailbox { domain, local_part }, ReversePath::Mailbox(_)) => {
                sender.key().is_some_and(|key| {
                    let forms = sender.separators.part(&key.local_part);
                    let takes = |pattern: &LocalPattern| pattern.matches(forms);
                    domain.matches(&key.domain) && local_part.as_ref().is_none_or(takes)
                })
            }
            (Self::Null, ReversePath::Mailbox(_)) | (Self::Mailbox { .. }, ReversePath::Null) => false,
        }
    }
}

/// A sender who is asked about; folded when the first match wants it, since most want none.
pub(super) struct Sender<'a> {
    path: &'a ReversePath,
    separators: &'a Separators,
    key: OnceCell<Option<AddressKey>>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(path: &'a ReversePath, separators: &'a Separators) -> Self {
        Self { path, separators, key: OnceCell::new() }
    }

    /// `None` for the null path, and for a domain that IDNA refuses: no domain pattern takes it.
    fn key(&self) -> Option<&AddressKey> {
        let folded = || match self.path {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => mailbox.key(),
        };
        self.key.get_or_init(folded).as_ref()
    }
}
