//! A mail server that takes messages on, as needed: a backend, or the one that bounces go through.

use std::fmt;
use std::sync::Arc;

use super::Secret;
use super::backend::bracketed;

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// When TLS begins.
    pub tls: RelayTls,
    /// PEM of the CA certificates to trust; `None` for those of the system.
    pub ca: Option<Arc<str>>,
    /// Who signs in; only inside TLS that is verified.
    pub login: Option<RelayLogin>,
    /// Who we say we are in EHLO or LHLO.
    pub hello: String,
    /// Whether a loopback address may be a target: config from files yes, from a cluster no.
    pub allow_loopback: bool,
}

/// Where it is, and whether it is spoken to inside TLS.
impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = match self.tls {
            RelayTls::Disabled => "without TLS",
            RelayTls::Opportunistic => "inside TLS where it can",
            RelayTls::StartTls | RelayTls::Implicit => "inside TLS",
        };
        write!(f, "{}:{} {tls}", bracketed(&self.host), self.port)
    }
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayTls {
    /// Never.
    Disabled,
    /// By STARTTLS where that is on offer and comes about, whatever the certificate.
    Opportunistic,
    /// By STARTTLS and with a certificate that verifies, or not at all.
    StartTls,
    /// At once, with a certificate that verifies (RFC 8314).
    Implicit,
}

/// Who signs in (RFC 4954).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}
