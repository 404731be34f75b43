//! The walk: from the engine's questions to its answers, through policy, route, stamp, backend.
//!
//! | file | what |
//! | --- | --- |
//! | `serving` | what is served now: a plan with its live backends |
//! | `session` | one connection's questions, answered |
//! | `peer` | who is at the other end |
//! | `entry` | who may come in, and how often |
//! | `xclient` | a trusted peer says who the client is |
//! | `auth` | signing in, and failing to |
//! | `submission` | what is asked of addresses on submission listeners |
//! | `recipient` | RCPT: which rule takes it, pure |
//! | `transaction` | MAIL to the message: envelope, delivery group, body |
//! | `weight` | which of several backends it goes to |
//! | `deliver` | the message: stamp it, deliver it |
//! | `bounce` | what a backend says afterwards |
//! | `notify` | what a sender hears beside the reply |
//! | `outcome` | receipts and failures → replies: the only such mapping |
//! | `budget` | memory for messages |
//! | `feed` | what becomes of transactions, for people who watch |

mod auth;
pub mod bounce;
pub mod budget;
mod deliver;
pub mod entry;
pub mod feed;
mod notify;
pub mod outcome;
pub mod peer;
pub mod recipient;
pub mod serving;
pub mod session;
mod submission;
mod transaction;
mod weight;
mod xclient;

pub use budget::Budget;
pub use peer::Peer;
pub use serving::Serving;
pub use session::{Answered, Door, Session};
