//! As a client that has a certificate: over STARTTLS, verified both ways. That each side trusts what
//! the other really sends shows only between two implementations.

use super::Postfix;
use crate::MESSAGE;
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};
use crate::support::server::folder;
use crate::support::until::until_true;

/// Sends one message through a Postfix whose certificate is one of `its`, to a front-end that believes
/// `believed`; gives what came, and what Postfix says of the connection.
fn relayed(its: &Authority, believed: &Authority) -> (Received, String) {
    let ours = Authority::new();
    let backend = Recorder::start();
    let port = free_port();
    // The first is for who asks for no name, or for one that is not there.
    let tls = "tls: {mode: StartTLS, required: true, certificateRefs: [{name: other}, {name: mx}], \
               clientCertificates: {caSecretRef: {name: partners}}}";
    let manifests = Manifests::listening_with(port, tls)
        .certificate("other", &ours.server(&["other.example.org"]))
        .certificate("mx", &ours.server(&["mx.example.org"]))
        .secret("partners", "Opaque", &[("ca.crt", &believed.pem())])
        .all_to(backend.address);
    let _front_end = FrontEnd::start(port, &manifests, &[]);
    let files = folder();
    std::fs::write(files.path().join("ours.crt"), ours.pem()).unwrap();
    its.client("Relay", &["relay.client.example"]).write(files.path(), "its");
    let at = files.path().display().to_string();
    let settings = format!(
        "relayhost = [127.0.0.1]:{port}\nsmtp_tls_security_level = secure\nsmtp_tls_CAfile = {at}/ours.crt\n\
         smtp_tls_secure_cert_match = mx.example.org\nsmtp_tls_servername = mx.example.org\n\
         smtp_tls_cert_file = {at}/its.crt\nsmtp_tls_key_file = {at}/its.key\nsmtp_tls_loglevel = 1\n"
    );
    let postfix = Postfix::start_in(files, &settings);
    let mut client = Client::greeted(postfix.address);
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE.as_bytes()).code, 250);
    until_true("it is sent", || postfix.line(&["to=<b@example.org>", "status=sent"]).is_some());
    let connection = postfix.line(&["TLS connection established to 127.0.0.1"]).unwrap();
    let mut received = backend.received();
    assert_eq!(received.len(), 1);
    (received.remove(0), connection)
}

#[test]
fn the_identity_of_its_certificate_arrives() {
    let partners = Authority::new();
    let (received, connection) = relayed(&partners, &partners);
    assert!(connection.contains(": Verified TLS connection"), "{connection}");
    assert_eq!(received.header("ce-tlsclientidentity"), "relay.client.example");
    // Both say the same of the connection.
    let (version, cipher) = (received.header("ce-tlsversion"), received.header("ce-tlscipher"));
    assert_eq!(version, "TLSv1.3");
    assert!(connection.contains(&format!("{version} with cipher {cipher} ")), "{connection} {cipher}");
    let body = String::from_utf8_lossy(&received.body);
    assert!(body.contains(" with ESMTPS id ") && body.contains(cipher), "{body}");
}

#[test]
fn a_certificate_of_another_authority_counts_as_none() {
    let (received, connection) = relayed(&Authority::new(), &Authority::new());
    assert!(connection.contains(": Verified TLS connection"), "{connection}");
    assert_eq!(received.header("ce-tlsclientidentity"), "");
    assert_eq!(received.header("ce-tlsversion"), "TLSv1.3");
}
