//! The state machine of one connection.
//!
//! ```text
//! Fresh ─▶ Asking(Connect) ─▶ Command ◀────────────────┐
//!                               │  ▲ ▲                 │
//!              HELO MAIL RCPT   ▼  │ └─ Skip ◀─ BDAT out of order
//!              XCLIENT       Asking│
//!                DATA ─▶ Text ─────┤─▶ Asking(Message) ┘
//!                BDAT ─▶ Chunk ────┘
//!                AUTH ─▶ Asking(Auth) ◀─▶ Response     Asking(Auth) ─▶ Command
//!                STARTTLS ─▶ Handshake ─▶ Command      any ─▶ Closed
//!
//!  Asking(Connect | Xclient) refused ─▶ Barred ─ QUIT ─▶ Closed
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::action::{Action, Hello, Question, Verb, Violation};
use super::command::{self, Command, Context};
use super::data::Scanner;
use super::heard::Narrator;
use super::limits::{BareNewlines, Limits};
use super::line::{self, Awaited, Line, Lines};
use super::reply::{self, Reply};
use super::transaction::Transaction;
use crate::mail::{Greeting, Protocol};

mod announce;
mod answer;
mod auth;
mod envelope;
mod message;
mod narrate;
mod order;
mod receive;
#[cfg(test)]
mod tests;
mod tls;
mod xclient;

/// What a listener gives each of its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name in the greeting and in the answer to EHLO.
    pub hostname: Arc<str>,
    /// What a session may do.
    pub limits: Limits,
    /// Bare CR and LF in DATA.
    pub bare_newlines: BareNewlines,
    /// LMTP instead of SMTP (RFC 2033).
    pub lmtp: bool,
    /// The greeting was held back for a while: whoever spoke before it is refused.
    pub greeting_delay: bool,
}

/// Whether the server is short of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// No.
    None,
    /// Over 80 % of all sessions are in use: patience is short.
    High,
}

/// One connection, from the greeting to the end.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    input: Bytes,
    end_of_input: bool,
    lines: Lines,
    actions: VecDeque<Action>,
    state: State,
    hello: Option<Greeted>,
    /// Inside TLS.
    secure: bool,
    authenticated: bool,
    transaction: Option<Box<Transaction>>,
    ending: Option<Box<Reply>>,
    errors: u32,
    messages: u32,
    /// Recipients refused for good; `None` once one was accepted.
    refused_recipients: Option<u32>,
    /// There where it is told what the client says.
    narrator: Option<Narrator>,
}

/// A session whose client has greeted.
#[derive(Debug, Clone, Copy)]
struct Greeted {
    /// By EHLO or LHLO, which is answered by what is on offer.
    extended: bool,
    offered: Hello,
}

#[derive(Debug)]
enum State {
    /// Nothing has been asked yet.
    Fresh,
    /// A question is open.
    Asking(Asked),
    /// The next command is awaited.
    Command,
    /// The answer to a challenge of AUTH is awaited.
    Response,
    /// The text of DATA.
    Text(Scanner),
    /// The octets of a chunk of BDAT.
    Chunk { remaining: u64, last: bool },
    /// The octets of a chunk that is refused.
    Skip { remaining: u64, dropped: u64, reply: Box<Reply> },
    /// The greeting, or that behind XCLIENT, was a refusal: QUIT is awaited.
    Barred,
    /// The outside does the TLS handshake.
    Handshake,
    /// Nothing is read any more.
    Closed,
}

#[derive(Debug)]
enum Asked {
    Connect,
    Hello {
        protocol: Protocol,
        pipelined: bool,
    },
    Sender(Box<Transaction>),
    Recipient,
    Xclient,
    Auth,
    /// The outside forgets the exchange; then this is said.
    AuthCancelled(Box<Reply>),
    Message,
}

/// Whether a step came further.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Progress,
    Blocked,
}

