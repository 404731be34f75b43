//! The reply to a message, or the replies.
//!
//! One for all recipients (RFC 5321), one for each (LMTP, RFC 2033 §4.2), or one for each and one for
//! the message (PRDR, draft-hall-prdr). A PRDR client whose message is answered as a whole hears that
//! one reply alone, without `353`, as Exim does.

use super::{Action, Session, Verb};
use crate::smtp::action::Answer;
use crate::smtp::reply::{self, Class, Reply};
use crate::smtp::transaction::Transaction;

impl Session {
    /// The message has its answer; the transaction is over either way.
    pub(super) fn message(&mut self, answer: Answer) {
        let Some(transaction) = self.transaction.take() else { return };
        let replies = match answer {
            Answer::Each(replies) => self.for_different(&transaction, replies),
            Answer::Delivered(reply) | Answer::Refuse(reply) => self.for_all(&transaction, reply),
            Answer::Accept | Answer::Challenge(_) | Answer::Capabilities(_) => {
                self.for_all(&transaction, reply::BACKEND_FAILED)
            }
        };
        if replies.iter().any(is_positive) {
            self.messages += 1;
            self.errors = 0;
        }
        self.tell(replies);
    }

    /// What a message hears that fares alike for all recipients.
    pub(super) fn for_all(&self, transaction: &Transaction, reply: Reply) -> Vec<Reply> {
        // RFC 2033 §4.2: "the server MUST return one reply for each previously successful RCPT command".
        let times = if self.config.lmtp { transaction.accepted.max(1) } else { 1 };
        vec![reply; times as usize]
    }

    fn for_different(&self, transaction: &Transaction, replies: Vec<Reply>) -> Vec<Reply> {
        if replies.len() != transaction.accepted as usize {
            // Whose reply is missing can't be told: nobody hears that a message was taken.
            return self.for_all(transaction, reply::BACKEND_FAILED);
        }
        // One recipient's `421` must not keep the others from being told.
        let replies: Vec<Reply> = replies.into_iter().map(Reply::without_closing).collect();
        if self.config.lmtp {
            return replies;
        }
        if transaction.prdr {
            let last = last(&replies);
            return [vec![reply::EACH_FOLLOWS], replies, vec![last]].concat();
        }
        vec![common(&replies)]
    }

    /// Says all of it, then closes where one of them says so. None of it counts as an error of the
    /// client, and none is lost to a limit.
    pub(super) fn tell(&mut self, replies: Vec<Reply>) {
        let closes = replies.iter().any(Reply::closes);
        let verb = Verb::Message;
        self.actions.extend(replies.into_iter().map(|reply| Action::Reply { verb, reply }));
        if closes {
            self.close();
        }
    }
}

/// PRDR's reply for the message: `250` if anyone has taken it. A client may take a `5xx` here for all
/// of its recipients (Exim does), so it is one only where each was refused for good.
fn last(replies: &[Reply]) -> Reply {
    let taken = replies.iter().find(|reply| is_positive(reply)).cloned();
    let refused = replies.iter().all(|reply| reply.class() == Class::Permanent);
    taken.unwrap_or(if refused { reply::REFUSED_BY_ALL } else { reply::TAKEN_BY_NONE })
}

/// The one reply to a client that can hear but one.
fn common(replies: &[Reply]) -> Reply {
    match replies {
        [first, others @ ..] if others.iter().all(|other| other.class() == first.class()) => first.clone(),
        _ => reply::MIXED,
    }
}

fn is_positive(reply: &Reply) -> bool {
    reply.class() == Class::Positive
}
