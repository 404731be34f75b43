//! Who is at the other end of a connection, by all that is known of it.

use std::sync::Arc;

use crate::mail::{Client, Tls};
use crate::plan::{Profile, Require};

/// The client of one session. Most clients have but an address, so the rest takes room on demand.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its true address and port.
    pub client: Client,
    known: Option<Box<Known>>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    name: Option<Arc<str>>,
    tls: Option<Arc<Tls>>,
    login: Option<Arc<str>>,
}

impl Peer {
    /// A client of which nothing is known yet.
    pub fn new(client: Client) -> Self {
        Self { client, known: None }
    }

    /// Its host name, where one was looked up and is forward-confirmed, or a trusted peer gave it.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.known.as_ref()?.name.as_ref()
    }

    /// The TLS session.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.known.as_ref()?.tls.as_ref()
    }

    /// Who has signed in.
    pub fn login(&self) -> Option<&Arc<str>> {
        self.known.as_ref()?.login.as_ref()
    }

    /// What it has done of what a policy may require.
    pub fn done(&self) -> Require {
        Require { tls: self.tls().is_some(), auth: self.login().is_some() }
    }

    /// Whether somebody answers for the sender that it names, so that this one may be told of failures: who has
    /// signed in by AUTH, or shows a client certificate that verifies where users submit their own mail.
    ///
    /// The certificate of a server that passes on the mail of others says nothing of their senders.
    pub fn is_vouched_for(&self, profile: Profile) -> bool {
        let certified = self.tls().is_some_and(|tls| tls.client_identity.is_some());
        self.login().is_some() || (profile == Profile::Submission && certified)
    }

    /// Says what its host name is.
    pub fn set_name(&mut self, name: Option<Arc<str>>) {
        self.known().name = name;
    }

    /// Says that all octets from now on come inside TLS.
    pub fn set_tls(&mut self, tls: Arc<Tls>) {
        self.known().tls = Some(tls);
    }

    /// Forgets whose certificate it was shown; the TLS session stays.
    pub fn forget_certificate(&mut self) {
        if let Some(tls) = self.known.as_mut().and_then(|known| known.tls.as_mut()) {
            Arc::make_mut(tls).client_identity = None;
        }
    }

    /// Says who has signed in.
    pub fn set_login(&mut self, login: Option<Arc<str>>) {
        self.known().login = login;
    }

    fn known(&mut self) -> &mut Known {
        self.known.get_or_insert_default()
    }
}
