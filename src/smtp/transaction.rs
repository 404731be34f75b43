//! One transaction inside the engine: from an accepted MAIL to the reply to its message.
//!
//! RSET, EHLO and STARTTLS drop it. The envelope itself is the outside's; here stands only what the
//! order of commands and the limits need.

use bytes::Bytes;

use super::action::Sender;
use super::limits::DRAIN_FACTOR;
use super::reply::{self, Reply};
use crate::mail::BodyType;

/// What the engine remembers of a transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) smtputf8: bool,
    pub(super) body_type: BodyType,
    /// Each recipient may have its reply.
    pub(super) prdr: bool,
    /// Recipients accepted so far.
    pub(super) accepted: u32,
    /// The message, once DATA or BDAT has begun it.
    pub(super) incoming: Option<Incoming>,
}

impl Transaction {
    pub(super) fn new(sender: &Sender) -> Self {
        let Sender { smtputf8, body_type, prdr, .. } = *sender;
        Self { smtputf8, body_type, prdr, accepted: 0, incoming: None }
    }
}

/// A message on its way in.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    octets: u64,
    refused: Option<Reply>,
}

/// What becomes of the next octets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// They belong to the message.
    Passed(Bytes),
    /// The message is refused as of now; what came before can be forgotten.
    Refused,
    /// The message is refused already; they are dropped.
    Dropped,
    /// Too much has been dropped: stop reading.
    Overrun,
}

impl Incoming {
    /// Takes the next octets of the message.
    pub(super) fn take(&mut self, chunk: Bytes, limit: u64) -> Taken {
        let first = self.octets == 0;
        self.octets = self.octets.saturating_add(chunk.len() as u64);
        if self.octets > limit {
            return self.too_large(limit);
        }
        if self.refused.is_some() {
            return Taken::Dropped;
        }
        // A folded continuation would become part of our own last field.
        if first && matches!(chunk.first(), Some(b' ' | b'\t')) {
            return self.refuse(reply::BAD_FIRST_LINE);
        }
        Taken::Passed(chunk)
    }

    /// The size is told whatever else is wrong with the message, so that the reply does not depend
    /// on how its octets were cut into reads.
    fn too_large(&mut self, limit: u64) -> Taken {
        let before = self.refused.replace(reply::TOO_LARGE);
        match before {
            _ if self.octets > limit.saturating_mul(DRAIN_FACTOR) => Taken::Overrun,
            Some(_) => Taken::Dropped,
            None => Taken::Refused,
        }
    }

    /// Refuses the message, unless it is refused already: the first reason is the one told.
    pub(super) fn refuse(&mut self, reply: Reply) -> Taken {
        if self.refused.is_some() {
            return Taken::Dropped;
        }
        self.refused = Some(reply);
        Taken::Refused
    }

    /// Why the message is refused, if it is.
    pub(super) fn refused(&self) -> Option<&Reply> {
        self.refused.as_ref()
    }

    /// Octets that came so far.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }
}
