//! SMTP and LMTP from the other side: as the client of a mail server.
//!
//! ```text
//! Opening ─▶ Conversation ◀─ dial ─▶ server        probe, send: a step at a time, and all is shown
//!    │
//!    └────▶ Session ◀─ Relay ─▶ server              backends: step by step, pipelined, pooled
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `opening`, `login`, `scram` | from the greeting to where mail can be sent, STARTTLS and AUTH included; pure |
//! | `announced` | what a server offers; pure |
//! | `command`, `text` | MAIL, RCPT and the message as they are said, or why they can't be; pure |
//! | `reply`, `line` | replies out of octets, and lines; pure |
//! | `link`, `trust` | the socket: DNS, TCP, TLS, deadlines |
//! | `conversation`, `dial` | what `probe` and `send` say |
//! | `session`, `relay` | a session with a relay, and those that wait for the next message |
//!
//! What a relay's words mean for a message is not known here, see `backend::relay`.

mod announced;
mod command;
mod conversation;
mod dial;
mod line;
mod link;
mod login;
mod opening;
mod relay;
mod reply;
mod scram;
mod session;
mod text;
mod trust;

pub(crate) use announced::Announced;
pub(crate) use command::{Unable, mail, rcpt, sendable};
pub(crate) use conversation::{Answer, CLOSING, Envelope, Message, Outcome, Script, Size};
pub(crate) use dial::{Line, Security, Target, converse};
pub(crate) use link::Fault;
pub(crate) use login::Login;
pub(crate) use opening::{Dialect, Obstacle};
pub(crate) use relay::{Patience, Relay, Unbegun};
pub(crate) use reply::Reply;
pub(crate) use session::{Session, Stage, Trouble, refusal};
pub(crate) use text::Text;
pub(crate) use trust::Trust;
