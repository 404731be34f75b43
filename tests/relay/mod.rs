//! The kinds `smtp` and `lmtp`: the real program in front of a mail server that does as it is told. What
//! real servers do is in `tests/peers`.

use std::net::SocketAddr;

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::Relay;

mod broken;
mod conversation;
mod faithful;
mod lmtp;
mod open_relay;
mod parallel;
mod sessions;
mod unfit;

/// What most relays announce.
const USUAL: &[&str] = &["PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\r\n.One\r\n..\r\n";
const SENDER: &str = "MAIL FROM:<a@client.example>";

/// A route of all of `example.org` to a backend of this kind; `backend` is what it says beside its place, and
/// `delivery` what the rule does, each as `, name: value`.
fn to_kind(kind: &str, target: SocketAddr, backend: &str, delivery: &str) -> String {
    let (host, port) = (target.ip(), target.port());
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: all}}\nspec:\n  \
         parentRefs: [{{name: public}}]\n  rules:\n  - name: only\n    \
         matches: [{{recipient: {{domain: example.org}}}}]\n    \
         delivery: {{backendRefs: [{{name: all}}], retry: {{attempts: 0}}{delivery}}}\n---\n\
         apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {{name: all}}\nspec: \
         {{{kind}: {{host: {host}, port: {port}, tls: Disabled}}{backend}}}"
    )
}

/// All of `example.org` is relayed.
fn front_end(relay: &Relay) -> FrontEnd {
    front_end_with(relay, "", "")
}

fn front_end_with(relay: &Relay, backend: &str, delivery: &str) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening(port).document(&to_kind("smtp", relay.address, backend, delivery));
    FrontEnd::start(port, &manifests, &[])
}

/// A session that has said MAIL.
fn sender(front_end: &FrontEnd) -> Client {
    let mut client = Client::greeted(front_end.smtp);
    client.expect(SENDER, 250);
    client
}

/// Sends the message behind RCPT; gives the reply as one line.
fn send(client: &mut Client, message: &[u8]) -> String {
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(message)).unwrap();
    let reply = client.reply();
    format!("{} {}", reply.code, reply.text())
}
