//! What a sender asks of notifications (RFC 3461), where the message is relayed, and what it hears of a store that
//! takes a message in part. Notifications go through a relay of their own.

use super::{CLEAR, MESSAGE, USUAL, send};
use crate::support::bounces::{KEY, bounces, keys};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Act, Relay};
use crate::support::until::until;

/// All of `example.org` goes to `target`, and notifications to `home`.
fn front_end(kind: &str, target: &Relay, backend: &str, home: &Relay) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening(port).relayed_with(
        (kind, target.address, CLEAR),
        backend,
        "retry: {attempts: 0}",
    );
    FrontEnd::start(port, &bounces(manifests, home.address.port(), "All", &keys(KEY, None)), &[])
}

#[test]
fn what_is_asked_is_passed_on_to_a_relay_that_tells_itself() {
    let capabilities: Vec<&str> = USUAL.iter().chain(&["DSN"]).copied().collect();
    for (capabilities, mail, rcpt) in [
        (
            &capabilities[..],
            " RET=FULL ENVID=QQ+20314159",
            " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old+2Bb@example.com",
        ),
        (USUAL, "", ""),
    ] {
        let (relay, home) = (Relay::good(capabilities), Relay::good(USUAL));
        let front_end = front_end("smtp", &relay, "", &home);
        let mut client = Client::greeted(front_end.smtp);
        client.expect("MAIL FROM:<a@client.example> RET=FULL ENVID=QQ+20314159", 250);
        client.expect("RCPT TO:<b@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;old+2Bb@example.com", 250);
        assert!(send(&mut client, MESSAGE).starts_with("250 "));
        let message = &relay.messages()[0];
        assert_eq!(message.mail, format!("MAIL FROM:<a@client.example>{mail}"));
        assert_eq!(message.recipients, [format!("RCPT TO:<b@example.org>{rcpt}")]);
        if mail.is_empty() {
            let told = until("the notification", || home.messages().pop());
            let text = told.text();
            assert_eq!(told.mail.split_whitespace().nth(1), Some("FROM:<>"));
            assert!(text.contains("\r\nAction: relayed\r\nStatus: 2.1.9\r\n"), "{text}");
            assert!(text.contains("\r\nOriginal-Recipient: rfc822; old+b@example.com\r\n"), "{text}");
            // RET is about failures alone (RFC 3461 section 4.3).
            assert!(text.contains("Content-Type: text/rfc822-headers") && !text.contains(".One"), "{text}");
        } else {
            assert!(home.messages().is_empty(), "the relay tells it");
        }
    }
}

#[test]
fn a_store_that_refuses_one_behind_the_message_is_told_of() {
    const MIXED: &str = "250 2.0.0 saved\r\n552 5.2.2 <b@example.org> Quota exceeded";
    let (store, home) = (Relay::but(USUAL, &[("MESSAGE", Act::Say(MIXED))]), Relay::good(USUAL));
    let front_end = front_end("lmtp", &store, "onPartial: Bounce", &home);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<a@example.org>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    let told = &home.messages()[0];
    assert_eq!(told.recipients, ["RCPT TO:<a@client.example>"]);
    let text = told.text();
    for lines in [
        "Final-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 <b@example.org> Quota exceeded",
        "    The mailbox is full. (5.2.2)",
    ] {
        assert!(text.contains(&format!("\r\n{lines}\r\n")), "{lines}: {text}");
    }
    assert!(!text.contains("rfc822; a@example.org"), "{text}");
    assert!(!text.contains("127.0.0.1"), "which server it is is not told: {text}");
}
