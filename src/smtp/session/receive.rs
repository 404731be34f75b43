//! The message comes in: by DATA (RFC 5321 §4.1.1.4) or by BDAT (RFC 3030 §2).

use bytes::Bytes;

use super::{Action, Asked, BareNewlines, Question, Session, State, Step, Verb, Violation};
use crate::smtp::data::{Part, Scanner};
use crate::smtp::limits::DRAIN_FACTOR;
use crate::smtp::reply::{self, Reply};
use crate::smtp::transaction::{Incoming, Taken};

impl Session {
    pub(super) fn data(&mut self) -> Step {
        self.begin();
        self.state = State::Text(Scanner::new());
        self.say(Verb::Data, reply::START_INPUT)
    }

    pub(super) fn bdat(&mut self, size: u64, last: bool) -> Step {
        self.begin();
        let limit = self.config.limits.message_bytes;
        let so_far = self.incoming().map_or(0, |incoming| incoming.octets());
        if so_far.saturating_add(size) > limit {
            self.refuse_incoming(reply::TOO_LARGE);
        }
        self.state = State::Chunk { remaining: size, last };
        Step::Progress
    }

    fn begin(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.incoming.get_or_insert_default();
        }
    }

    fn incoming(&mut self) -> Option<&mut Incoming> {
        self.transaction.as_mut().and_then(|transaction| transaction.incoming.as_mut())
    }

    pub(super) fn next_text(&mut self) -> Step {
        let State::Text(scanner) = &mut self.state else { return Step::Blocked };
        let before = scanner.bare_newline();
        let part = scanner.next(&mut self.input);
        let bare_newline = scanner.bare_newline() && !before;
        if bare_newline {
            self.actions.push_back(Action::Violation(Violation::BareNewline));
        }
        let step = match part {
            None => self.blocked_in_message(),
            Some(Part::Text(text)) => self.take(text),
            Some(Part::End) => self.complete(),
        };
        // Behind `take`: of two reasons to refuse, the one that comes first in the text is told.
        if bare_newline && self.config.bare_newlines == BareNewlines::Reject {
            self.refuse_incoming(reply::BARE_NEWLINE);
        }
        step
    }

    pub(super) fn next_chunk(&mut self) -> Step {
        let State::Chunk { remaining, last } = &mut self.state else { return Step::Blocked };
        if *remaining > 0 {
            let octets = cut(&mut self.input, remaining);
            return if octets.is_empty() { self.blocked_in_message() } else { self.take(octets) };
        }
        if *last {
            return self.complete();
        }
        self.hear(|session| format!("(a chunk: {} octets so far)", session.octets_heard()).into());
        self.state = State::Command;
        // A refused message stays refused: each further chunk is dropped and told so.
        let reply = self.incoming().and_then(|incoming| incoming.refused().cloned());
        self.say(Verb::Bdat, reply.unwrap_or(reply::CHUNK_OK))
    }

    pub(super) fn next_skipped(&mut self) -> Step {
        let limit = self.config.limits.message_bytes.saturating_mul(DRAIN_FACTOR);
        let State::Skip { remaining, dropped, reply } = &mut self.state else { return Step::Blocked };
        let overrun = *dropped > limit;
        if *remaining > 0 && !overrun {
            let octets = cut(&mut self.input, remaining);
            *dropped += octets.len() as u64;
            return if octets.is_empty() { self.blocked_in_message() } else { Step::Progress };
        }
        let reply = (**reply).clone();
        self.hear(|_| "(a chunk that is not taken)".into());
        self.state = State::Command;
        if overrun {
            self.actions.push_back(Action::Violation(Violation::DrainLimit));
        }
        self.say(Verb::Bdat, reply);
        if overrun { self.close() } else { Step::Progress }
    }

    /// An end of stream inside a message delivers nothing.
    fn blocked_in_message(&mut self) -> Step {
        if !self.end_of_input {
            return Step::Blocked;
        }
        self.hear(|session| {
            let octets = session.octets_heard();
            format!("(the connection ends within the message, after {octets} octets)").into()
        });
        self.close()
    }

    fn take(&mut self, octets: Bytes) -> Step {
        let limit = self.config.limits.message_bytes;
        let Some(incoming) = self.incoming() else { return self.close() };
        match incoming.take(octets, limit) {
            Taken::Passed(octets) => self.actions.push_back(Action::Body(octets)),
            Taken::Refused => self.actions.push_back(Action::Reset),
            Taken::Dropped => {}
            Taken::Overrun => {
                self.actions.push_back(Action::Violation(Violation::DrainLimit));
                self.refused_message();
                return self.close();
            }
        }
        Step::Progress
    }

    /// The message is refused while it comes in: what the outside holds of it can go.
    pub(super) fn refuse_incoming(&mut self, reply: Reply) {
        if self.incoming().is_some_and(|incoming| incoming.refuse(reply) == Taken::Refused) {
            self.actions.push_back(Action::Reset);
        }
    }

    fn complete(&mut self) -> Step {
        self.hear(|session| format!("(a message of {} octets)", session.octets_heard()).into());
        if self.refused_message() == Step::Progress {
            return Step::Progress;
        }
        self.ask(Asked::Message, Question::Message)
    }

    /// Answers a message that was refused on its way in; `Blocked` where it was not.
    fn refused_message(&mut self) -> Step {
        let Some(reply) = self.incoming().and_then(|incoming| incoming.refused().cloned()) else {
            return Step::Blocked;
        };
        self.state = State::Command;
        if let Some(transaction) = self.transaction.take() {
            self.tell(self.for_all(&transaction, reply));
        }
        Step::Progress
    }
}

/// Up to `remaining` octets of the input.
fn cut(input: &mut Bytes, remaining: &mut u64) -> Bytes {
    let fits = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
    *remaining -= fits as u64;
    input.split_to(fits)
}
