//! Recipient → rule: the immutable table behind every RCPT, and the patterns it is made of.
//!
//! Precedence, first difference wins:
//!
//! 1. domain: exact, longest suffix, any;
//! 2. local part: exact with detail, exact, [unknown](LocalPart::Unknown), wildcard by literal
//!    characters, regular expression, any;
//! 3. a match with a sender before one without;
//! 4. the order of insertion, which the caller has sorted.
//!
//! A match whose sender is another is passed over, and so on down the list.
//!
//! "With detail" is an exact value that is compared to the whole local part: because it holds a
//! detail (`support+billing`), or because [`Subaddress::Match`] says so. Other exact values are
//! compared to the local part without its detail. A wildcard or regular expression that ignores
//! the detail takes a local part when it takes all of it or what stands before the detail.
//!
//! No clock, no tokio: built by compile, read by the pipeline, the same answer every time. What
//! becomes of a recipient that nothing takes is the pipeline's business.

pub mod builder;
pub mod candidate;
pub mod domains;
pub mod keymap;
pub mod local;
pub mod matched;
pub mod pattern;
mod sender;
pub mod table;

pub use builder::{Builder, Rejected};
pub use candidate::{Candidate, DomainPattern, Found, LocalPart, RuleId, SenderPattern, Subaddress};
pub use matched::{LocalPartMatched, Matched};
pub use table::Table;
