//! The greeting, and what EHLO announces.

use super::{Session, State, Step};
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
        let protocol = if self.config.lmtp { "LMTP" } else { "ESMTP" };
        let text = format!("{} {protocol} Mailchute", self.config.hostname);
        self.say(Verb::Connect, reply::greeting(text));
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
        self.hello = Some(hello);
        let text =
            if verb == Verb::Helo { self.config.hostname.to_string() } else { self.capabilities(hello) };
        self.say(verb, reply::hello(text));
    }

    fn capabilities(&self, hello: Hello) -> String {
        let limits = &self.config.limits;
        let mut text = format!(
            "{}\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING\nBINARYMIME",
            self.config.hostname, limits.message_bytes
        );
        text.push_str(&format!("\nLIMITS RCPTMAX={}", limits.recipients));
        if limits.messages > 0 {
            text.push_str(&format!(" MAILMAX={}", limits.messages));
        }
        if hello.starttls {
            text.push_str("\nSTARTTLS");
        }
        if !hello.auth.is_empty() {
            text.push_str(&format!("\nAUTH {}", hello.auth));
        }
        if hello.prdr {
            text.push_str("\nPRDR");
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
