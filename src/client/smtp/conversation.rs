//! What `probe` and `send` say, and what they make of the answers. Pure: no socket, no clock.
//!
//! ```text
//! Opening ─▶ Mail ─250─▶ Recipient ─▶ … Recipient ─▶ Data ─354─▶ Message ─▶ Quit ─▶ Ended
//!                                           └─▶ Reset ─250─────────────────▶ Quit
//! ```
//!
//! What was not asked for is left out. One command waits for the answer to the one before, so that each has its time.
//! Of several recipients those that are taken get the message. Any other answer than the one that is hoped for settles
//! what it is about, and once nobody is left to go on for, the client takes its leave.

use super::announced::Announced;
use super::line::Line;
use super::link::Fault;
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
    pub(crate) recipients: Vec<ForwardPath>,
    /// What is sent. Without it the transaction ends behind RCPT.
    pub(crate) message: Option<Message>,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// All of it; its lines end by CRLF.
    pub(crate) octets: Vec<u8>,
    /// Whether MAIL says how many there are (RFC 1870), where the server wants to hear it.
    pub(crate) size: Size,
}

/// Whether the size of a message is said before the message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// It is, where SIZE is announced.
    Told,
    /// It is not.
    Untold,
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

/// What became of one recipient: the last that was said of it.
pub(crate) type Answer = Result<Reply, Obstacle>;

/// What became of all of them, in order; or what kept the conversation from coming to them.
pub(crate) type Outcome = Result<Vec<Answer>, Obstacle>;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Wait for a reply.
    Listen,
    /// Write octets, then wait for a reply.
    Say(Line),
    /// Write octets of the message, and listen meanwhile; see [`Conversation::cut_short`].
    Send(Line),
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
    /// As many recipients are settled as there are answers.
    Recipient,
    Reset,
    Data,
    /// Over LMTP: of the recipient of this index.
    Message(usize),
    Quit,
    Ended,
}

/// RFC 5321 §3.8: behind this code the server closes.
pub(crate) const CLOSING: u16 = 421;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    opening: Opening,
    dialect: Dialect,
    envelope: Option<Envelope>,
    state: State,
    answers: Vec<Answer>,
    /// The server answered before it had the whole message: what it reads next is more of that.
    is_cut: bool,
    outcome: Option<Outcome>,
}

