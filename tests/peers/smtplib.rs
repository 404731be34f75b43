//! Python's smtplib.

use std::process::Command;

use crate::support::client::stuffed;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};
use crate::{MESSAGE, run};

/// Runs a case of `with_smtplib.py`; gives what arrived.
fn arrived(case: &str, message: &str) -> Vec<Received> {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = ["one", "two", "jürgen"].iter().fold(Manifests::listening(port), |manifests, local| {
        let name = if local.is_ascii() { local } else { "utf8" };
        let recipient = format!("domain: example.org, localPart: {{type: Exact, value: {local}}}");
        manifests.route(name, &recipient, backend.address, "")
    });
    // `one` and `three` belong to one rule: a second match would be a second group.
    let wildcard = "domain: example.org, localPart: {type: Wildcard, value: \"group-*\"}";
    let manifests = manifests.route("group", wildcard, backend.address, "");
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/with_smtplib.py");
    run(Command::new("python3").arg(script).args([case, &front_end.smtp.port().to_string(), message]));
    backend.received()
}

fn is_one(received: &[Received], from: &str, to: &str, message: &str) {
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-mailfrom"), from);
    assert_eq!(received[0].header("ce-rcptto"), to);
    received[0].assert_carries(message.as_bytes());
}

#[test]
fn plain() {
    is_one(&arrived("plain", MESSAGE), "a@client.example", "one@example.org", MESSAGE);
    assert!(stuffed(MESSAGE.as_bytes()).len() > MESSAGE.len() + 3, "the message has dots to stuff");
}

#[test]
fn eight_bit() {
    let message = MESSAGE.replace("Text", "Grüße, 你好");
    let received = arrived("eight_bit", &message);
    is_one(&received, "a@client.example", "one@example.org", &message);
    assert_eq!(received[0].header("ce-bodytype"), "8BITMIME");
}

#[test]
fn smtputf8() {
    let message = MESSAGE.replace("Subject: dots", "Subject: Grüße");
    let received = arrived("smtputf8", &message);
    is_one(&received, "a%C3%A4@client.example", "j%C3%BCrgen@example.org", &message);
    assert_eq!(received[0].header("ce-smtputf8"), "true");
}

#[test]
fn several_recipients_of_one_route() {
    let received = arrived("several", MESSAGE);
    is_one(
        &received,
        "a@client.example",
        "group-1@example.org,group-2@example.org,group-3@example.org",
        MESSAGE,
    );
}

#[test]
fn one_recipient_of_two_refused() {
    is_one(&arrived("refused", MESSAGE), "a@client.example", "one@example.org", MESSAGE);
}

#[test]
fn a_recipient_of_another_route_is_told_to_come_again() {
    let received = arrived("other_group", MESSAGE);
    assert_eq!(received.len(), 2);
    for (received, to) in received.iter().zip(["one@example.org", "two@example.org"]) {
        is_one(std::slice::from_ref(received), "a@client.example", to, MESSAGE);
    }
}
