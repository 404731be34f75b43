//! The protocol engine, sans-io: bytes and answers in, actions out.
//!
//! No socket, clock, randomness or log. The outside calls [`Session::receive`] with what it read,
//! does what [`Session::poll`] says until that is `None`, then flushes and reads again. While a
//! [`Question`] is open nothing more is taken from the input, so pipelining needs no other rule.
//!
//! | file | what |
//! | --- | --- |
//! | `session` | the state machine of a connection |
//! | `transaction` | MAIL to the end of data |
//! | `command` | one command line → [`command::Command`] |
//! | `line` | octets → command lines, bounded |
//! | `mechanism` | the names of SASL mechanisms |
//! | `heard` | what a client says, for people who watch |
//! | `data` | the text of DATA: unstuffing, the end |
//! | `reply` | the catalogue of replies |

pub mod action;
pub mod command;
mod data;
pub mod heard;
pub mod limits;
mod line;
pub mod mechanism;
pub mod reply;
pub mod session;
mod transaction;

pub use action::{Action, Answer, AuthStep, Hello, Question, Recipient, Sender, Verb, Violation, Xclient};
pub use heard::{Heard, Part};
pub use limits::{BareNewlines, Limits};
pub use mechanism::{Mechanism, Mechanisms};
pub use reply::Reply;
pub use session::{Config, Pressure, Session};
