//! Recipient → rule: the immutable table behind every RCPT, and the patterns it is made of.
//!
//! Precedence, first difference wins: domain (exact, longest suffix, any); local part (exact with
//! detail, exact, wildcard by literal characters, regular expression, any); a match with a sender
//! before one without; then the order of insertion, which the caller has sorted.

pub mod candidate;
pub mod table;

pub use candidate::{Candidate, DomainPattern, Found, LocalPart, RuleId, SenderPattern, Subaddress};
pub use table::{Builder, Rejected, Table};
