//! From a host name to a connection: DNS, TCP, TLS.
//!
//! Link-local addresses are never a target, wherever a name resolves to them: that is where clouds
//! keep their metadata services. Loopback is one only where the configuration may say so.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Fault;
use crate::backend::Cause;
use crate::plan;

/// One address gets no less than this, while there is time at all, though others wait behind it.
const LEAST_PER_ADDRESS: Duration = Duration::from_secs(1);

/// The certificates that the system trusts, read once.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system can't be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    Arc::new(roots)
});

/// How to reach a backend.
pub(super) struct Connector {
    host: String,
    port: u16,
    allow_loopback: bool,
    tls: Option<Tls>,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    /// Fails, in words, where certificates or names can't be used.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let tls = if http.https { Some(Tls::new(http)?) } else { None };
        Ok(Self { host: http.host.clone(), port: http.port, allow_loopback: http.allow_loopback, tls })
    }

    /// A connection, TLS included, by `deadline`.
    pub(super) async fn connect(&self, deadline: Instant) -> Result<Stream, Fault> {
        let addresses = timeout_at(deadline, self.addresses()).await.map_err(|_| too_late("DNS"))??;
        let tcp = connect_any(&addresses, deadline).await?;
        // Only a latency matter: without it the connection works all the same.
        drop(tcp.set_nodelay(true));
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(tcp)) };
        let handshake = tls.connector.connect(tls.name.clone(), tcp);
        match timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(Fault::connect(Cause::Unreachable, format!("TLS: {error}"))),
            Err(_) => Err(too_late("TLS")),
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let unreachable = |what: String| Fault::connect(Cause::Unreachable, what);
        let found: Vec<SocketAddr> = match self.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, self.port)],
            Err(_) => lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|error| unreachable(format!("DNS: {error}")))?
                .collect(),
        };
        if found.is_empty() {
            return Err(unreachable("DNS: no address".to_owned()));
        }
        let allowed: Vec<_> = found.into_iter().filter(|at| self.allows(at.ip())).collect();
        if allowed.is_empty() {
            let detail = "every address is link-local or loopback, which can't be a target".to_owned();
            return Err(Fault::connect(Cause::Misconfigured, detail));
        }
        Ok(allowed)
    }

    /// The unspecified address counts as loopback: connecting to it ends there.
    fn allows(&self, address: IpAddr) -> bool {
        let (link_local, loopback) = match address.to_canonical() {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_loopback() || v4.octets()[0] == 0),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_loopback() || v6.is_unspecified()),
        };
        !link_local && (self.allow_loopback || !loopback)
    }
}

/// The first address that answers; the time left is shared among those not tried yet.
async fn connect_any(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Fault> {
    let mut last = too_late("TCP");
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let others = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = (left / others).max(LEAST_PER_ADDRESS).min(left);
        last = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => Fault::connect(Cause::Unreachable, format!("TCP: {error}")),
            Err(_) => too_late("TCP"),
        };
    }
    Err(last)
}

fn too_late(stage: &str) -> Fault {
    Fault::connect(Cause::Timeout, format!("{stage}: no answer in time"))
}

impl Tls {
    fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let roots = match &http.ca {
            Some(pem) => Arc::new(roots(pem)?),
            None => Arc::clone(&SYSTEM_ROOTS),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|_| "no TLS version is usable")?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = http.server_name.as_ref().unwrap_or(&http.host);
        let name = ServerName::try_from(name.trim_end_matches('.').to_owned());
        let name = name.map_err(|_| "the server name is no name that a certificate can hold")?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

fn roots(pem: &str) -> Result<RootCertStore, &'static str> {
    const BAD: &str = "the CA certificates can't be read";
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| BAD)?).map_err(|_| BAD)?;
    }
    if roots.is_empty() { Err(BAD) } else { Ok(roots) }
}

/// A connection to a backend.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(allow_loopback: bool) -> Connector {
        Connector { host: String::new(), port: 1, allow_loopback, tls: None }
    }

    #[test]
    fn link_local_is_never_a_target_and_loopback_only_where_allowed() {
        for address in ["169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254"] {
            let address = address.parse().unwrap();
            assert!(!connector(true).allows(address) && !connector(false).allows(address), "{address}");
        }
        for address in ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "0.1.2.3", "::", "::ffff:127.0.0.1"] {
            let address = address.parse().unwrap();
            assert!(connector(true).allows(address) && !connector(false).allows(address), "{address}");
        }
        for address in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            let address = address.parse().unwrap();
            assert!(connector(true).allows(address) && connector(false).allows(address), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_forbidden_address_is_refused() {
        let connector = Connector { host: "localhost".to_owned(), ..connector(false) };
        let fault = connector.addresses().await.unwrap_err();
        assert_eq!(fault.cause, Cause::Misconfigured, "{}", fault.detail);
    }
}
