//! From the greeting to the moment that mail can be sent. Pure: no socket, no clock.
//!
//! ```text
//! Greeting ─220─▶ Hello ─250─▶ StartTls ─220─▶ (handshake) ─▶ Hello …
//!                   │
//!                   ├─250─▶ Auth ◀─334─▶ Auth ─235─▶ Open
//!                   └─250─▶ Open
//! ```
//!
//! What was not asked for is left out. Any other answer than the one that is hoped for is the end.

use super::announced::Announced;
use super::line::Line;
use super::link::Fault;
use super::login::{Exchange, Login, NONCE_OCTETS};
use super::reply::Reply;
use crate::smtp::reply::Class;

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
    /// By STARTTLS (RFC 3207), where that is on offer.
    IfOffered,
    /// By STARTTLS, or not at all.
    StartTls,
}

/// What keeps a conversation from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
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
    /// There is no answer.
    Silence(Fault),
}

impl Obstacle {
    /// What an answer comes to that was not hoped for.
    pub(super) fn disappointing(stage: &'static str, reply: Reply) -> Self {
        match reply.class() {
            Class::Transient | Class::Permanent => Self::Refused { stage, reply },
            Class::Positive | Class::Intermediate => Self::Unexpected { stage, reply },
        }
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Say this, then wait for a reply.
    Say(Line),
    /// Begin TLS, then call [`Opening::secured`].
    Handshake,
    /// Mail can be sent; this was the last answer.
    Open(Reply),
    /// It can't.
    Over(Obstacle),
}

/// Who we are, and how to begin.
#[derive(Debug, Clone)]
pub(crate) struct Introduction {
    /// In which dialect.
    pub(crate) dialect: Dialect,
    /// When TLS begins.
    pub(crate) upgrade: Upgrade,
    /// Who we say we are: a name, or an address literal (RFC 5321 §4.1.4).
    pub(crate) hello: String,
    /// Who signs in.
    pub(crate) login: Option<Login>,
    /// Octets that were never used before; without them SCRAM is not spoken.
    pub(crate) nonce: Option<[u8; NONCE_OCTETS]>,
}

/// The beginning of one conversation.
#[derive(Debug)]
pub(super) struct Opening {
    introduction: Introduction,
    state: State,
    announced: Announced,
}

/// Whose answer is awaited.
#[derive(Debug)]
enum State {
    Greeting,
    Hello,
    StartTls,
    Auth(Exchange),
    Done,
}

impl Opening {
    pub(super) fn new(introduction: Introduction) -> Self {
        Self { introduction, state: State::Greeting, announced: Announced::default() }
    }

    /// What the server has announced last.
    pub(super) fn announced(&self) -> Announced {
        self.announced
    }

    /// What is being waited for.
    pub(super) fn waits_for(&self) -> &'static str {
        match &self.state {
            State::Greeting => "the greeting",
            State::Hello => "EHLO",
            State::StartTls => "STARTTLS",
            State::Auth(_) | State::Done => "AUTH",
        }
    }

    /// Goes on inside TLS: what was said before is forgotten (RFC 3207 §4.2).
    pub(super) fn secured(&mut self) -> Line {
        self.introduction.upgrade = Upgrade::Never;
        self.announced = Announced::default();
        self.hello()
    }

    /// Takes a reply.
    pub(super) fn hear(&mut self, reply: Reply) -> Progress {
        let stage = self.waits_for();
        match (std::mem::replace(&mut self.state, State::Done), reply.class()) {
            (State::Greeting, Class::Positive) => Progress::Say(self.hello()),
            (State::Hello, Class::Positive) => self.after_hello(reply),
            (State::StartTls, Class::Positive) => Progress::Handshake,
            (State::Auth(exchange), Class::Positive) if exchange.may_succeed() => Progress::Open(reply),
            (State::Auth(exchange), Class::Intermediate) => self.challenged(exchange, reply),
            _ => Progress::Over(Obstacle::disappointing(stage, reply)),
        }
    }

    fn hello(&mut self) -> Line {
        self.state = State::Hello;
        let verb = match self.introduction.dialect {
            Dialect::Smtp => "EHLO",
            Dialect::Lmtp => "LHLO",
        };
        Line::of(format!("{verb} {}", self.introduction.hello))
    }

