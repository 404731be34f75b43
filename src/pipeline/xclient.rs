//! XCLIENT (Postfix XCLIENT_README): a trusted peer says who the client really is.
//!
//! Whom we trust goes by who has connected, or for whom a trusted proxy has: what XCLIENT says changes
//! nothing of it, so that one connection may carry one client after another.

use super::session::Session;
use crate::mail::{Client, Greeting, GreetingName, Protocol};
use crate::smtp::{Answer, Xclient};

/// What the last XCLIENT has said of the greeting. "The SMTP server must not reset attributes that were
/// received with the last XCLIENT command. This includes HELO or PROTO attributes": they stand in place
/// of what the peer says in its own.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Who says it.
    peer: Client,
    name: Option<GreetingName>,
    protocol: Option<Protocol>,
}

impl Session {
    /// Believes what XCLIENT says, and asks of a client that has an address whether it may come in. One
    /// that is named by several commands comes in once.
    pub(super) fn xclient(&mut self, said: Xclient) -> Answer {
        self.abandoned();
        self.greeting = None;
        self.forget_refused();
        let peer = self.told.as_ref().map_or(self.peer.client, |told| told.peer);
        self.told = Some(Box::new(Told { peer, name: said.helo.flatten(), protocol: said.protocol }));
        // It is the peer's own.
        self.peer.forget_certificate();
        if let Some(address) = said.address {
            // An address that the peer does not know leaves its own: that much is certain.
            let client = address.map(|address| Client { address: address.to_canonical(), port: 0 });
            self.peer.client = client.unwrap_or(peer);
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
        let (Some(address), Some(listener)) = (said.address.flatten(), self.listener()) else {
            return Answer::Accept;
        };
        match self.door.admit(&listener, address.to_canonical()) {
            Ok(()) => Answer::Accept,
            Err(reply) => Answer::Refuse(reply),
        }
    }

    /// A greeting, as far as XCLIENT has not said better.
    pub(super) fn greet(&mut self, greeting: Greeting) {
        let Greeting { protocol, name } = greeting;
        self.greeting = Some(Box::new(match self.told.as_deref() {
            None => Greeting { protocol, name },
            Some(told) => Greeting {
                protocol: told.protocol.unwrap_or(protocol),
                name: told.name.clone().unwrap_or(name),
            },
        }));
    }
}
