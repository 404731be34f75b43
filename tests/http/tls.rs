//! TLS: the right CA and name, and no others.

use super::{accepted, deliver, failed, live, one};
use crate::support::misbehaving::{Act, Misbehaving, status};
use mailchute::backend::Cause;
use mailchute::plan::Http;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(authority: &Authority, names: &[&str]) -> TlsAcceptor {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn server(authority: &Authority, names: &[&str], acts: impl Into<Vec<Act>>) -> (Misbehaving, Http) {
    let server = Misbehaving::start_tls(acts, acceptor(authority, names)).await;
    let http = Http { https: true, ca: Some(authority.pem().into()), ..server.target() };
    (server, http)
}

#[tokio::test]
async fn the_right_ca_and_the_address_as_name() {
    let authority = authority();
    let (server, http) = server(&authority, &["127.0.0.1"], [status("200 OK"), status("404 No")]).await;
    let live = live(http);
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(server.connections(), 1);
    assert_eq!(server.heard()[0].body, b"Received: by test\r\nSubject: x\r\n\r\ntext\r\n");
}

#[tokio::test]
async fn the_server_name_of_the_backend_is_the_one_that_is_verified() {
    let authority = authority();
    let (server, http) = server(&authority, &["tickets.support.svc"], [status("200 OK")]).await;
    let named = |name: &str| Http { server_name: Some(name.to_owned()), ..http.clone() };
    assert_eq!(deliver(&live(named("tickets.support.svc")), &one()).await, accepted());
    assert_eq!(deliver(&live(named("tickets.other.svc")), &one()).await, failed(Cause::Unreachable));
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Unreachable));
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn another_ca_is_refused_and_so_is_one_that_the_system_does_not_know() {
    let (right, wrong) = (authority(), authority());
    let (server, http) = server(&right, &["127.0.0.1"], [status("200 OK")]).await;
    for ca in [Some(wrong.pem().into()), None] {
        let http = Http { ca, ..http.clone() };
        assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Unreachable));
    }
    let both = format!("{}\n{}", wrong.pem(), right.pem());
    assert_eq!(deliver(&live(Http { ca: Some(both.into()), ..http }), &one()).await, accepted());
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn tls_towards_a_server_without_it_sends_nothing() {
    let plain = Misbehaving::start([status("200 OK")]).await;
    let http = Http { https: true, ca: Some(authority().pem().into()), ..plain.target() };
    // The server takes the handshake for half a request, and waits for the rest.
    assert_eq!(deliver(&live(http), &super::hasty()).await, failed(Cause::Timeout));
    assert!(plain.heard().is_empty());
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_needs_the_end_of_tls() {
    let authority = authority();
    let open_ended = b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec();
    let (_server, http) = server(&authority, &["127.0.0.1"], [Act::AnswerAndClose(open_ended.clone())]).await;
    assert_eq!(deliver(&live(http), &one()).await, accepted());
    let (_server, http) = server(&authority, &["127.0.0.1"], [Act::AnswerAndReset(open_ended)]).await;
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Reset));
}

#[tokio::test]
async fn a_stale_connection_behind_tls() {
    let authority = authority();
    let (server, http) =
        server(&authority, &["127.0.0.1"], [status("200 OK"), Act::Close, status("404 No")]).await;
    let live = live(http);
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &super::with_retries(1)).await, failed(Cause::Misconfigured));
    assert_eq!(server.connections(), 2);
}
