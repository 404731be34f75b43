//! The AUTH exchange (RFC 4954 §4), step by step. What a step means is the outside's to decide.
//!
//! The exchange is in lock step: input behind AUTH or behind a response may be a further response. So
//! it is refused as unauthorised pipelining even where that response would have ended the exchange,
//! which the client could not know (RFC 2920 §3.1 lets a client send only what no reply can change).

use bytes::Bytes;

use super::{Asked, Question, Session, State, Step, Verb, reply};
use crate::smtp::action::{Answer, AuthStep};
use crate::smtp::command::auth;
use crate::smtp::reply::Reply;

impl Session {
    /// A line that answers a challenge.
    pub(super) fn response(&mut self, line: &Bytes) -> Step {
        if !self.input.is_empty() {
            return self.refuse_pipelining(Verb::Auth);
        }
        match auth::response(line) {
            Ok(AuthStep::Cancel) => self.cancel(reply::AUTH_CANCELLED),
            Ok(step) => self.ask(Asked::Auth, Question::Auth(step)),
            Err(reply) => self.cancel(reply),
        }
    }

    fn cancel(&mut self, reply: Reply) -> Step {
        self.ask(Asked::AuthCancelled(Box::new(reply)), Question::Auth(AuthStep::Cancel))
    }

    pub(super) fn authenticate(&mut self, answer: Answer) {
        let reply = match answer {
            Answer::Accept => {
                self.authenticated = true;
                reply::AUTHENTICATED
            }
            Answer::Challenge(challenge) => {
                self.state = State::Response;
                reply::challenge(auth::encode(&challenge))
            }
            Answer::Refuse(reply) => reply,
            _ => reply::AUTH_UNAVAILABLE,
        };
        self.say(Verb::Auth, reply);
    }
}
