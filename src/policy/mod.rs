//! May this recipient pass, given these facts? Pure decisions, no facts gathered here.

pub mod recipients;

pub use recipients::{ListBuilder, ListError, ListMode, RecipientList};
