//! Out: a delivery goes to a backend, receipts or failures come back.
//!
//! A closed enum of kinds, one file each. Nothing here knows SMTP's dialogue; failures become
//! replies in `pipeline::outcome`.

pub mod delivery;

pub use delivery::{Cause, Delivery, Failure, Outcome, Receipt, SessionFacts, TraceContext};
