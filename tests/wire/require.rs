//! `require` of a RecipientPolicy: mail only by TLS, only from clients that have signed in.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
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
