//! XCLIENT (Postfix XCLIENT_README): a trusted peer says who the client really is.
//!
//! Whom we trust goes by who has connected, or for whom a trusted proxy has: what XCLIENT says changes
//! nothing of it, so that one connection may carry one client after another.

use super::session::Session;
use crate::mail::{Greeting, GreetingName, Protocol};
use crate::smtp::{Answer, Xclient};

/// What XCLIENT has said of the greeting. "The SMTP server must not reset attributes that were received
/// with the last XCLIENT command. This includes HELO or PROTO attributes": they stand in place of what
/// the peer says in its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    name: Option<GreetingName>,
    protocol: Option<Protocol>,
}

impl Session {
    /// Believes what XCLIENT says, and asks anew whether such a client may come in.
    pub(super) fn xclient(&mut self, said: Xclient) -> Answer {
        self.abandoned();
        self.greeting = None;
        self.forget_refused();
        // An address that the peer does not know leaves its own: that much is certain.
        if let Some(address) = said.address.flatten() {
            self.peer.client.address = address.to_canonical();
            // The name of another address.
            self.peer.set_name(None);
        }
        if let Some(port) = said.port {
            self.peer.client.port = port.unwrap_or(0);
        }
        if let Some(name) = said.name {
            self.peer.set_name(name);
        }
        // RFC 4954 §4: who has signed in before was another client, or the peer itself.
        self.peer.set_login(said.login.flatten());
        let told = self.told.get_or_insert_default();
        if let Some(helo) = said.helo {
            told.name = helo;
        }
        if let Some(protocol) = said.protocol {
            told.protocol = Some(protocol);
        }
        let Some(listener) = self.listener() else { return Answer::Accept };
        match self.door.admit(&listener, self.peer.client.address) {
            Ok(()) => Answer::Accept,
            Err(reply) => Answer::Refuse(reply),
        }
    }

    /// A greeting, as far as XCLIENT has not said better.
    pub(super) fn greet(&mut self, greeting: Greeting) {
        let told = self.told.as_deref().cloned().unwrap_or_default();
        self.greeting = Some(Box::new(Greeting {
            protocol: told.protocol.unwrap_or(greeting.protocol),
            name: told.name.unwrap_or(greeting.name),
        }));
    }
}
