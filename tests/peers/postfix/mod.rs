//! A real Postfix that sends to Mailchute, or takes what Mailchute relays.

mod example;
mod lmtp;
mod relay;
mod smarthost;
mod tls;

use crate::support::postfix::Postfix;
