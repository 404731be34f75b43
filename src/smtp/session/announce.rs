//! The greeting, and what EHLO announces.

use super::{Greeted, Session, State, Step};
use crate::mail::Protocol;
use crate::smtp::action::{Action, Answer, Hello, Verb, Violation};
use crate::smtp::reply;

impl Session {
    pub(super) fn greet(&mut self, answer: Answer) {
        if let Answer::Refuse(reply) = answer {
            // RFC 5321 §3.1: a server that greets with 554 "MUST still wait for the client to send a
            // QUIT" and "SHOULD respond to any intervening commands with 503".
            self.state = State::Barred;
            self.say(Verb::Connect, reply);
            return;
        }
        if self.config.greeting_delay && !self.input.is_empty() {
            self.actions.push_back(Action::Violation(Violation::EarlyTalker));
            self.say(Verb::Connect, reply::EARLY_TALKER);
            self.close();
            return;
        }
        self.welcome(Verb::Connect);
    }

    /// Says the greeting, which also answers XCLIENT.
    pub(super) fn welcome(&mut self, verb: Verb) {
        let protocol = if self.config.lmtp { "LMTP" } else { "ESMTP" };
        let text = format!("{} {protocol} Mailchute", self.config.hostname);
        self.say(verb, reply::greeting(text));
    }

    pub(super) fn greeted(&mut self, protocol: Protocol, pipelined: bool, answer: Answer) {
        let verb = match protocol {
            Protocol::Smtp => Verb::Helo,
            Protocol::Esmtp => Verb::Ehlo,
            Protocol::Lmtp => Verb::Lhlo,
        };
        match answer {
            Answer::Refuse(reply) => {
                self.say(verb, reply);
            }
            Answer::Capabilities(hello) => self.announce(verb, hello),
            _ => self.announce(verb, Hello::default()),
        }
        if pipelined && !self.is_closed() {
            // RFC 2920 §3.1: EHLO and HELO can only be the last command of a group.
            self.refuse_pipelining(Verb::Other);
        }
    }

    fn announce(&mut self, verb: Verb, hello: Hello) {
        // RFC 5321 §4.1.4: a second EHLO acts as RSET.
        self.reset();
        let offered = Hello {
            // RFC 3207 §4.2: "A server MUST NOT return the STARTTLS extension" inside TLS.
            starttls: hello.starttls && !self.secure,
            tls_required: hello.tls_required && !self.secure,
            // LMTP has a reply for each recipient anyway.
            prdr: hello.prdr && !self.config.lmtp,
            ..hello
        };
        let extended = verb != Verb::Helo;
        self.hello = Some(Greeted { extended, offered });
        let text = if extended { self.capabilities(offered) } else { self.config.hostname.to_string() };
        self.say(verb, reply::hello(text));
    }

    /// What the client has been told. HELO tells nothing; the one thing that a peer knows without it is
    /// that it is trusted to use XCLIENT.
    pub(super) fn announced(&self) -> Hello {
        match self.hello {
            None => Hello::default(),
            Some(Greeted { extended: true, offered }) => offered,
            Some(Greeted { offered, .. }) => Hello { xclient: offered.xclient, ..Hello::default() },
        }
    }

    fn capabilities(&self, offered: Hello) -> String {
        let limits = &self.config.limits;
        let mut text = format!(
            "{}\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING\nBINARYMIME",
            self.config.hostname, limits.message_bytes
        );
        text.push_str(&format!("\nLIMITS RCPTMAX={}", limits.recipients));
        if limits.messages > 0 {
            text.push_str(&format!(" MAILMAX={}", limits.messages));
        }
        for (announced, line) in [
            (offered.starttls, "STARTTLS"),
            (offered.dsn, "DSN"),
            (offered.prdr, "PRDR"),
            (offered.xclient, "XCLIENT NAME ADDR PORT PROTO HELO LOGIN"),
        ] {
            if announced {
                text.push('\n');
                text.push_str(line);
            }
        }
        if !offered.auth.is_empty() {
            text.push_str(&format!("\nAUTH {}", offered.auth));
        }
        text
    }

    /// Input behind a verb that must be the last of its group is never run.
    pub(super) fn refuse_pipelining(&mut self, verb: Verb) -> Step {
        self.actions.push_back(Action::Violation(Violation::UnauthorisedPipelining));
        self.say(verb, reply::PIPELINING);
        self.close()
    }
}
