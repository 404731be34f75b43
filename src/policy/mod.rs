//! May this client, sender or recipient pass, given these facts? Pure decisions, no facts gathered here.

pub mod bounce;
pub mod network;
pub mod networks;
pub mod rate;
pub mod recipients;

pub use network::Network;
pub use networks::Networks;
pub use rate::{Allowance, Rate, Rates};
pub use recipients::{ListBuilder, ListError, ListMode, RecipientList};