impl Session {
    /// A connection that has just been accepted.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            input: Bytes::new(),
            end_of_input: false,
            lines: Lines::default(),
            actions: VecDeque::new(),
            state: State::Fresh,
            hello: None,
            secure: false,
            authenticated: false,
            transaction: None,
            ending: None,
            errors: 0,
            messages: 0,
            refused_recipients: Some(0),
            narrator: None,
        }
    }

    /// Takes what was read. Call it only after [`poll`](Self::poll) said `None`.
    pub fn receive(&mut self, bytes: Bytes) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.input = if self.input.is_empty() { bytes } else { [&self.input[..], &bytes].concat().into() };
    }

    /// The client will send no more. What is complete is still answered.
    pub fn end_of_input(&mut self) {
        self.end_of_input = true;
    }

    /// What to do next; `None` means: flush, then read, unless a question is open.
    pub fn poll(&mut self) -> Option<Action> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            if self.step() == Step::Blocked {
                if self.transaction.is_none() {
                    // Between messages a session holds as little as it can.
                    self.actions = VecDeque::new();
                }
                line::compact(&mut self.input);
                return None;
            }
        }
    }

    /// Ends the session with `reply` at the next command boundary; at once where it is idle. A
    /// message that is coming in is read to its end and gets its true reply first.
    pub fn end(&mut self, reply: Reply) {
        self.ending = Some(Box::new(reply));
    }

    /// Refuses the message that is coming in: it is read to its end, then `reply` is given.
    pub fn refuse_data(&mut self, reply: Reply) {
        self.refuse_incoming(reply);
    }

    /// Whether a message is coming in, so that a minimum rate is asked for.
    pub fn in_data(&self) -> bool {
        matches!(self.state, State::Text(_) | State::Chunk { .. } | State::Skip { .. })
    }

    /// Octets of the input that are kept until more comes: less than a line of commands, unless a
    /// question is open.
    pub fn waiting(&self) -> usize {
        self.input.len()
    }

    /// Whether the session is over: nothing more is to be read.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How long to wait for the next complete command, or in data before the minimum rate counts.
    pub fn deadline(&self, pressure: Pressure) -> Duration {
        match (self.in_data(), pressure) {
            // RFC 5321 §4.5.3.2.7: "at least 5 minutes".
            (false | true, Pressure::None) => Duration::from_secs(300),
            (false, Pressure::High) => Duration::from_secs(10),
            (true, Pressure::High) => Duration::from_secs(30),
        }
    }

    fn step(&mut self) -> Step {
        match &mut self.state {
            State::Fresh => self.ask(Asked::Connect, Question::Connect),
            State::Command | State::Response | State::Barred => self.next_command(),
            State::Text(_) => self.next_text(),
            State::Chunk { .. } => self.next_chunk(),
            State::Skip { .. } => self.next_skipped(),
            State::Asking(_) | State::Handshake | State::Closed => Step::Blocked,
        }
    }

    fn next_command(&mut self) -> Step {
        if self.ending.is_some() && !self.message_begun() {
            let reply = self.ending.take().map_or(reply::SHUTTING_DOWN, |reply| *reply);
            self.say(Verb::Connect, reply);
            return self.close();
        }
        let in_exchange = matches!(self.state, State::Response);
        let awaited = if in_exchange { Awaited::Response } else { Awaited::Command(self.announced()) };
        match self.lines.next(&mut self.input, awaited) {
            None if self.end_of_input => self.end_at_command(),
            None => Step::Blocked,
            Some(Line::Command(line)) => {
                self.hear_line(&line);
                if in_exchange { self.response(&line) } else { self.run(&line) }
            }
            Some(Line::Bad) => {
                self.hear(|_| "(a line with a bare CR or LF, or NUL)".into());
                self.breach(Violation::BadLine, reply::BAD_LINE)
            }
            Some(Line::TooLong) => {
                self.hear(|_| "(a line that is too long)".into());
                self.breach(Violation::LineTooLong, reply::LINE_TOO_LONG)
            }
            Some(Line::CrossProtocol) => {
                self.hear(|_| "(no SMTP, but HTTP or TLS)".into());
                self.actions.push_back(Action::Violation(Violation::CrossProtocol));
                self.close()
            }
        }
    }

    fn end_at_command(&mut self) -> Step {
        self.hear(|session| match session.input.len() {
            0 => "(the connection ends)".into(),
            octets => format!("(the connection ends within a line, after {octets} octets)").into(),
        });
        self.close()
    }

    fn breach(&mut self, violation: Violation, reply: Reply) -> Step {
        self.actions.push_back(Action::Violation(violation));
        if !matches!(self.state, State::Response) {
            return self.say(Verb::Other, reply);
        }
        // What follows can't be told from a response to AUTH: it must not be run as commands.
        self.say(Verb::Auth, reply);
        self.close()
    }

    fn run(&mut self, line: &Bytes) -> Step {
        let verb = command::verb(line);
        if matches!(self.state, State::Barred) && verb != Verb::Quit {
            return self.say(verb, reply::BAD_SEQUENCE);
        }
        match verb {
            // RFC 2920 §3.1: DATA can only be the last command of a group. Refused or not, what
            // stands behind it may be the text of a message, and behind AUTH a password.
            Verb::Data | Verb::Auth if !self.input.is_empty() => return self.refuse_pipelining(verb),
            Verb::Starttls if !self.input.is_empty() => return self.refuse_injection(),
            _ => {}
        }
        let smtputf8 = self.transaction.as_ref().is_some_and(|transaction| transaction.smtputf8);
        let context = Context { smtputf8, lmtp: self.config.lmtp, announced: self.announced() };
        let parsed = command::parse(line, context);
        let early = self.out_of_order(verb);
        match (parsed, early) {
            (Ok(command), None) => self.execute(verb, command),
            (_, Some(reply)) | (Err(reply), None) if verb == Verb::Bdat => {
                let Some(remaining) = command::chunk_size(line) else {
                    // What follows can't be told from commands: it must not be run as such.
                    self.say(verb, reply);
                    return self.close();
                };
                self.state = State::Skip { remaining, dropped: 0, reply: Box::new(reply) };
                Step::Progress
            }
            (Err(reply), None) if reply == reply::BAD_LINE => self.breach(Violation::BadLine, reply),
            (Ok(Command::Mail(sender)), Some(reply)) => self.refuse(verb, Question::Sender(sender), reply),
            (Ok(Command::Rcpt(recipient)), Some(reply)) => {
                self.refuse(verb, Question::Recipient(recipient), reply)
            }
            (_, Some(reply)) | (Err(reply), None) => self.say(verb, reply),
        }
    }

    fn execute(&mut self, verb: Verb, command: Command) -> Step {
        match command {
            Command::Hello(protocol, name) => {
                let pipelined = !self.input.is_empty();
                self.ask(Asked::Hello { protocol, pipelined }, Question::Hello(Greeting { protocol, name }))
            }
            Command::Mail(sender) => self.mail(sender),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Bdat { size, last } => self.bdat(size, last),
            Command::Rset => {
                self.reset();
                self.say(verb, reply::RESET)
            }
            Command::Noop => self.say(verb, reply::NOOP),
            Command::Vrfy => self.say(verb, reply::CANNOT_VERIFY),
            Command::Expn => self.say(verb, reply::NOT_IMPLEMENTED),
            Command::Help => self.say(verb, reply::HELP),
            Command::Starttls => self.starttls(),
            Command::Auth(step) => self.ask(Asked::Auth, Question::Auth(step)),
            Command::Xclient(said) => self.ask(Asked::Xclient, Question::Xclient(said)),
            Command::Quit => self.say(verb, reply::BYE),
        }
    }

    fn ask(&mut self, asked: Asked, question: Question) -> Step {
        self.state = State::Asking(asked);
        self.actions.push_back(Action::Ask(question));
        Step::Progress
    }

    /// Queues a reply, counts it where it is an error, and closes where it says so.
    fn say(&mut self, verb: Verb, reply: Reply) -> Step {
        if matches!(self.state, State::Closed) {
            return Step::Blocked;
        }
        let mut reply = reply;
        if matches!(reply.code(), 500..=504 | 555) {
            self.errors += 1;
            if self.config.limits.errors > 0 && self.errors >= self.config.limits.errors {
                self.actions.push_back(Action::Violation(Violation::TooManyErrors));
                reply = reply::TOO_MANY_ERRORS;
            }
        }
        let closes = reply.closes();
        self.actions.push_back(Action::Reply { verb, reply });
        if closes { self.close() } else { Step::Progress }
    }

    fn close(&mut self) -> Step {
        if !matches!(self.state, State::Closed) {
            self.reset();
            self.state = State::Closed;
            self.input = Bytes::new();
            self.actions.push_back(Action::Close);
        }
        Step::Progress
    }

    /// Drops the transaction.
    fn reset(&mut self) {
        if self.transaction.take().is_some() {
            self.actions.push_back(Action::Reset);
        }
    }
}
