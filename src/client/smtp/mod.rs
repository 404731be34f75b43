//! SMTP and LMTP from the other side: one conversation with a server, as its client.
//!
//! ```text
//! Script ─▶ Conversation (says what is to be said) ◀──▶ dial (socket, TLS, deadline) ◀──▶ server
//!                 ▲                                        │
//!                 └────────────── Reply ◀── Reader ◀───────┘
//! ```
//!
//! `conversation` and `reply` are pure: replies in, lines out. `dial` moves the octets. One recipient, no pipelining:
//! this is for looking at a server, not for sending mail in bulk.

mod conversation;
mod dial;
mod reply;
mod trust;

pub(crate) use conversation::{Dialect, Envelope, Login, Outcome, Script};
pub(crate) use dial::{Fault, Line, Security, Server, converse};
pub(crate) use reply::Reply;
pub(crate) use trust::Trust;
