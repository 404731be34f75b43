//! TLS towards a server: whom we trust, who we say we are, and what we offer to speak inside.
//!
//! A configuration lives as long as its server's connections do, so sessions are resumed.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::authorities;
use super::fault::{Fault, Kind};
use super::stream::Stream;
use crate::plan::Identity;

/// What the configuration says of it.
pub(super) struct Trust<'a> {
    /// PEM of the authorities; `None` for those of the system.
    pub(super) ca: Option<&'a str>,
    /// What is shown to a server that asks who calls.
    pub(super) identity: Option<&'a Identity>,
    /// What the certificate has to say.
    pub(super) name: &'a str,
}

/// TLS towards one server.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Fails, in words, where certificates or names can't be used.
    /// `protocols` are offered by ALPN.
    pub(super) fn new(trust: &Trust<'_>, protocols: &[&[u8]]) -> Result<Self, &'static str> {
        let roots = match trust.ca {
            Some(pem) => Arc::new(authorities::of(pem)?),
            None => authorities::of_the_system(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|_| "no TLS version is usable")?;
        let config = config.with_root_certificates(roots);
        let mut config = match trust.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                const BAD: &str = "the client certificate and its key can't be used";
                let key = PrivateKeyDer::try_from(identity.key.reveal().to_vec()).map_err(|_| BAD)?;
                config.with_client_auth_cert(identity.chain.clone(), key).map_err(|_| BAD)?
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let name = ServerName::try_from(trust.name.trim_end_matches('.').to_owned());
        let name = name.map_err(|_| "the server name is no name that a certificate can hold")?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    /// The handshake, by `deadline`.
    pub(super) async fn connect(&self, tcp: TcpStream, deadline: Instant) -> Result<Stream, Fault> {
        let handshake = self.connector.connect(self.name.clone(), tcp);
        match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::tls(stream)),
            Ok(Err(error)) => Err(Fault::connect(Kind::Unreachable, format!("TLS: {error}"))),
            Err(_) => Err(Fault::connect(Kind::Timeout, "TLS: no answer in time")),
        }
    }
}
