//! The order of commands (RFC 5321 §4.1.4): which verb fits which state.

use super::Session;
use crate::mail::BodyType;
use crate::smtp::action::Verb;
use crate::smtp::reply::{self, Reply};

impl Session {
    /// The reply to a verb that does not fit now; the transaction is kept.
    pub(super) fn out_of_order(&self, verb: Verb) -> Option<Reply> {
        if self.needs_tls(verb) {
            return Some(reply::NEEDS_TLS);
        }
        match verb {
            Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Bdat => self.out_of_transaction(verb),
            Verb::Starttls => self.no_starttls(),
            Verb::Auth => self.no_auth(),
            Verb::Xclient => self.no_xclient(),
            _ => None,
        }
    }

    /// RFC 3207 §4: a server that requires TLS answers 530 "to every command other than NOOP, EHLO,
    /// STARTTLS, or QUIT". A word that is no command stays an error, so that errors are counted.
    fn needs_tls(&self, verb: Verb) -> bool {
        let required = self.hello.is_some_and(|hello| hello.offered.tls_required);
        let exempt = matches!(
            verb,
            Verb::Noop | Verb::Helo | Verb::Ehlo | Verb::Lhlo | Verb::Starttls | Verb::Quit | Verb::Other
        );
        required && !exempt
    }

    fn no_starttls(&self) -> Option<Reply> {
        match self.hello {
            _ if self.secure => Some(reply::TLS_ACTIVE),
            None => Some(reply::NEEDS_HELLO),
            Some(hello) => (!hello.offered.starttls).then_some(reply::NOT_IMPLEMENTED),
        }
    }

    fn no_auth(&self) -> Option<Reply> {
        match self.hello {
            None => Some(reply::NEEDS_HELLO),
            Some(hello) if hello.offered.auth.is_empty() => Some(reply::NOT_IMPLEMENTED),
            // RFC 4954 §3: AUTH is an extension; HELO asks for none.
            Some(hello) if !hello.extended => Some(reply::NEEDS_HELLO),
            // RFC 4954 §4: "After a successful AUTH command completes, a server MUST reject any further
            // AUTH commands with a 503 reply."
            Some(_) if self.authenticated => Some(reply::ALREADY_AUTHENTICATED),
            // "The AUTH command is not permitted during a mail transaction."
            Some(_) => self.transaction.as_ref().map(|_| reply::BAD_SEQUENCE),
        }
    }

    /// Whom we trust is not told to others: to them XCLIENT is as unknown as it was not announced.
    fn no_xclient(&self) -> Option<Reply> {
        match self.hello {
            None => Some(reply::NEEDS_HELLO),
            Some(hello) if !hello.offered.xclient => Some(reply::NOT_IMPLEMENTED),
            Some(_) => self.transaction.as_ref().map(|_| reply::BAD_SEQUENCE),
        }
    }

    fn out_of_transaction(&self, verb: Verb) -> Option<Reply> {
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
