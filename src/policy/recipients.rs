//! Lists of recipients: which addresses exist.

use crate::mail::AddressKey;

/// How a list is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListMode {
    /// Only what is listed exists.
    AllowList,
    /// What is listed does not exist.
    DenyList,
}

/// Addresses and patterns, as one set.
#[derive(Debug)]
pub struct RecipientList {
    mode: ListMode,
}

impl RecipientList {
    /// Whether the list lets this recipient pass. The caller lets postmaster pass without asking.
    pub fn admits(&self, _recipient: &AddressKey) -> bool {
        self.mode == ListMode::DenyList
    }
}
