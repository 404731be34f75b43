//! TLS for both ends: what `floor` and the server under test present, and how the generator connects.
//!
//! Every session of the generator is a full handshake: it resumes nothing, and believes any certificate.

use anyhow::Result;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ServerConfig, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::believing::Believing;

/// What a session is spoken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub(crate) enum Layer {
    Plain,
    /// From the first octet on.
    Tls,
}

impl Layer {
    pub(crate) fn of(tls: bool) -> Self {
        if tls { Self::Tls } else { Self::Plain }
    }
}

const NAME: &str = "mx.bench.example";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A certificate of nobody but itself, with its key; P-256, as most have it.
fn certificate() -> Result<CertifiedKey<rcgen::KeyPair>> {
    Ok(generate_simple_self_signed([NAME.to_owned()])?)
}

/// The same in PEM: certificate and key.
pub(crate) fn pem() -> Result<(String, String)> {
    let CertifiedKey { cert, signing_key } = certificate()?;
    Ok((cert.pem(), signing_key.serialize_pem()))
}

/// The least that takes TLS: rustls as it comes.
pub(crate) fn acceptor() -> Result<TlsAcceptor> {
    let CertifiedKey { cert, signing_key } = certificate()?;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What the generator reads and writes.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// How the generator connects. Clones share one configuration.
#[derive(Clone)]
pub(crate) struct Connector(Option<TlsConnector>);

impl Connector {
    pub(crate) fn new(layer: Layer) -> Result<Self> {
        Ok(Self(match layer {
            Layer::Plain => None,
            Layer::Tls => Some(TlsConnector::from(Arc::new(client()?))),
        }))
    }

    pub(crate) async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        match &self.0 {
            None => Ok(Box::new(stream)),
            Some(tls) => Ok(Box::new(tls.connect(name(), stream).await?)),
        }
    }
}

/// The first octets that a server says; its end is awaited, too.
pub(crate) fn greeting(to: SocketAddr) -> Result<[u8; 4]> {
    let connection = ClientConnection::new(Arc::new(client()?), name())?;
    let tcp = StdStream::connect(to)?;
    tcp.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
    let mut stream = StreamOwned::new(connection, tcp);
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting)?;
    stream.write_all(b"QUIT\r\n")?;
    Ok(greeting)
}

fn name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("it is a name")
}

fn client() -> Result<ClientConfig> {
    let provider = provider();
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions()?.dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(Believing(provider)));
    let mut config = config.with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}
