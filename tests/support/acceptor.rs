//! TLS of a server in this process.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::certificates::{Authority, Certificate};

/// A server at 127.0.0.1 that speaks one protocol inside TLS. Where `clients` is given, it takes
/// clients with a certificate of that authority, and no others.
pub(crate) fn acceptor(authority: &Authority, protocol: &str, clients: Option<&Authority>) -> TlsAcceptor {
    acceptor_of(authority.server(&["127.0.0.1"]), protocol, clients)
}

/// The same with any certificate.
pub(crate) fn acceptor_of(
    Certificate { chain, key }: Certificate,
    protocol: &str,
    clients: Option<&Authority>,
) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = config.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