impl Conversation {
    /// `hello` is who we say we are: a name, or an address literal (RFC 5321 §4.1.4).
    pub(crate) fn new(script: Script, upgrade: Upgrade, hello: String) -> Self {
        let Script { dialect, login, envelope } = script;
        let opening = Opening::new(Introduction { dialect, upgrade, hello, login, nonce: None });
        let (answers, state) = (Vec::new(), State::Opening);
        Self { opening, dialect, envelope, state, answers, is_cut: false, outcome: None }
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
            State::Message(_) => "the message",
            State::Quit | State::Ended => "QUIT",
        }
    }

    /// Goes on inside TLS.
    pub(crate) fn secured(&mut self) -> Turn {
        Turn::Say(self.opening.secured())
    }

    /// Not all of the message was written: the server has answered before, or reads no more.
    pub(crate) fn cut_short(&mut self) {
        self.is_cut = true;
    }

    /// There is no reply, and there will be none. Whoever has a verdict keeps it: over LMTP some recipients may have
    /// theirs, and over SMTP those who were refused.
    ///
    /// Fails where there is no message yet that anybody could have a verdict on.
    pub(crate) fn lose(&mut self, fault: Fault) -> Result<Turn, Fault> {
        match self.state {
            State::Message(at) => Ok(self.give_up_from(at, Obstacle::Silence(fault))),
            _ => Err(fault),
        }
    }

    /// Takes a reply.
    pub(crate) fn hear(&mut self, reply: Reply) -> Turn {
        match self.state {
            State::Opening => self.open(reply),
            State::Mail => match self.judged(Class::Positive, reply) {
                Ok(_) => self.next_recipient(),
                Err(obstacle) => self.fail(obstacle),
            },
            State::Recipient => self.after_recipient(reply),
            State::Reset => match self.judged(Class::Positive, reply) {
                Ok(_) => self.settle(),
                Err(obstacle) => self.give_up(obstacle),
            },
            State::Data => match self.judged(Class::Intermediate, reply) {
                Ok(_) => self.say_message(),
                Err(obstacle) => self.give_up(obstacle),
            },
            State::Message(at) => self.after_message(at, reply),
            State::Quit | State::Ended => self.end(),
        }
    }

    fn judged(&self, hoped: Class, reply: Reply) -> Answer {
        if reply.class() == hoped { Ok(reply) } else { Err(Obstacle::disappointing(self.waits_for(), reply)) }
    }

    fn open(&mut self, reply: Reply) -> Turn {
        match self.opening.hear(reply) {
            Progress::Say(line) => Turn::Say(line),
            Progress::Handshake => Turn::Handshake,
            Progress::Open(_) => self.begin(),
            Progress::Over(obstacle) => self.fail(obstacle),
        }
    }

    /// Begins the transaction, if there is to be one.
    fn begin(&mut self) -> Turn {
        let Some(envelope) = &self.envelope else { return self.settle() };
        match mail(envelope, &self.opening.announced()) {
            Ok(line) => self.say(State::Mail, line),
            Err(missing) => self.fail(Obstacle::NotOffered(missing)),
        }
    }

    fn next_recipient(&mut self) -> Turn {
        let Some(envelope) = &self.envelope else { return self.leave() };
        if let Some(recipient) = envelope.recipients.get(self.answers.len()) {
            let line = format!("RCPT TO:<{recipient}>");
            return self.say(State::Recipient, line);
        }
        match &envelope.message {
            None => {
                self.outcome = Some(Ok(self.answers.clone()));
                self.say(State::Reset, "RSET".to_owned())
            }
            Some(_) if self.next_taken(0).is_none() => self.settle(),
            Some(_) => self.say(State::Data, "DATA".to_owned()),
        }
    }

    fn after_recipient(&mut self, reply: Reply) -> Turn {
        match self.judged(Class::Positive, reply) {
            Err(obstacle) if is_final(&obstacle) => self.give_up(obstacle),
            answer => {
                self.answers.push(answer);
                self.next_recipient()
            }
        }
    }

    fn say_message(&mut self) -> Turn {
        let message = self.envelope.as_mut().and_then(|envelope| envelope.message.take());
        let message = message.map(|message| message.octets).unwrap_or_default();
        self.state = State::Message(self.next_taken(0).unwrap_or_default());
        let mut octets = Vec::with_capacity(message.len() + message.len() / 64 + 8);
        let mut stuffing = Stuffing::default();
        stuffing.push(&message, &mut octets);
        stuffing.end(&mut octets);
        Turn::Send(Line { shown: format!("(a message of {} octets)", message.len()), octets })
    }

    /// RFC 2033 §4.2: over LMTP "the server returns one reply for each previously successful RCPT command".
    fn after_message(&mut self, at: usize, reply: Reply) -> Turn {
        let answer = match self.judged(Class::Positive, reply) {
            // Nobody can have taken what was not said.
            Ok(reply) if self.is_cut => Err(Obstacle::Unexpected { stage: self.waits_for(), reply }),
            answer => answer,
        };
        match answer {
            Err(obstacle) if is_final(&obstacle) => self.give_up_from(at, obstacle),
            answer if self.dialect == Dialect::Smtp => {
                let taken = self.answers.iter_mut().filter(|answer| answer.is_ok());
                taken.for_each(|taken| taken.clone_from(&answer));
                self.settle()
            }
            answer => {
                if let Some(taken) = self.answers.get_mut(at) {
                    *taken = answer;
                }
                let Some(next) = self.next_taken(at + 1) else { return self.settle() };
                self.state = State::Message(next);
                Turn::Listen
            }
        }
    }

    /// The first recipient from this index on who was taken.
    fn next_taken(&self, from: usize) -> Option<usize> {
        let behind = self.answers.iter().enumerate().skip(from);
        behind.filter(|(_, answer)| answer.is_ok()).map(|(at, _)| at).next()
    }

    /// An obstacle that comes before any recipient does.
    fn fail(&mut self, obstacle: Obstacle) -> Turn {
        let ends = is_final(&obstacle);
        self.outcome = Some(Err(obstacle));
        if ends { self.end() } else { self.leave() }
    }

    /// An obstacle to all recipients who were taken, or not asked for yet.
    fn give_up(&mut self, obstacle: Obstacle) -> Turn {
        self.give_up_from(0, obstacle)
    }

    fn give_up_from(&mut self, at: usize, obstacle: Obstacle) -> Turn {
        let ends = is_final(&obstacle);
        let open = self.answers.iter_mut().skip(at).filter(|answer| answer.is_ok());
        open.for_each(|answer| *answer = Err(obstacle.clone()));
        let recipients = self.envelope.as_ref().map_or(0, |envelope| envelope.recipients.len());
        self.answers.resize(recipients, Err(obstacle));
        let turn = self.settle();
        if ends { self.end() } else { turn }
    }

    fn say(&mut self, state: State, line: String) -> Turn {
        self.state = state;
        Turn::Say(Line::of(line))
    }

    fn settle(&mut self) -> Turn {
        self.outcome = Some(Ok(std::mem::take(&mut self.answers)));
        if self.is_cut { self.end() } else { self.leave() }
    }

    fn leave(&mut self) -> Turn {
        self.say(State::Quit, "QUIT".to_owned())
    }

    fn end(&mut self) -> Turn {
        self.state = State::Ended;
        Turn::End
    }
}

/// Whether nothing more is to be said: the server closes, or waits for more of a command or a message and would take
/// QUIT for that.
fn is_final(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::Refused { reply, .. } => reply.code == CLOSING,
        Obstacle::Unexpected { .. } | Obstacle::Silence(_) => true,
        Obstacle::NotOffered(_) => false,
    }
}

/// The line of MAIL, or what the server would have to offer. A size is said even where it is over that of the server:
/// whether that refuses it is its to show.
fn mail(envelope: &Envelope, announced: &Announced) -> Result<String, &'static str> {
    let mut line = format!("MAIL FROM:<{}>", envelope.sender);
    if let Some(message) = &envelope.message {
        if message.size == Size::Told && announced.size {
            line.push_str(&format!(" SIZE={}", message.octets.len()));
        }
        match (message.octets.is_ascii(), announced.eight_bit_mime) {
            (true, _) => {}
            (false, true) => line.push_str(" BODY=8BITMIME"),
            (false, false) => return Err("8BITMIME"),
        }
    }
    let ascii = envelope.sender.is_ascii() && envelope.recipients.iter().all(ForwardPath::is_ascii);
    match (ascii, announced.smtputf8) {
        (true, _) => {}
        (false, true) => line.push_str(" SMTPUTF8"),
        (false, false) => return Err("SMTPUTF8"),
    }
    Ok(line)
}
