//! How a connection ends, and how its session will be said to have ended.

use super::tls::HandshakeError;
use crate::metrics::SessionOutcome;
use crate::smtp::Verb;
use crate::smtp::reply::Reply;

/// How to part from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// [`Socket::close`](super::socket::Socket::close).
    Linger,
    /// There is nothing to wait for.
    Leave,
}

/// How a connection ended, apart from errors of the socket.
pub(super) enum Ending {
    /// We close it.
    Closed(SessionOutcome),
    /// The time to drain is over.
    Cut,
    /// There is no TLS, so there is nothing to say.
    Unsecured(HandshakeError),
}

impl Ending {
    /// For people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Closed(SessionOutcome::TimedOut) => "the client was too slow, and is hung up on".to_owned(),
            Self::Closed(SessionOutcome::Failed) => {
                "a defect of the front-end ends the connection".to_owned()
            }
            Self::Closed(_) => "the connection is closed".to_owned(),
            Self::Cut => "the front-end goes away and cuts the connection".to_owned(),
            Self::Unsecured(error) => format!("the TLS handshake has failed: {error}"),
        }
    }
}

/// How the session will be said to have ended, going by what we say.
pub(super) fn note(verb: Verb, reply: &Reply, outcome: &mut SessionOutcome) {
    match (verb, reply.code()) {
        // Whoever was refused can say nothing else.
        (Verb::Quit, 221) if *outcome != SessionOutcome::Refused => *outcome = SessionOutcome::Quit,
        (Verb::Connect, 220) => {}
        (Verb::Connect, _) if !matches!(outcome, SessionOutcome::Drained | SessionOutcome::Expelled) => {
            *outcome = SessionOutcome::Refused;
        }
        (Verb::Xclient, 421 | 554) => *outcome = SessionOutcome::Refused,
        // `messagesPerSession`, or the backend's word: the client did nothing wrong.
        (Verb::Mail | Verb::Message, 421) => {}
        (_, 421) if *outcome != SessionOutcome::Drained => *outcome = SessionOutcome::Expelled,
        _ => {}
    }
}
