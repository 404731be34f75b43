//! What a client says, and what it makes of the answers. Pure: no socket, no clock.
//!
//! ```text
//! Greeting ─220─▶ Hello ─250─▶ StartTls ─220─▶ (handshake) ─▶ Hello …
//!                   │
//!                   └─250─▶ Auth ─235─▶ Mail ─250─▶ Recipient ─250─▶ Data ─354─▶ Message ─250─▶ Quit ─▶ Ended
//!                                                       └─250─▶ Reset ─250─────────────────────▶ Quit
//! ```
//!
//! What was not asked for is left out. Any other answer than the one that is hoped for settles the outcome, and the
//! client takes its leave.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reply::Reply;
use crate::mail::{ForwardPath, ReversePath};
use crate::plan::Secret;
use crate::smtp::reply::Class;

#[cfg(test)]
mod tests;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// EHLO (RFC 5321).
    Smtp,
    /// LHLO (RFC 2033).
    Lmtp,
}

/// When TLS is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// The connection stays as it is: in the clear, or inside TLS from the start.
    Never,
    /// By STARTTLS (RFC 3207).
    StartTls,
}

/// Who signs in, by AUTH PLAIN (RFC 4616).
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The name.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: Secret,
}

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

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was answered as hoped; this is the answer to the last thing that mattered.
    Accepted(Reply),
    /// A `4xx` or `5xx`.
    Refused {
        /// To what.
        stage: &'static str,
        /// The answer.
        reply: Reply,
    },
    /// An answer of a class that has no place here.
    Unexpected {
        /// To what.
        stage: &'static str,
        /// The answer.
        reply: Reply,
    },
    /// The server does not announce what is needed.
    NotOffered(&'static str),
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Wait for a reply.
    Listen,
    /// Write octets, then wait for a reply.
    Say {
        /// What goes over the wire.
        octets: Vec<u8>,
        /// The same for people, without secrets.
        shown: String,
    },
    /// Begin TLS, then call [`Conversation::secured`].
    Handshake,
    /// Close: there is an outcome.
    End,
}

/// Whose answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    Recipient,
    Reset,
    Data,
    Message,
    Quit,
    Ended,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Reset => "RSET",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::Quit | Self::Ended => "QUIT",
        }
    }
}

/// RFC 5321 §3.8: behind this code the server closes.
const CLOSING: u16 = 421;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    script: Script,
    upgrade: Upgrade,
    hello: String,
    state: State,
    /// The lines that answered EHLO.
    announced: Vec<String>,
    outcome: Option<Outcome>,
}

impl Conversation {
    /// `hello` is who we say we are: a name, or an address literal (RFC 5321 §4.1.4).
    pub(crate) fn new(script: Script, upgrade: Upgrade, hello: String) -> Self {
        Self { script, upgrade, hello, state: State::Greeting, announced: Vec::new(), outcome: None }
    }

