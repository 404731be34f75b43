//! Out: a delivery goes to a backend, receipts or failures come back.
//!
//! [`Live`] is a backend of the plan with its runtime: connections, a cap on deliveries at a time,
//! a circuit. The kinds are a closed enum, one module each. Nothing here knows SMTP's dialogue;
//! failures become replies in `pipeline::outcome`.
//!
//! | file | what |
//! | --- | --- |
//! | `delivery` | what goes in and what comes out |
//! | `live` | one backend at work; what survives a new plan |
//! | `event` | a delivery as a CloudEvent |
//! | `notifier` | notifications to senders |
//! | `http` | the kind `http` |
//! | `nats` | the kind `nats` |
//! | `relay` | the kinds `smtp` and `lmtp` |
//! | `word` | what others say, made fit for a reply |

pub mod delivery;
mod event;
pub(crate) mod http;
mod live;
mod nats;
mod notifier;
pub(crate) mod relay;
mod word;

pub use delivery::{
    Attempt, Attempts, Cause, Delivery, Failure, Outcome, Receipt, SessionFacts, TraceContext,
};
pub use event::{DEFAULT_ENVELOPE_OCTETS, envelope_octets};
pub use live::Live;
pub use notifier::{Notifier, PATIENCE as NOTIFIER_PATIENCE, Unsent};
pub use relay::{Conversation, Share};

pub use crate::client::circuit::{Circuit, Reservation, Slot};
