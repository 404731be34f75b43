//! XCLIENT (Postfix XCLIENT_README): a trusted peer has said who the client really is.

use super::{Session, State, Verb};
use crate::smtp::action::Answer;

impl Session {
    /// "The server resets state to the initial SMTP greeting protocol stage. Depending on the outcome of
    /// optional access decisions, the server responds with 220 or with a suitable rejection code."
    ///
    /// Behind a rejection only QUIT is run: the session must not go on in the name of the peer. TLS is
    /// left as it is.
    pub(super) fn introduced(&mut self, answer: Answer) {
        self.hello = None;
        self.authenticated = false;
        self.errors = 0;
        self.messages = 0;
        self.refused_recipients = Some(0);
        match answer {
            Answer::Refuse(reply) => {
                self.state = State::Barred;
                self.say(Verb::Xclient, reply);
            }
            _ => self.welcome(Verb::Xclient),
        }
    }
}
