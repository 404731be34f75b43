//! TLS of a listener. Equality decides whether its sessions can be resumed under a new plan.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::Secret;

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// When it begins.
    pub mode: TlsMode,
    /// What it presents, at least one: chosen by SNI, else the first.
    pub certificates: Vec<Arc<Certificate>>,
    /// TLS 1.3 only.
    pub only_13: bool,
    /// With STARTTLS: mail is only taken inside TLS.
    pub required: bool,
    /// Authorities of client certificates; empty: none is asked for.
    pub client_authorities: Vec<CertificateDer<'static>>,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// After STARTTLS (RFC 3207).
    StartTls,
    /// At once (RFC 8314).
    Implicit,
}

/// A certificate with its chain and key.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate first, then what leads to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key, DER of PKCS #8, PKCS #1 or SEC 1.
    pub key: Secret,
    /// The DNS names it is for, in lower case, `*.` in front for a wildcard.
    pub names: Vec<String>,
    /// The last second it is valid, since 1970.
    pub not_after: i64,
}

/// Shows the names alone.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}
