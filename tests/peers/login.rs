//! Signing in at a relay: another Mailchute, whose server's side of AUTH has peers of its own.

use std::net::SocketAddr;

use crate::MESSAGE;
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

/// `pencil`, for PLAIN and LOGIN only, and for SCRAM too.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
const SCRAM: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                     WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// Takes mail of those who have signed in, inside TLS, and posts it to `backend`.
fn submission(authority: &Authority, hash: &str, backend: SocketAddr) -> FrontEnd {
    let port = free_port();
    let fields = "profile: Submission, tls: {mode: StartTLS, certificateRefs: [{name: mx}]}";
    let manifests = Manifests::listening_with(port, fields)
        .certificate("mx", &authority.server(&["127.0.0.1"]))
        .users(&[("user", hash)])
        .all_to(backend);
    FrontEnd::start(port, &manifests, &[])
}

fn front_end(relay: &FrontEnd, authority: &Authority, password: &str) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening(port)
        .secret("ca", "Opaque", &[("ca.crt", &authority.pem())])
        .secret("login", "kubernetes.io/basic-auth", &[("username", "user"), ("password", password)])
        .relayed("smtp", relay.smtp, "caSecretRef: {name: ca}, authSecretRef: {name: login}");
    FrontEnd::start(port, &manifests, &[])
}

#[test]
fn the_best_mechanism_that_both_know_is_used() {
    let authority = Authority::new();
    for (hash, mechanism) in [(BCRYPT, "PLAIN"), (SCRAM, "SCRAM-SHA-256")] {
        let backend = Recorder::start();
        let relay = submission(&authority, hash, backend.address);
        let front_end = front_end(&relay, &authority, "pencil");
        let mut client = Client::greeted(front_end.smtp);
        let reply = client.send("a@client.example", &["b@example.org"], MESSAGE.as_bytes());
        assert_eq!(reply.code, 250, "{reply:?}");
        let received = &backend.wait_for(1)[0];
        assert_eq!(received.header("ce-authid"), "user");
        assert!(received.body.ends_with(MESSAGE.as_bytes()));
        let label = format!("mechanism=\"{mechanism}\"");
        relay.wait_for_metric(&["mailchute_smtp_auth_total", &label, "\"accepted\""], 1.0);
        assert!(!front_end.log().contains("pencil"));
    }
}

#[test]
fn a_password_that_is_wrong_defers() {
    let authority = Authority::new();
    for hash in [BCRYPT, SCRAM] {
        let backend = Recorder::start();
        let relay = submission(&authority, hash, backend.address);
        let front_end = front_end(&relay, &authority, "crayon");
        let mut client = Client::greeted(front_end.smtp);
        client.expect("MAIL FROM:<a@client.example>", 250);
        let refusal = client.expect("RCPT TO:<b@example.org>", 451);
        assert!(refusal.text().starts_with("4.3.5 "), "{refusal:?}");
        front_end.wait_for_log(&["AUTH was answered 535"]);
        assert!(!front_end.log().contains("crayon"));
    }
}
