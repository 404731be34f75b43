//! What a TLS handshake came to, in the words that are stamped, told and counted.

use std::sync::Arc;

/// A TLS session with a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// E.g. `TLSv1.3`.
    pub version: &'static str,
    /// The registered name, e.g. `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// Who the client is, where it gave a certificate that verifies.
    pub client_identity: Option<Arc<str>>,
}
