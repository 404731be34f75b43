//! STARTTLS (RFC 3207), and what TLS changes.

use bytes::Bytes;

use super::{Action, Lines, Session, State, Step, Verb, Violation, reply};

impl Session {
    /// The TLS handshake is done: the one that [`Action::StartTls`] asked for, or one before the greeting
    /// (RFC 8314 §3). RFC 3207 §4.2: "the server MUST discard any knowledge obtained from the client".
    pub fn tls(&mut self) {
        self.secure = true;
        if matches!(self.state, State::Fresh) {
            return;
        }
        self.input = Bytes::new();
        self.hello = None;
        self.authenticated = false;
        self.transaction = None;
        self.lines = Lines::default();
        self.state = State::Command;
    }

    pub(super) fn starttls(&mut self) -> Step {
        self.reset();
        self.say(Verb::Starttls, reply::START_TLS);
        self.actions.push_back(Action::StartTls);
        self.state = State::Handshake;
        Step::Progress
    }

    /// RFC 3207 §6; CVE-2011-0411: text behind STARTTLS was sent before the handshake. Whether STARTTLS
    /// would be refused or not, none of it is run.
    pub(super) fn refuse_injection(&mut self) -> Step {
        self.actions.push_back(Action::Violation(Violation::StarttlsInjection));
        self.close()
    }
}
