//! TLS towards the server: verified, required where that is said, and never given up for the clear.

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::certificates::Authority;
use crate::support::consumer::{Consumer, config, messages};

const TLS: Said<'_> = Said { nats: ", tls: {caSecretRef: {name: ca}}", backend: "", delivery: "" };

/// A server with a stream, and with a certificate of `localhost`; `more` is what its `tls` says beside.
fn server(authority: &Authority, more: &str) -> Server {
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    server.kill();
    let folder = server.folder().to_owned();
    authority.server(&["localhost", "127.0.0.1"]).write(&folder, "server");
    std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    let at = |name: &str| folder.join(name);
    let (certificate, key, ca) = (at("server.crt"), at("server.key"), at("ca.crt"));
    server.configure(&format!(
        "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {ca:?}{more} }}"
    ));
    server.restart();
    server
}

/// What is in its stream, when it asks for no TLS any more.
fn taken(mut server: Server) -> usize {
    server.kill();
    server.configure("");
    server.restart();
    messages(server.address).len()
}

/// A stage that believes `authority`.
fn stage(server: &Server, authority: &Authority, said: Said<'_>) -> Stage {
    let pem = authority.pem();
    Stage::among(server.address, said, |manifests| manifests.secret("ca", "Opaque", &[("ca.crt", &pem)]))
}

#[test]
fn a_server_that_is_believed_gets_mail() {
    let authority = Authority::new();
    let server = server(&authority, "");
    stage(&server, &authority, TLS).expect(MESSAGE, "250 2.0.0 Ok");
    let named = Said { nats: ", tls: {caSecretRef: {name: ca}, serverName: localhost}", ..TLS };
    stage(&server, &authority, named).expect(MESSAGE, "250 2.0.0 Ok");
    assert_eq!(taken(server), 1);
}

#[test]
fn a_server_that_would_begin_with_tls_is_waited_for() {
    let authority = Authority::new();
    let server = server(&authority, ", handshake_first: auto");
    stage(&server, &authority, TLS).expect(MESSAGE, "250 2.0.0 Ok");
    assert_eq!(taken(server), 1);
}

#[test]
fn a_server_that_is_not_believed_gets_none() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = server(&authority, "");
    let named = Said { nats: ", tls: {caSecretRef: {name: ca}, serverName: other.example}", ..TLS };
    for stage in [stage(&server, &other, TLS), stage(&server, &authority, named), Stage::to(server.address)] {
        stage.expect(MESSAGE, "451 4.4.1");
        stage.front_end.wait_for_log(&[
            "WARN",
            "delivery failed",
            "unreachable",
            "TLS: invalid peer certificate",
        ]);
    }
}

#[test]
fn a_server_without_tls_gets_no_mail_that_requires_it() {
    let server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = stage(&server, &Authority::new(), TLS);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&[
        "WARN",
        "delivery failed",
        "TLS is required, and the server does not offer it",
    ]);
}

#[test]
fn a_server_that_asks_who_calls_is_shown_a_certificate() {
    let authority = Authority::new();
    let server = server(&authority, ", verify: true");
    let nameless = stage(&server, &authority, TLS);
    nameless.expect(MESSAGE, "451 4.4.1");
    nameless.front_end.wait_for_log(&["WARN", "delivery failed", "unreachable", "CertificateRequired"]);
    let said = Said { nats: ", tls: {caSecretRef: {name: ca}, clientCertificateRef: {name: own}}", ..TLS };
    let own = authority.client("mailchute", &[]);
    let pem = authority.pem();
    let stage = Stage::among(server.address, said, |manifests| {
        manifests.secret("ca", "Opaque", &[("ca.crt", &pem)]).certificate("own", &own)
    });
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    assert_eq!(taken(server), 1);
}
