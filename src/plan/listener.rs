//! A listener, as the data path needs it: a port, what is spoken there, and to whom.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Tls;
use crate::policy::Networks;
use crate::route::{DomainPattern, Table};
use crate::sasl::Credentials;
use crate::smtp::{BareNewlines, Limits};

/// A listener's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Mail from other servers.
    Mx,
    /// Mail from users (RFC 6409).
    Submission,
    /// RFC 2033.
    Lmtp,
}

/// One port.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in the gateway.
    pub name: Arc<str>,
    /// TCP port.
    pub port: u16,
    /// The profile.
    pub profile: Profile,
    /// Sessions at a time.
    pub max_sessions: u32,
    /// Sessions at a time from one client (IPv6 by /64); 0 for any number.
    pub max_sessions_per_client: u32,
    /// Connections and messages a minute from one client.
    pub rates: ClientRates,
    /// Who may connect.
    pub access: Access,
    /// How long the greeting is held back; who speaks before it is turned away.
    pub greeting_delay: Duration,
    /// The PROXY protocol; `None`: it is not spoken.
    pub proxy: Option<Proxy>,
    /// Who may use XCLIENT.
    pub xclient: Networks,
    /// TLS; `None`: there is none.
    pub tls: Option<Arc<Tls>>,
    /// AUTH; `None`: it is not offered.
    pub auth: Option<Arc<Auth>>,
    /// What a session may do.
    pub limits: Limits,
    /// PRDR is on offer (draft-hall-prdr): a backend of its rules gives verdicts per recipient.
    pub prdr: bool,
    /// Bare CR and LF in DATA.
    pub bare_newlines: BareNewlines,
    /// Recipient → rule.
    pub table: Arc<Table>,
    /// Those of the gateway's domains that a usable rule takes recipients of here; recipients of the
    /// others get `451 4.3.5`.
    pub routed: BTreeSet<DomainPattern>,
}

impl Listener {
    /// Whether mail is only taken from clients that have signed in.
    pub fn requires_auth(&self) -> bool {
        self.auth.as_ref().is_some_and(|auth| auth.required)
    }
}

/// Who may connect. Others get `554 5.7.1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Where it is not empty, only these.
    pub allow: Networks,
    /// Not these, even where `allow` has them.
    pub deny: Networks,
}

impl Access {
    /// Whether everyone may connect.
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether a client may connect.
    pub fn admits(&self, client: IpAddr) -> bool {
        let allowed = self.allow.is_empty() || self.allow.contains(client);
        allowed && !self.deny.contains(client)
    }
}

/// How often one client (IPv6 by /64) may come; `None` for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientRates {
    /// Connections a minute; more get `421 4.7.0`.
    pub connections_per_minute: Option<u32>,
    /// Messages a minute; more get `451 4.7.1`.
    pub messages_per_minute: Option<u32>,
}

/// The PROXY protocol of load balancers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Every peer has to be trusted and to send a header. Otherwise a trusted one may.
    pub required: bool,
    /// Whose header is believed.
    pub trusted: Networks,
}

/// AUTH (RFC 4954).
#[derive(Debug, PartialEq, Eq)]
pub struct Auth {
    /// Mail is only taken from clients that have signed in.
    pub required: bool,
    /// Also outside TLS.
    pub allow_plaintext: bool,
    /// Who may sign in.
    pub credentials: Arc<Credentials>,
}