    fn after_hello(&mut self, reply: Reply) -> Progress {
        self.announced = Announced::read(&reply);
        match (self.introduction.upgrade, self.announced.starttls) {
            (Upgrade::StartTls | Upgrade::IfOffered, true) => {
                self.state = State::StartTls;
                return Progress::Say(Line::of("STARTTLS".to_owned()));
            }
            (Upgrade::StartTls, false) => return Progress::Over(Obstacle::NotOffered("STARTTLS")),
            (Upgrade::Never, _) | (Upgrade::IfOffered, false) => {}
        }
        let Some(login) = self.introduction.login.take() else { return Progress::Open(reply) };
        match Exchange::begin(login, self.announced.auth, self.introduction.nonce) {
            Some((line, exchange)) => {
                self.state = State::Auth(exchange);
                Progress::Say(line)
            }
            None => Progress::Over(Obstacle::NotOffered("AUTH PLAIN, LOGIN or SCRAM-SHA-256")),
        }
    }

    fn challenged(&mut self, exchange: Exchange, reply: Reply) -> Progress {
        let challenge = reply.lines.first().map(String::as_str).unwrap_or_default();
        match exchange.respond(challenge) {
            Some((line, exchange)) => {
                self.state = State::Auth(exchange);
                Progress::Say(line)
            }
            None => Progress::Over(Obstacle::Unexpected { stage: "AUTH", reply }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Secret;

    fn reply(text: &str) -> Reply {
        let (code, text) = text.split_once(' ').unwrap();
        Reply { code: code.parse().unwrap(), lines: text.split('|').map(str::to_owned).collect() }
    }

    /// Answers all that is said; gives what was said, and how it ended.
    fn play(upgrade: Upgrade, login: Option<&str>, replies: &[&str]) -> (Vec<String>, Option<Progress>) {
        let login = login.map(|user| Login { user: user.to_owned(), password: Secret::new(b"pencil") });
        let (dialect, hello) = (Dialect::Smtp, "mx.test".to_owned());
        let mut opening =
            Opening::new(Introduction { dialect, upgrade, hello, login, nonce: Some([7; NONCE_OCTETS]) });
        let mut said = Vec::new();
        for text in replies {
            let mut progress = opening.hear(reply(text));
            if progress == Progress::Handshake {
                said.push("(handshake)".to_owned());
                progress = Progress::Say(opening.secured());
            }
            match progress {
                Progress::Say(line) => said.push(line.shown),
                end => return (said, Some(end)),
            }
        }
        (said, None)
    }

    #[test]
    fn tls_is_begun_as_asked() {
        let plain = ["220 hi", "250 mx|SIZE"];
        let offered = ["220 hi", "250 mx|STARTTLS", "220 go", "250 mx"];
        let open = |text| Some(Progress::Open(reply(text)));
        assert_eq!(play(Upgrade::Never, None, &offered[..2]).1, open("250 mx|STARTTLS"));
        assert_eq!(play(Upgrade::IfOffered, None, &plain).1, open("250 mx|SIZE"));
        let (said, end) = play(Upgrade::IfOffered, None, &offered);
        assert_eq!(said, ["EHLO mx.test", "STARTTLS", "(handshake)", "EHLO mx.test"]);
        assert_eq!(end, open("250 mx"));
        assert_eq!(play(Upgrade::StartTls, None, &offered).1, open("250 mx"));
        let missing = Some(Progress::Over(Obstacle::NotOffered("STARTTLS")));
        assert_eq!(play(Upgrade::StartTls, None, &plain).1, missing);
    }

    #[test]
    fn an_answer_that_is_not_hoped_for_is_the_end() {
        let good = ["220 hi", "250 mx|AUTH PLAIN", "235 ok"];
        for (at, stage) in ["the greeting", "EHLO", "AUTH"].into_iter().enumerate() {
            for bad in ["451 later", "554 no", "354 go"] {
                let replies = [&good[..at], &[bad]].concat();
                let (_, end) = play(Upgrade::Never, Some("ann"), &replies);
                let outcome = Obstacle::disappointing(stage, reply(bad));
                assert_eq!(end, Some(Progress::Over(outcome)), "{stage} {bad}");
            }
        }
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        let offer = "250 mx|AUTH SCRAM-SHA-256 PLAIN";
        let (said, end) = play(Upgrade::Never, Some("ann"), &["220 hi", offer, "235 ok"]);
        assert_eq!(said[1], "AUTH SCRAM-SHA-256 (user ann)");
        assert!(matches!(end, Some(Progress::Over(Obstacle::Unexpected { stage: "AUTH", .. }))));
        let (_, end) = play(Upgrade::Never, Some("ann"), &["220 hi", offer, "334 cj1v"]);
        assert!(matches!(end, Some(Progress::Over(Obstacle::Unexpected { stage: "AUTH", .. }))));
    }
}
