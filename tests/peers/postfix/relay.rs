//! As a relay in front: recipients of several routes, over SMTP in the clear.

use super::Postfix;
use crate::MESSAGE;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::{Received, Recorder};
use crate::support::until::until;

/// One route and one backend for each of these local parts.
fn routes(port: u16, backends: &[(&str, &Recorder)]) -> Manifests {
    backends.iter().fold(Manifests::listening(port), |manifests, (local, backend)| {
        let recipient = format!("domain: example.org, localPart: {{type: Exact, value: {local}}}");
        manifests.route(local, &recipient, backend.address, "")
    })
}

#[test]
fn recipients_of_different_routes_each_get_it_exactly_once() {
    let [sales, support, billing] = [(); 3].map(|()| Recorder::start());
    let backends = [("sales", &sales), ("support", &support), ("billing", &billing)];
    let port = free_port();
    let front_end = FrontEnd::start(port, &routes(port, &backends), &[]);
    let postfix = Postfix::start(&format!(
        "relayhost = [127.0.0.1]:{}\nsmtp_tls_security_level = none\n",
        front_end.smtp.port()
    ));
    let recipients = backends.map(|(local, _)| format!("{local}@example.org"));
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut client = Client::greeted(postfix.address);
    assert_eq!(client.send("a@client.example", &recipients, MESSAGE.as_bytes()).code, 250);
    let received = backends.map(|(_, backend)| backend.wait_for(1));
    until("its queue is empty", || postfix.queue().contains("queue is empty").then_some(()));
    // It asked for all three in one transaction, so that two were told to come again.
    let deferred = ["mailchute_recipients_total", r#"reason="other_group""#];
    assert!(front_end.metric(&deferred) >= 2.0, "{}", postfix.log());
    for ((local, backend), received) in backends.iter().zip(&received) {
        assert_eq!(backend.received().len(), 1, "{local}\n{}", postfix.log());
        is_relayed(&received[0], &format!("{local}@example.org"));
    }
}

/// What Postfix sends is its own Received and then what it was given.
fn is_relayed(received: &Received, to: &str) {
    assert_eq!(received.header("ce-rcptto"), to);
    assert_eq!(received.header("ce-mailfrom"), "a@client.example");
    assert_eq!(received.header("ce-helo"), "relay.client.example");
    assert!(received.body.ends_with(MESSAGE.as_bytes()), "{}", String::from_utf8_lossy(&received.body));
    let prefix = String::from_utf8_lossy(&received.body[..received.body.len() - MESSAGE.len()]).into_owned();
    let names = prefix.lines().filter(|line| !line.starts_with([' ', '\t']));
    let names: Vec<&str> = names.map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, ["Return-Path", "Received", "Received"], "{prefix}");
}
