//! What a connection makes of its listener's TLS: nothing, the command STARTTLS, or a handshake at once.

use std::sync::Arc;

use super::servers::TlsServer;
use crate::plan::TlsMode;
use crate::smtp::{Answer, Hello};

/// The TLS that is still to come. Inside TLS there is none.
#[derive(Debug, Clone)]
pub(in crate::server) enum TlsOffer {
    /// None.
    None,
    /// When the client says STARTTLS (RFC 3207).
    StartTls(Arc<TlsServer>),
    /// Before anything is said (RFC 8314).
    Implicit(Arc<TlsServer>),
}

impl TlsOffer {
    pub(in crate::server) fn new(server: Option<Arc<TlsServer>>) -> Self {
        match server {
            None => Self::None,
            Some(server) => match server.of.mode {
                TlsMode::StartTls => Self::StartTls(server),
                TlsMode::Implicit => Self::Implicit(server),
            },
        }
    }

    /// The answer to EHLO with what is on offer here. The connection keeps the TLS it was accepted
    /// with, so the offer is its own, whatever the configuration says meanwhile.
    pub(in crate::server) fn announced(&self, answer: Answer) -> Answer {
        match (answer, self) {
            (Answer::Capabilities(hello), Self::StartTls(server)) => {
                Answer::Capabilities(Hello { starttls: true, tls_required: server.of.required, ..hello })
            }
            (answer, _) => answer,
        }
    }
}
