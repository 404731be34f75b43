//! Tells what the client says, to an outside that wants to know: see [`Action::Heard`].

use std::borrow::Cow;

use super::{Session, State};
use crate::smtp::action::{Action, Verb};
use crate::smtp::command;
use crate::smtp::heard::{Heard, Narrator, Part};
use crate::smtp::transaction::Incoming;

impl Session {
    /// From now on whatever the client says is told by [`Action::Heard`], before what comes of it.
    pub fn narrate(&mut self) {
        self.narrator = Some(Narrator::default());
    }

    /// A line, of a command or of an exchange.
    pub(super) fn hear_line(&mut self, line: &[u8]) {
        let Some(narrator) = &mut self.narrator else { return };
        let (text, verb) = if matches!(self.state, State::Response) {
            (narrator.response(line), Verb::Auth)
        } else {
            (narrator.command(line), command::verb(line))
        };
        let part = match verb {
            // They end a transaction, and begin something that counts for all that follow.
            Verb::Helo | Verb::Ehlo | Verb::Lhlo | Verb::Starttls => Part::Session,
            Verb::Mail if self.transaction.is_none() => Part::Beginning,
            _ => self.part(),
        };
        self.actions.push_back(Action::Heard(Heard { text, part }));
    }

    /// Anything else; `text` is made only where it is told.
    pub(super) fn hear(&mut self, text: impl FnOnce(&Self) -> Cow<'static, str>) {
        if self.narrator.is_some() {
            let heard = Heard { text: text(self), part: self.part() };
            self.actions.push_back(Action::Heard(heard));
        }
    }

    /// Octets of the message so far.
    pub(super) fn octets_heard(&self) -> u64 {
        let incoming = self.transaction.as_ref().and_then(|transaction| transaction.incoming.as_ref());
        incoming.map_or(0, Incoming::octets)
    }

    fn part(&self) -> Part {
        if self.transaction.is_some() { Part::Transaction } else { Part::Session }
    }
}

#[cfg(test)]
mod tests;
