//! A backend, as needed: targets resolved, secrets at hand.
//!
//! Equality decides whether pool, cap and circuit survive a new plan.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::{Nats, ObjectName, Relay};
use crate::smtp::Reply;

/// Index of a backend in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendId(pub u32);

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its Kubernetes name.
    pub name: ObjectName,
    /// `namespace/name`: the label.
    pub label: Arc<str>,
    /// Where and how.
    pub target: Target,
    /// Deliveries at a time.
    pub max_in_flight: u32,
    /// Octets of a message.
    pub max_message_bytes: u64,
    /// When to stop trying.
    pub circuit: Circuit,
    /// HTTP status → reply.
    pub responses: BTreeMap<u16, Reply>,
    /// Whether it gives verdicts per recipient.
    pub per_recipient_verdicts: bool,
    /// What becomes of mixed verdicts.
    pub on_partial: OnPartial,
}

/// The kinds of backend that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// HTTP or HTTPS.
    Http(Http),
    /// NATS JetStream.
    Nats(Nats),
    /// A mail server.
    Smtp(Relay),
    /// A mail store.
    Lmtp(Relay),
}

impl Target {
    /// The label value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Nats(_) => "nats",
            Self::Smtp(_) => "smtp",
            Self::Lmtp(_) => "lmtp",
        }
    }

    /// Whether mail goes on from there, so that no delivery ends here (RFC 5321 §3.6.2), and whether each
    /// recipient is asked about before it is taken.
    pub fn is_relay(&self) -> bool {
        match self {
            Self::Smtp(_) | Self::Lmtp(_) => true,
            Self::Http(_) | Self::Nats(_) => false,
        }
    }
}

/// Where it is and what is done there, for people.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(http) => write!(f, "POST {}", http.url()),
            Self::Nats(nats) => {
                write!(f, "published to stream {} of {}:{}", nats.stream, nats.host, nats.port)
            }
            Self::Smtp(server) => write!(f, "relay smtp://{server}"),
            Self::Lmtp(store) => write!(f, "store lmtp://{store}"),
        }
    }
}

/// An HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// TLS or not.
    pub https: bool,
    /// Host name or address, as in the URL, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// What a request of a backend looks like.
    pub format: Format,
    /// `Authorization`.
    pub auth: Option<Auth>,
    /// Keys of Standard Webhooks, raw octets; each signs.
    pub signing: Vec<Secret>,
    /// PEM of the CA certificates to trust; `None` for those of the system.
    pub ca: Option<Arc<str>>,
    /// Name to verify instead of the host.
    pub server_name: Option<String>,
    /// What is shown to a server that asks who calls (mutual TLS).
    pub identity: Option<Arc<Identity>>,
    /// Whether a loopback address may be a target: config from files yes, from a cluster no.
    pub allow_loopback: bool,
}

impl Http {
    /// As people write it, with its port.
    pub fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}:{}{}", bracketed(&self.host), self.port, masked(&self.path))
    }
}

/// A path with its query, whose values may be secrets: of each only that it is there.
fn masked(path: &str) -> Cow<'_, str> {
    let Some((path, query)) = path.split_once('?') else { return path.into() };
    let names = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        // It may be a value as well as a name.
        None => "…".to_owned(),
    });
    format!("{path}?{}", names.collect::<Vec<_>>().join("&")).into()
}

/// A host as it stands before a port.
pub(super) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') { format!("[{host}]").into() } else { host.into() }
}

/// What a request looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// CloudEvents in binary mode: the raw message, its envelope in header fields.
    #[default]
    CloudEvent,
    /// CloudEvents in structured mode: a JSON document with the message in base64.
    CloudEventStructured,
}

/// Who we are to a server that we call over TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first, then what leads to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key, DER of PKCS #8, PKCS #1 or SEC 1.
    pub key: Secret,
}

/// Shows how many certificates there are, and no key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.chain.len())
    }
}

/// `Authorization` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// RFC 6750.
    Bearer(Secret),
    /// RFC 7617.
    Basic {
        /// The user id.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// Octets that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Takes the octets.
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// The octets, for the one place that sends or signs.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// When the circuit opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circuit {
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// How long it stays open, unless Retry-After says more.
    pub open_for: Duration,
}

/// What becomes of mixed verdicts inside a group (design: several recipients).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPartial {
    /// One recipient per transaction, so no mix can be.
    Single,
    /// A mix is `250`, and a notification tells the sender of those that were refused.
    Bounce,
    /// A mix is `451`.
    Defer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_query_are_kept_back() {
        for (path, expected) in [
            ("/inbound", "/inbound"),
            ("/a?token=pencil&tenant=7", "/a?token=…&tenant=…"),
            ("/a?pencil", "/a?…"),
            ("/a?t=x=y?z", "/a?t=…"),
        ] {
            assert_eq!(masked(path), expected);
        }
    }
}
