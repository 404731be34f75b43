//! Mutual TLS: a backend that asks for a certificate gets it, by HTTP/1.1 and HTTP/2.

use super::{accepted, backend, deliver, failed, live, one};
use crate::support::acceptor::acceptor;
use crate::support::certificates::{Authority, Certificate};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::http2::{Act as Act2, Streams};
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use crate::support::until::until_true;
use mailchute::backend::{Cause, Live};
use mailchute::metrics::Metrics;
use mailchute::plan::{Http, Identity, Secret};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

fn identity(certificate: &Certificate) -> Option<Arc<Identity>> {
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    Some(Arc::new(Identity { chain, key: Secret::new(key.secret_der()) }))
}

/// Whether the backend was told who calls, by each kind of certificate.
async fn check(target: Http, clients: &Authority, heard: impl Fn() -> usize) {
    let known = identity(&clients.client("mailchute", &[]));
    assert_eq!(deliver(&live(Http { identity: known, ..target.clone() }), &one()).await, accepted());
    assert_eq!(heard(), 1);
    let unknown = identity(&Authority::new().client("mailchute", &[]));
    for identity in [None, unknown] {
        // A server that closes at once may be faster than its own alert.
        let outcome = deliver(&live(Http { identity, ..target.clone() }), &one()).await;
        let refused = [failed(Cause::Unreachable), failed(Cause::Reset)];
        assert!(refused.contains(&outcome), "{outcome:?}");
    }
    assert_eq!(heard(), 1);
}

#[tokio::test]
async fn by_http_1() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let acceptor = acceptor(&authority, "http/1.1", Some(&clients));
    let server = Misbehaving::start_tls([status("200 OK")], acceptor).await;
    let target = Http { https: true, ca: Some(authority.pem().into()), ..server.target() };
    check(target, &clients, || server.heard().len()).await;
}

#[tokio::test]
async fn by_http_2() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server =
        Streams::start(acceptor(&authority, "h2", Some(&clients)), 100, [Act2::Answer(200, "")]).await;
    check(server.target(&authority.pem()), &clients, || server.heard().len()).await;
}

#[tokio::test]
async fn another_certificate_is_another_backend_with_connections_of_its_own() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server =
        Streams::start(acceptor(&authority, "h2", Some(&clients)), 100, [Act2::Answer(200, "")]).await;
    let target = server.target(&authority.pem());
    let [first, second] = [(); 2].map(|()| identity(&clients.client("mailchute", &[])));
    let metrics = Metrics::new();
    let mut running = Vec::new();
    for (identity, connections) in [(first.clone(), 1), (first.clone(), 1), (second, 2), (first, 3)] {
        let plan = Arc::new(backend(Http { identity, ..target.clone() }));
        running = Live::adopt(&[plan], &running, &metrics);
        assert_eq!(deliver(&running[0], &one()).await, accepted());
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn sessions_are_resumed() {
    let authority = Authority::new();
    let script = [Act2::GoAwayAfter];
    let server = Streams::start(acceptor(&authority, "h2", None), 100, script).await;
    let live = live(server.target(&authority.pem()));
    for _ in 0..3 {
        assert_eq!(deliver(&live, &one()).await, accepted());
    }
    assert_eq!((server.connections(), server.resumed()), (3, 2));
}

/// The real program, with a Secret as cert-manager leaves it.
#[test]
fn a_secret_is_shown_to_the_backend() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (authority, clients) = (Authority::new(), Authority::new());
    let acceptor = acceptor(&authority, "http/1.1", Some(&clients));
    let script = [Act::Answer(answer("200 OK", &[], ""))];
    let server = runtime.block_on(Misbehaving::start_tls(script, acceptor));
    let manifests = |certificate: &Certificate| {
        let port = free_port();
        let manifests = Manifests::listening(port).all_to(server.address).certificate("own", certificate);
        let yaml = manifests.secret("ca", "Opaque", &[("ca.crt", &authority.pem())]).yaml();
        let tls = "\", tls: {caSecretRef: {name: ca}, clientCertificateRef: {name: own}}}";
        let yaml = yaml
            .replace("url: \"http://", "url: \"https://")
            .replace("/inbound\"}", &format!("/inbound{tls}"));
        FrontEnd::start_with(port, &yaml, &[])
    };
    let send = |front_end: &FrontEnd| {
        let message = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
        let reply = Client::greeted(front_end.smtp).send("a@client.example", &["b@example.org"], message);
        format!("{} {}", reply.code, reply.text())
    };
    let admitted = manifests(&clients.client("mailchute", &[]));
    assert!(send(&admitted).starts_with("250 2.0.0 Ok: "));
    admitted.wait_for_metric(&["mailchute_delivery_attempts_total", r#"outcome="delivered""#], 1.0);
    let stranger = manifests(&Authority::new().client("mailchute", &[]));
    let reply = send(&stranger);
    assert!(reply.starts_with("451 4.4."), "{reply}");
    assert!(stranger.metric(&["mailchute_delivery_attempts_total"]) >= 1.0);
    assert!(stranger.metric(&["mailchute_delivery_attempts_total", r#"outcome="delivered""#]) < 0.5);
    // One that does not fit its key is told, and mail waits for a better one.
    let [one, other] = [(); 2].map(|()| clients.client("mailchute", &[]));
    let broken = manifests(&Certificate { chain: one.chain, key: other.key });
    assert!(send(&broken).starts_with("451 4.3.5"));
    until_true("it is told", || broken.log().contains("InvalidSecretKey"));
    assert_eq!(server.heard().len(), 1);
}
