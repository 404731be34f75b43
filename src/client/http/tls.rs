//! TLS towards a server: whom we trust, who we say we are, and what we offer to speak inside.
//!
//! A configuration lives as long as its server's connections do, so sessions are resumed.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::{Fault, Kind};
use crate::client::authorities;
use crate::client::stream::{HTTP2, Stream};
use crate::plan;

/// TLS towards one server.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Fails, in words, where certificates or names can't be used.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let roots = match &http.ca {
            Some(pem) => Arc::new(authorities::of(pem)?),
            None => authorities::of_the_system(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|_| "no TLS version is usable")?;
        let config = config.with_root_certificates(roots);
        let mut config = match &http.identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                const BAD: &str = "the client certificate and its key can't be used";
                let key = PrivateKeyDer::try_from(identity.key.reveal().to_vec()).map_err(|_| BAD)?;
                config.with_client_auth_cert(identity.chain.clone(), key).map_err(|_| BAD)?
            }
        };
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        let name = http.server_name.as_ref().unwrap_or(&http.host);
        let name = ServerName::try_from(name.trim_end_matches('.').to_owned());
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
