//! What the probe says, and what it makes of the answers. Pure: no socket, no clock.
//!
//! ```text
//! Opening ─▶ Mail ─250─▶ Recipient ─250─▶ Data ─354─▶ Message ─250─▶ Quit ─▶ Ended
//!                            └─250─▶ Reset ─250─────────────────────▶ Quit
//! ```
//!
//! What was not asked for is left out. Any other answer than the one that is hoped for settles the outcome, and the
//! client takes its leave.

use super::line::Line;
use super::login::Login;
use super::opening::{Dialect, Introduction, Obstacle, Opening, Progress, Upgrade};
use super::reply::Reply;
use super::text::Stuffing;
use crate::mail::{ForwardPath, ReversePath};
use crate::smtp::reply::Class;

#[cfg(test)]
mod tests;

/// A transaction.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    /// Who sends.
    pub(crate) sender: ReversePath,
    /// Who receives.
    pub(crate) recipient: ForwardPath,
    /// What is sent, its lines ending by CRLF. Without it the transaction ends behind RCPT, and nothing is sent.
    pub(crate) message: Option<Vec<u8>>,
}

/// What is to be said.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// In which dialect.
    pub(crate) dialect: Dialect,
    /// Whether to sign in.
    pub(crate) login: Option<Login>,
    /// Whether to begin a transaction.
    pub(crate) envelope: Option<Envelope>,
}

/// The answer to the last thing that mattered, where all was answered as hoped.
pub(crate) type Outcome = Result<Reply, Obstacle>;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Wait for a reply.
    Listen,
    /// Write octets, then wait for a reply.
    Say(Line),
    /// Begin TLS, then call [`Conversation::secured`].
    Handshake,
    /// Close: there is an outcome.
    End,
}

/// Whose answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Mail,
    Recipient,
    Reset,
    Data,
    Message,
    Quit,
    Ended,
}

/// RFC 5321 §3.8: behind this code the server closes.
pub(crate) const CLOSING: u16 = 421;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    opening: Opening,
    envelope: Option<Envelope>,
    state: State,
    outcome: Option<Outcome>,
}

impl Conversation {
    /// `hello` is who we say we are: a name, or an address literal (RFC 5321 §4.1.4).
    pub(crate) fn new(script: Script, upgrade: Upgrade, hello: String) -> Self {
        let Script { dialect, login, envelope } = script;
        let opening = Opening::new(Introduction { dialect, upgrade, hello, login, nonce: None });
        Self { opening, envelope, state: State::Opening, outcome: None }
    }

    /// What came of it, as soon as that is settled.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What is being waited for.
    pub(crate) fn waits_for(&self) -> &'static str {
        match self.state {
            State::Opening => self.opening.waits_for(),
            State::Mail => "MAIL",
            State::Recipient => "RCPT",
            State::Reset => "RSET",
            State::Data => "DATA",
            State::Message => "the message",
            State::Quit | State::Ended => "QUIT",
        }
    }

    /// Goes on inside TLS.
    pub(crate) fn secured(&mut self) -> Turn {
        Turn::Say(self.opening.secured())
    }

    /// Takes a reply.
    pub(crate) fn hear(&mut self, reply: Reply) -> Turn {
        let hoped = match self.state {
            State::Opening => return self.open(reply),
            State::Quit | State::Ended => return self.end(),
            State::Data => Class::Intermediate,
            _ => Class::Positive,
        };
        if reply.class() != hoped {
            return self.disappointed(Obstacle::disappointing(self.waits_for(), reply));
        }
        match self.state {
            State::Mail => self.say_recipient(),
            State::Recipient => self.after_recipient(reply),
            State::Data => self.say_message(),
            State::Message => self.settle(Ok(reply)),
            State::Opening | State::Reset | State::Quit | State::Ended => self.leave(),
        }
    }

    fn open(&mut self, reply: Reply) -> Turn {
        match self.opening.hear(reply) {
            Progress::Say(line) => Turn::Say(line),
            Progress::Handshake => Turn::Handshake,
            Progress::Open(reply) => self.begin(reply),
            Progress::Over(obstacle) => self.disappointed(obstacle),
        }
    }

    fn disappointed(&mut self, obstacle: Obstacle) -> Turn {
        // Whoever waits for more of a command or a message would take QUIT for that.
        let ends = match &obstacle {
            Obstacle::Refused { reply, .. } => reply.code == CLOSING,
            Obstacle::Unexpected { .. } => true,
            Obstacle::NotOffered(_) => false,
        };
        self.outcome = Some(Err(obstacle));
        if ends { self.end() } else { self.leave() }
    }

    /// Begins the transaction, if there is to be one; else `reply` was the last that mattered.
    fn begin(&mut self, reply: Reply) -> Turn {
        let Some(envelope) = &self.envelope else { return self.settle(Ok(reply)) };
        let utf8 = !(envelope.sender.is_ascii() && envelope.recipient.is_ascii());
        let line = format!("MAIL FROM:<{}>{}", envelope.sender, if utf8 { " SMTPUTF8" } else { "" });
        if utf8 && !self.opening.announced().smtputf8 {
            return self.settle(Err(Obstacle::NotOffered("SMTPUTF8")));
        }
        self.say(State::Mail, line)
    }

    fn say_recipient(&mut self) -> Turn {
        let Some(envelope) = &self.envelope else { return self.leave() };
        let line = format!("RCPT TO:<{}>", envelope.recipient);
        self.say(State::Recipient, line)
    }

    fn after_recipient(&mut self, reply: Reply) -> Turn {
        if self.envelope.as_ref().is_some_and(|envelope| envelope.message.is_some()) {
            return self.say(State::Data, "DATA".to_owned());
        }
        self.outcome = Some(Ok(reply));
        self.say(State::Reset, "RSET".to_owned())
    }

    fn say_message(&mut self) -> Turn {
        let envelope = self.envelope.take();
        let message = envelope.and_then(|envelope| envelope.message).unwrap_or_default();
        self.state = State::Message;
        let mut octets = Vec::with_capacity(message.len() + 8);
        let mut stuffing = Stuffing::default();
        stuffing.push(&message, &mut octets);
        stuffing.end(&mut octets);
        Turn::Say(Line { shown: format!("(a message of {} octets)", message.len()), octets })
    }

    fn say(&mut self, state: State, line: String) -> Turn {
        self.state = state;
        Turn::Say(Line::of(line))
    }

    fn settle(&mut self, outcome: Outcome) -> Turn {
        self.outcome = Some(outcome);
        self.leave()
    }

    fn leave(&mut self) -> Turn {
        self.say(State::Quit, "QUIT".to_owned())
    }

    fn end(&mut self) -> Turn {
        self.state = State::Ended;
        Turn::End
    }
}
