//! The order of commands (RFC 5321 §4.1.4): which verb fits which state.

use super::Session;
use crate::mail::BodyType;
use crate::smtp::action::Verb;
use crate::smtp::reply::{self, Reply};

impl Session {
    /// The reply to a verb that does not fit now; the transaction is kept.
    pub(super) fn out_of_order(&self, verb: Verb) -> Option<Reply> {
        if !matches!(verb, Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat) {
            return None;
        }
        if self.hello.is_none() {
            return Some(reply::NEEDS_HELLO);
        }
        match (verb, &self.transaction) {
            (Verb::Mail, None) => None,
            (Verb::Mail, Some(_)) => Some(reply::SENDER_GIVEN),
            (_, None) => Some(reply::NEEDS_SENDER),
            (Verb::Rcpt, Some(transaction)) => transaction.incoming.as_ref().map(|_| reply::BAD_SEQUENCE),
            (_, Some(transaction)) if transaction.accepted == 0 => Some(reply::NO_RECIPIENTS),
            // RFC 3030 §3: "DATA … with BODY=BINARYMIME … the server MUST return a 503".
            (Verb::Data, Some(transaction)) => {
                let needs_bdat =
                    transaction.incoming.is_some() || transaction.body_type == BodyType::BinaryMime;
                needs_bdat.then_some(reply::NEEDS_BDAT)
            }
            (_, Some(_)) => None,
        }
    }

    /// Whether BDAT has begun a message that has not ended.
    pub(super) fn message_begun(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.incoming.is_some())
    }
}
