//! What the outside has decided, and what the client hears of it.
//!
//! Not here: the answers to Connect and Hello, which are in `announce`, to Auth, Xclient and Message,
//! which have files of their own.

use super::{Asked, Session, State, Step};
use crate::smtp::action::{Action, Answer, Verb, Violation};
use crate::smtp::limits::REFUSED_RECIPIENTS;
use crate::smtp::reply::{self, Class, Reply};
use crate::smtp::transaction::Transaction;

impl Session {
    /// The outside has decided the open question.
    pub fn answer(&mut self, answer: Answer) {
        let asked = match std::mem::replace(&mut self.state, State::Command) {
            State::Asking(asked) => asked,
            // An answer to nothing is a defect of the caller; it changes nothing.
            other => {
                self.state = other;
                return;
            }
        };
        match asked {
            Asked::Connect => self.greet(answer),
            Asked::Hello { protocol, pipelined } => self.greeted(protocol, pipelined, answer),
            Asked::Sender(transaction) => self.sender(transaction, answer),
            Asked::Recipient => self.recipient(answer),
            Asked::Xclient => self.introduced(answer),
            Asked::Auth => self.authenticate(answer),
            Asked::AuthCancelled(reply) => {
                self.say(Verb::Auth, *reply);
            }
            Asked::Message => self.message(answer),
        }
    }

    fn sender(&mut self, transaction: Box<Transaction>, answer: Answer) {
        match answer {
            Answer::Refuse(reply) => self.say(Verb::Mail, reply),
            _ => {
                self.transaction = Some(transaction);
                self.say(Verb::Mail, reply::SENDER_OK)
            }
        };
    }

    fn recipient(&mut self, answer: Answer) {
        match answer {
            Answer::Refuse(reply) => self.refuse_recipient(reply),
            _ => {
                self.refused_recipients = None;
                if let Some(transaction) = &mut self.transaction {
                    transaction.accepted += 1;
                }
                self.say(Verb::Rcpt, reply::RECIPIENT_OK)
            }
        };
    }

    /// Whoever is refused so often and never accepted is after our list of recipients.
    fn refuse_recipient(&mut self, reply: Reply) -> Step {
        if let Some(refused) = self.refused_recipients.as_mut().filter(|_| reply.class() == Class::Permanent)
        {
            *refused += 1;
            if *refused >= REFUSED_RECIPIENTS {
                self.actions.push_back(Action::Violation(Violation::TooManyRefused));
                return self.say(Verb::Rcpt, reply::TOO_MANY_REFUSED);
            }
        }
        self.say(Verb::Rcpt, reply)
    }
}
