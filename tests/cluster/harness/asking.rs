//! Asks a controller as a front-end does, or as one that should not: HTTP/2 over TLS, one field more or less.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::controller::NAME;
use crate::support::certificates::Authority;
use crate::support::until::PATIENCE;

/// Knows a controller and whom to believe about it.
#[derive(Clone)]
pub(crate) struct Asker {
    address: SocketAddr,
    name: &'static str,
    trusted: ClientConfig,
}

/// A connection. It ends when this is dropped.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Asker {
    pub(crate) fn new(address: SocketAddr, authority: &Authority) -> Self {
        Self::believing(address, NAME, &authority.pem())
    }

    /// The same, with the name that it has to prove, and the certificates of all who may vouch for it.
    pub(crate) fn believing(address: SocketAddr, name: &'static str, bundle: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let trusted = builder.with_root_certificates(roots).with_no_client_auth();
        Self { address, name, trusted }
    }

    /// TLS with these protocols offered.
    pub(crate) async fn shake_hands(&self, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.trusted.clone();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(self.name).unwrap();
        let shaken = timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        shaken.expect("the handshake ends")
    }

    /// A connection that can ask.
    pub(crate) async fn connect(&self) -> Connection {
        let tls = self.shake_hands(&["h2"]).await.unwrap();
        let (requests, connection) = h2::client::handshake(tls).await.unwrap();
        let driver = tokio::spawn(async move {
            // How it ended is seen by who waits for an answer.
            drop(connection.await);
        });
        Connection { requests, driver }
    }

    /// Asks for the snapshot of a gateway (`namespace/name`) on a connection of its own.
    pub(crate) async fn ask(&self, gateway: &str, fields: &[(&str, &str)]) -> Answer {
        self.connect().await.ask(gateway, fields).await.unwrap()
    }
}

impl Connection {
    /// Asks for the snapshot of a gateway (`namespace/name`).
    pub(crate) async fn ask(&self, gateway: &str, fields: &[(&str, &str)]) -> Result<Answer, h2::Error> {
        self.send(Method::GET, &format!("/v1/gateways/{gateway}/snapshot"), fields).await
    }

    /// Sends any request without a body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, h2::Error> {
        let mut request = Request::builder().method(method).uri(format!("https://{NAME}{path}"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        timeout(PATIENCE * 2, self.exchange(request.body(()).unwrap())).await.expect("an answer comes")
    }

    async fn exchange(&self, request: Request<()>) -> Result<Answer, h2::Error> {
        let (answer, _) = self.requests.clone().ready().await?.send_request(request, true)?;
        let (head, mut body) = answer.await?.into_parts();
        let mut octets = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            octets.extend_from_slice(&chunk);
        }
        Ok(Answer { status: head.status.as_u16(), fields: head.headers, body: octets })
    }

    /// So many requests may be under way, as the server says.
    pub(crate) fn streams(&self) -> usize {
        self.requests.current_max_send_streams()
    }

    /// Waits until the server has ended it.
    pub(crate) async fn ended(self) {
        let mut this = self;
        timeout(PATIENCE, &mut this.driver).await.expect("the connection ends").unwrap();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Answer {
    /// The version that it names.
    pub(crate) fn version(&self) -> String {
        self.field("etag").trim_matches('"').to_owned()
    }

    /// A field.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("{name} in {self:?}")).to_str().unwrap()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