    /// What came of it, as soon as that is settled.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What is being waited for.
    pub(crate) fn waits_for(&self) -> &'static str {
        self.state.name()
    }

    /// Goes on inside TLS: what was said before is forgotten (RFC 3207 §4.2).
    pub(crate) fn secured(&mut self) -> Turn {
        self.upgrade = Upgrade::Never;
        self.say_hello()
    }

    /// Takes a reply.
    pub(crate) fn hear(&mut self, reply: Reply) -> Turn {
        let hoped = match self.state {
            State::Quit | State::Ended => return self.end(),
            State::Data => Class::Intermediate,
            _ => Class::Positive,
        };
        if reply.class() != hoped {
            return self.disappointed(reply);
        }
        match self.state {
            State::Greeting => self.say_hello(),
            State::Hello => {
                self.announced = reply.lines.clone();
                self.after_hello(reply)
            }
            State::StartTls => Turn::Handshake,
            State::Auth => self.begin(reply),
            State::Mail => self.say_recipient(),
            State::Recipient => self.after_recipient(reply),
            State::Data => self.say_message(),
            State::Message => self.settle(Outcome::Accepted(reply)),
            State::Reset | State::Quit | State::Ended => self.leave(),
        }
    }

    fn disappointed(&mut self, reply: Reply) -> Turn {
        let stage = self.state.name();
        let (class, closing) = (reply.class(), reply.code == CLOSING);
        match class {
            Class::Transient | Class::Permanent => {
                self.outcome = Some(Outcome::Refused { stage, reply });
                if closing { self.end() } else { self.leave() }
            }
            // Whoever waits for more of a command or a message would take QUIT for that.
            Class::Positive | Class::Intermediate => {
                self.outcome = Some(Outcome::Unexpected { stage, reply });
                self.end()
            }
        }
    }

    fn after_hello(&mut self, reply: Reply) -> Turn {
        if self.upgrade == Upgrade::StartTls {
            return match self.offers("STARTTLS", None) {
                Offer::Made => self.say(State::StartTls, "STARTTLS"),
                Offer::Missing => self.settle(Outcome::NotOffered("STARTTLS")),
            };
        }
        let Some(login) = self.script.login.take() else { return self.begin(reply) };
        if self.offers("AUTH", Some("PLAIN")) == Offer::Missing {
            return self.settle(Outcome::NotOffered("AUTH PLAIN"));
        }
        // RFC 4616 §2: message = [authzid] NUL authcid NUL passwd.
        let mut octets = format!("\0{}\0", login.user).into_bytes();
        octets.extend_from_slice(login.password.reveal());
        let octets = format!("AUTH PLAIN {}\r\n", STANDARD.encode(octets)).into_bytes();
        self.state = State::Auth;
        Turn::Say { octets, shown: format!("AUTH PLAIN (user {}, and the password)", login.user) }
    }

    /// Begins the transaction, if there is to be one; else `reply` was the last that mattered.
    fn begin(&mut self, reply: Reply) -> Turn {
        let Some(envelope) = &self.script.envelope else { return self.settle(Outcome::Accepted(reply)) };
        let utf8 = !(envelope.sender.is_ascii() && envelope.recipient.is_ascii());
        let line = format!("MAIL FROM:<{}>{}", envelope.sender, if utf8 { " SMTPUTF8" } else { "" });
        if utf8 && self.offers("SMTPUTF8", None) == Offer::Missing {
            return self.settle(Outcome::NotOffered("SMTPUTF8"));
        }
        self.say(State::Mail, &line)
    }

    fn say_recipient(&mut self) -> Turn {
        let Some(envelope) = &self.script.envelope else { return self.leave() };
        let line = format!("RCPT TO:<{}>", envelope.recipient);
        self.say(State::Recipient, &line)
    }

    fn after_recipient(&mut self, reply: Reply) -> Turn {
        if self.script.envelope.as_ref().is_some_and(|envelope| envelope.message.is_some()) {
            return self.say(State::Data, "DATA");
        }
        self.outcome = Some(Outcome::Accepted(reply));
        self.say(State::Reset, "RSET")
    }

    fn say_message(&mut self) -> Turn {
        let envelope = self.script.envelope.take();
        let message = envelope.and_then(|envelope| envelope.message).unwrap_or_default();
        self.state = State::Message;
        Turn::Say { shown: format!("(a message of {} octets)", message.len()), octets: stuffed(&message) }
    }

    fn say_hello(&mut self) -> Turn {
        let verb = match self.script.dialect {
            Dialect::Smtp => "EHLO",
            Dialect::Lmtp => "LHLO",
        };
        let line = format!("{verb} {}", self.hello);
        self.say(State::Hello, &line)
    }

    fn say(&mut self, state: State, line: &str) -> Turn {
        self.state = state;
        Turn::Say { octets: format!("{line}\r\n").into_bytes(), shown: line.to_owned() }
    }

    fn settle(&mut self, outcome: Outcome) -> Turn {
        self.outcome = Some(outcome);
        self.leave()
    }

    fn leave(&mut self) -> Turn {
        self.say(State::Quit, "QUIT")
    }

    fn end(&mut self) -> Turn {
        self.state = State::Ended;
        Turn::End
    }

    /// RFC 5321 §4.1.1.1: the lines behind the first of the answer to EHLO begin with a keyword, in any case.
    fn offers(&self, keyword: &str, parameter: Option<&str>) -> Offer {
        let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
        let made = self.announced.iter().skip(1).any(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next().is_some_and(|word| is(word, keyword))
                && parameter.is_none_or(|parameter| words.any(|word| is(word, parameter)))
        });
        if made { Offer::Made } else { Offer::Missing }
    }
}

/// Whether a server announces something.
#[derive(PartialEq, Eq)]
enum Offer {
    Made,
    Missing,
}

/// RFC 5321 §4.5.2: a dot more at the beginning of a line that has one, and a line with a dot alone at the end.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + 8);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    if !octets.is_empty() && !octets.ends_with(b"\r\n") {
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b".\r\n");
    octets
}
