//! `require` of a RecipientPolicy: mail only by TLS, only from clients that have signed in.

use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};
use crate::support::scene::tls;
use crate::support::secure::Tls;
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

/// A policy for the route of that name.
fn policy(manifests: Manifests, route: &str, fields: &str) -> Manifests {
    manifests.document(&format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {{name: {route}}}\nspec:\n  \
         targetRefs: [{{kind: MailRoute, name: {route}}}]\n  {fields}"
    ))
}

fn exact(local: &str) -> String {
    format!("domain: example.org, localPart: {{type: Exact, value: {local}}}")
}

/// Recipients `tls`, `auth` and `both`, named as what they require, and `open`, who requires nothing.
fn manifests(port: u16, listener: &str, backend: &Recorder) -> Manifests {
    let mut manifests = Manifests::listening_with(port, listener);
    for local in ["tls", "auth", "both", "open"] {
        manifests = manifests.route(local, &exact(local), backend.address, "");
    }
    manifests = policy(manifests, "tls", "require: {tls: true}");
    manifests = policy(manifests, "auth", "require: {auth: true}");
    policy(
        manifests,
        "both",
        "require: {tls: true, auth: true}\n  recipients: {addresses: [nobody@example.org]}",
    )
}

#[test]
fn who_has_not_done_it_is_refused_before_any_list() {
    let backend = Recorder::start();
    let port = free_port();
    let front_end = FrontEnd::start(port, &manifests(port, "", &backend), &[]);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<me@client.example>", 250);
    for (recipient, text) in [
        ("tls", "5.7.0 Must issue a STARTTLS command first"),
        ("auth", "5.7.0 Authentication required"),
        ("both", "5.7.0 Must issue a STARTTLS command first"),
    ] {
        let reply = client.expect(&format!("RCPT TO:<{recipient}@example.org>"), 530);
        assert_eq!(reply.text(), text, "{recipient}");
    }
    client.expect("RCPT TO:<open@example.org>", 250);
    client.expect("RSET", 250);
    assert_eq!(client.send("me@client.example", &["open@example.org"], MESSAGE).code, 250);
    assert_eq!(backend.wait_for(1)[0].header("ce-authid"), "");
    for (reason, count) in [("tls_required", 2.0), ("auth_required", 1.0)] {
        let words = ["mailchute_recipients_total", "\"refused\"", &format!("\"{reason}\"")];
        front_end.wait_for_metric(&words, count);
    }
    // Nobody can, on this listener, and whoever wrote it is told.
    let told = || front_end.log().matches("UnmetRequirement").count() == 3;
    until_true("three warnings are in the log", told);
}

/// The initial response of PLAIN (RFC 4616): `shop`, whose password is `secret`.
const SHOP: &str = "AUTH PLAIN AHNob3AAc2VjcmV0";

/// Asks for each recipient, then sends a message to one that is taken; gives what its backend was told.
fn codes(client: &mut Client, backend: &Recorder, taken: &str, requests: usize) -> ([u16; 3], Received) {
    client.expect("EHLO client.example", 250);
    client.expect("MAIL FROM:<me@client.example>", 250);
    let codes = ["tls", "auth", "both"]
        .map(|local| client.try_say(&format!("RCPT TO:<{local}@example.org>")).unwrap().code);
    client.expect("RSET", 250);
    assert_eq!(client.send("me@client.example", &[&format!("{taken}@example.org")], MESSAGE).code, 250);
    (codes, backend.wait_for(requests).pop().unwrap())
}

#[test]
fn who_has_done_it_is_taken() {
    let backend = Recorder::start();
    let (port, authority) = (free_port(), Authority::new());
    let listener = format!("auth: {{mode: Offer, allowPlaintext: true}}, {}", tls("mode: StartTLS", &["mx"]));
    let manifests =
        manifests(port, &listener, &backend).users(&[("shop", &bcrypt::hash("secret", 4).unwrap())]);
    let manifests = manifests.certificate("mx", &authority.server(&["mx.example.org"]));
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut plain = Client::greeted(front_end.smtp);
    assert_eq!(codes(&mut plain, &backend, "open", 1).0, [530, 530, 530]);
    plain.expect(SHOP, 235);
    let (answers, event) = codes(&mut plain, &backend, "auth", 2);
    assert_eq!(answers, [530, 250, 530]);
    assert_eq!((event.header("ce-authid"), event.header("ce-tlsversion")), ("shop", ""));
    assert!(String::from_utf8_lossy(&event.body).contains(" with ESMTPA id "));
    // What was known in the clear is forgotten.
    plain.expect("STARTTLS", 220);
    let (mut secure, _) = Tls::any().on(plain, "mx.example.org").unwrap();
    let (answers, event) = codes(&mut secure, &backend, "tls", 3);
    assert_eq!(answers, [250, 530, 530]);
    assert_eq!((event.header("ce-authid"), event.header("ce-tlsversion")), ("", "TLSv1.3"));
    assert!(event.header("ce-tlscipher").starts_with("TLS_"), "{event:?}");
    assert!(String::from_utf8_lossy(&event.body).contains(" with ESMTPS id "));
    secure.expect(SHOP, 235);
    // `auth` is of another delivery group than `tls`; `both` stands on no list.
    let (answers, event) = codes(&mut secure, &backend, "auth", 4);
    assert_eq!(answers, [250, 452, 550]);
    assert_eq!((event.header("ce-authid"), event.header("ce-tlsversion")), ("shop", "TLSv1.3"));
    let body = String::from_utf8_lossy(&event.body);
    assert!(body.contains(" with ESMTPSA id ") && body.contains("(TLSv1.3 TLS_"), "{body}");
    // The log is written in order: findings come before a listener is open.
    until_true("the listener is open", || front_end.log().contains("\"listening\""));
    assert!(!front_end.log().contains("UnmetRequirement"));
    for (reason, count) in [("tls_required", 4.0), ("auth_required", 3.0)] {
        front_end.wait_for_metric(&["mailchute_recipients_total", "\"refused\"", reason], count);
    }
}
