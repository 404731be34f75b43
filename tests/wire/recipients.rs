//! Recipients of different routes: one transaction, one delivery group.

use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\r\nOne.\r\n";

fn exact(local_part: &str) -> String {
    format!("domain: example.org, localPart: {{type: Exact, value: {local_part}}}")
}

#[test]
fn a_recipient_of_another_group_needs_its_own_transaction() {
    let [sales, support] = [(); 2].map(|()| Recorder::start());
    let port = free_port();
    let manifests = Manifests::listening(port).route("sales", &exact("sales"), sales.address, "").route(
        "support",
        &exact("support"),
        support.address,
        "",
    );
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<sales@example.org>", 250);
    let reply = client.expect("RCPT TO:<support@example.org>", 452);
    assert_eq!(reply.lines[0], "4.5.3 Recipient needs its own transaction");
    client.expect("RCPT TO:<nobody@example.org>", 550);
    client.expect("RCPT TO:<sales@example.net>", 550);
    client.expect("DATA", 354);
    client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(client.send("a@client.example", &["support@example.org"], MESSAGE).code, 250);
    for (backend, recipient) in [(&sales, "sales@example.org"), (&support, "support@example.org")] {
        let received = backend.wait_for(1);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].header("ce-rcptto"), recipient);
        assert_eq!(received[0].header("ce-mailfrom"), "a@client.example");
        received[0].assert_carries(MESSAGE);
    }
}

#[test]
fn from_the_twentieth_refused_recipient_on_answers_are_held_back() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    let began = Instant::now();
    client.write("RCPT TO:<b@elsewhere.example>\r\n".repeat(20).as_bytes()).unwrap();
    for _ in 0..19 {
        assert_eq!(client.reply().code, 550);
    }
    let before = began.elapsed();
    assert_eq!(client.reply().code, 550);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(before < Duration::from_secs(1), "replies that waited were flushed first: {before:?}");
}
