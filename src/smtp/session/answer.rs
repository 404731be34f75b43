//! What the outside has decided, and what the client hears of it.
//!
//! Not here: the answers to Connect and Hello, which are in `announce`.

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

    /// The message has its answer; the transaction is over either way.
    fn message(&mut self, answer: Answer) {
        let accepted = self.transaction.take().map_or(0, |transaction| transaction.accepted);
        let replies = match answer {
            Answer::Each(replies) => replies,
            Answer::Delivered(reply) | Answer::Refuse(reply) => self.for_each_recipient(accepted, reply),
            Answer::Accept | Answer::Challenge(_) | Answer::Capabilities(_) => {
                self.for_each_recipient(accepted, reply::BACKEND_FAILED)
            }
        };
        if replies.iter().any(|reply| reply.class() == Class::Positive) {
            self.messages += 1;
            self.errors = 0;
        }
        for reply in replies {
            self.say(Verb::Message, reply);
        }
    }

    /// RFC 2033 §4.2: in LMTP each accepted recipient has a reply of its own.
    pub(super) fn for_each_recipient(&self, accepted: u32, reply: Reply) -> Vec<Reply> {
        let times = if self.config.lmtp { accepted.max(1) } else { 1 };
        vec![reply; times as usize]
    }
}
