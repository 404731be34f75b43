//! Certificates of clients: believed where they verify, none where they don't, never a reason to refuse.

use super::{MESSAGE, RECIPIENT, SENDER};
use crate::support::certificates::{Authority, Certificate};
use crate::support::scene::Scene;
use crate::support::secure::Tls;

const FIELDS: &str = "mode: StartTLS, clientCertificates: {caSecretRef: {name: partners}}";

/// Sends a message; gives who the backend was told the client is.
fn identity(scene: &Scene, tls: &Tls) -> Option<String> {
    let (mut client, _) = tls.start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    let received = scene.backend.received();
    let identity = received.last().unwrap().headers.get("ce-tlsclientidentity");
    identity.map(|identity| identity.to_str().unwrap().to_owned())
}

fn shown(certificate: &Certificate) -> [Tls; 2] {
    let provider = rustls::crypto::ring::default_provider;
    [&rustls::version::TLS12, &rustls::version::TLS13]
        .map(|version| Tls::with(&[version], provider(), Some(certificate)))
}

#[test]
fn one_that_verifies_names_the_client_by_its_best_name() {
    let scene = Scene::with(FIELDS);
    for tls in shown(&scene.authority.client("someone", &["partner.example"])) {
        assert_eq!(identity(&scene, &tls).as_deref(), Some("partner.example"));
    }
    for tls in shown(&scene.authority.client("someone", &[])) {
        assert_eq!(identity(&scene, &tls).as_deref(), Some("someone"));
    }
}

#[test]
fn none_and_those_that_do_not_verify_go_on_as_nobody() {
    let scene = Scene::with(FIELDS);
    assert_eq!(identity(&scene, &Tls::any()), None);
    let of_others = Authority::new().client("someone", &["partner.example"]);
    // Of the right authority, but for servers.
    let for_servers = scene.authority.server(&["partner.example"]);
    for tls in [of_others, for_servers].iter().flat_map(shown) {
        assert_eq!(identity(&scene, &tls), None);
    }
    scene.handshakes(&["full"], 5.0);
}

#[test]
fn a_listener_that_does_not_ask_is_shown_none() {
    let scene = Scene::starttls();
    let certificate = scene.authority.client("someone", &["partner.example"]);
    assert_eq!(identity(&scene, &Tls::showing(&certificate)), None);
}

#[test]
fn a_resumed_session_is_still_that_client() {
    let scene = Scene::with(FIELDS);
    for tls in shown(&scene.authority.client("someone", &["partner.example"])) {
        for _ in 0..2 {
            assert_eq!(identity(&scene, &tls).as_deref(), Some("partner.example"));
        }
    }
    scene.handshakes(&["resumed"], 2.0);
}

#[test]
fn a_certificate_is_that_of_the_peer_and_of_no_client_that_it_names() {
    let scene = Scene::with_arguments(FIELDS, ", xclient: {trustedCIDRs: [127.0.0.0/8]}", &[]);
    let tls = Tls::showing(&scene.authority.client("someone", &["proxy.example"]));
    let (mut peer, _) = tls.start(scene.front_end.smtp, "mx.example.org").unwrap();
    peer.expect("EHLO proxy.example", 250);
    assert_eq!(peer.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    peer.expect("XCLIENT ADDR=192.0.2.1", 220);
    peer.expect("EHLO proxy.example", 250);
    assert_eq!(peer.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    let received = scene.backend.wait_for(2);
    let told = received
        .iter()
        .map(|event| ["ce-tlsversion", "ce-tlsclientidentity"].map(|name| event.header(name).to_owned()));
    assert_eq!(told.collect::<Vec<_>>(), [["TLSv1.3", "proxy.example"], ["TLSv1.3", ""]]);
}
