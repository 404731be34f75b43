//! An SMTP client inside TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, StreamOwned, SupportedProtocolVersion,
};

use super::believing::Believing;
use super::certificates::Certificate;
use super::client::Client;

/// How a client speaks TLS. It believes any certificate, and tells which it was shown.
#[derive(Clone)]
pub(crate) struct Tls {
    config: ClientConfig,
}

/// What came of a handshake.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The server's certificates.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// `TLSv1_2` or `TLSv1_3`.
    pub(crate) version: ProtocolVersion,
    /// Whether an earlier session went on.
    pub(crate) resumed: bool,
}

impl Tls {
    /// Of these versions.
    pub(crate) fn of(versions: &[&'static SupportedProtocolVersion]) -> Self {
        Self::with(versions, ring::default_provider(), None)
    }

    /// Of any version.
    pub(crate) fn any() -> Self {
        Self::of(rustls::ALL_VERSIONS)
    }

    /// Of any version, showing a certificate.
    pub(crate) fn showing(certificate: &Certificate) -> Self {
        Self::with(rustls::ALL_VERSIONS, ring::default_provider(), Some(certificate))
    }

    /// The same with all that can be said.
    pub(crate) fn with(
        versions: &[&'static SupportedProtocolVersion],
        provider: CryptoProvider,
        certificate: Option<&Certificate>,
    ) -> Self {
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap().dangerous();
        let builder = builder.with_custom_certificate_verifier(Arc::new(Believing(provider)));
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(Certificate { chain, key }) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.collect::<Result<_, _>>().unwrap(), key).unwrap()
            }
        };
        Self { config }
    }

    /// With names of other protocols (ALPN).
    pub(crate) fn asking_for(mut self, protocols: &[&str]) -> Self {
        self.config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Without a name (SNI).
    pub(crate) fn without_name(mut self) -> Self {
        self.config.enable_sni = false;
        self
    }

    /// Shakes hands on an open connection.
    pub(crate) fn on(&self, client: Client, name: &str) -> io::Result<(Client, Shown)> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(self.config.clone()), name).unwrap();
        let mut tcp = client.writer();
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        let shown = Shown {
            chain: connection.peer_certificates().unwrap_or_default().to_vec(),
            version: connection.protocol_version().unwrap(),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        Ok((client.within(|tcp| Box::new(StreamOwned::new(connection, tcp))), shown))
    }

    /// Connects to a listener of mode Implicit.
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> io::Result<(Client, Shown)> {
        self.on(Client::connect(address)?, name)
    }

    /// Connects to a listener of mode StartTLS, and has said STARTTLS.
    pub(crate) fn start(&self, address: SocketAddr, name: &str) -> io::Result<(Client, Shown)> {
        let mut client = Client::greeted(address);
        client.expect("STARTTLS", 220);
        self.on(client, name)
    }
}

impl Shown {
    /// Whether the server showed this certificate.
    pub(crate) fn is(&self, certificate: &Certificate) -> bool {
        let first = CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap();
        self.chain.first() == Some(&first)
    }
}
