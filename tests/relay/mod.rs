//! The kinds `smtp` and `lmtp`: the real program in front of a mail server that does as it is told. What
//! real servers do is in `tests/peers`.

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
/// Without TLS.
const CLEAR: &str = "tls: Disabled";
/// The bcrypt hash of `pencil`.
const PENCIL: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
/// Of `ann`, whose password is `pencil`.
const SIGN_IN: &str = "AUTH PLAIN AGFubgBwZW5jaWw=";
const SENDER: &str = "MAIL FROM:<a@client.example>";

/// All of `example.org` is relayed.
fn front_end(relay: &Relay) -> FrontEnd {
    front_end_with(relay, "", "")
}

/// The same, with more fields of the backend and of the rule's delivery.
fn front_end_with(relay: &Relay, backend: &str, delivery: &str) -> FrontEnd {
    let port = free_port();
    let separator = if delivery.is_empty() { "" } else { ", " };
    let delivery = format!("retry: {{attempts: 0}}{separator}{delivery}");
    let target = ("smtp", relay.address, CLEAR);
    FrontEnd::start(port, &Manifests::listening(port).relayed_with(target, backend, &delivery), &[])
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
