//! MAIL and RCPT: what the limits refuse, and what the outside is asked.

use super::{Asked, Session, Step};
use crate::smtp::action::{Action, Question, Recipient, Sender, Verb};
use crate::smtp::reply::{self, Reply};
use crate::smtp::transaction::Transaction;

impl Session {
    pub(super) fn mail(&mut self, sender: Sender) -> Step {
        let limits = &self.config.limits;
        if limits.messages > 0 && self.messages >= limits.messages {
            return self.refuse(Verb::Mail, Question::Sender(sender), reply::TOO_MANY_MESSAGES);
        }
        if sender.size.is_some_and(|size| size > limits.message_bytes) {
            return self.refuse(Verb::Mail, Question::Sender(sender), reply::TOO_LARGE);
        }
        self.ask(Asked::Sender(Box::new(Transaction::new(&sender))), Question::Sender(sender))
    }

    pub(super) fn rcpt(&mut self, recipient: Recipient) -> Step {
        let accepted = self.transaction.as_ref().map_or(0, |transaction| transaction.accepted);
        if accepted >= self.config.limits.recipients {
            return self.refuse(Verb::Rcpt, Question::Recipient(recipient), reply::TOO_MANY_RECIPIENTS);
        }
        self.ask(Asked::Recipient, Question::Recipient(recipient))
    }

    /// Refuses what would have been asked about.
    pub(super) fn refuse(&mut self, verb: Verb, question: Question, reply: Reply) -> Step {
        self.actions.push_back(Action::Refused(Box::new(question), reply.clone()));
        self.say(verb, reply)
    }
}
