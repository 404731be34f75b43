//! The kind `lmtp`: a reply for each recipient, told where the client can hear it.

use super::{CLEAR, MESSAGE, SENDER};
use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Act, Relay};

const STORE: &[&str] = &["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"];
const MIXED: &str = "250 2.0.0 <a@example.org> saved\r\n552 5.2.2 <b@example.org> Quota exceeded";

fn front_end(relay: &Relay, listener: &str) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening_with(port, listener);
    FrontEnd::start(port, &manifests.relayed("lmtp", relay.address, CLEAR), &[])
}

/// Sends to both over LMTP; gives what each was told.
fn sent(front_end: &FrontEnd) -> Vec<String> {
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.reply();
    client.expect("LHLO client.example", 250);
    client.expect(SENDER, 250);
    for recipient in ["a", "b"] {
        client.expect(&format!("RCPT TO:<{recipient}@example.org>"), 250);
    }
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    let replies = [client.reply(), client.reply()];
    client.expect("NOOP", 250);
    replies.map(|reply| format!("{} {}", reply.code, reply.text())).to_vec()
}

#[test]
fn each_recipient_hears_its_own() {
    let store = Relay::but_once(STORE, "MESSAGE", Act::Say(MIXED));
    let front_end = front_end(&store, "profile: LMTP");
    let replies = sent(&front_end);
    assert!(replies[0].starts_with("250 2.0.0 <a@example.org> saved ("), "{replies:?}");
    assert_eq!(replies[1], "552 5.2.2 <b@example.org> Quota exceeded");
    front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 1.0);
    assert!(sent(&front_end).iter().all(|reply| reply.starts_with("250 2.0.0 Ok: queued as TEST")));
    assert_eq!(store.sessions(), 1);
    assert!(store.said().iter().any(|said| said.line == "LHLO mx.example.org"));
    assert_eq!(store.messages()[0].recipients.len(), 2);
}

#[test]
fn who_was_answered_before_the_connection_broke_is_told() {
    let store = Relay::but(STORE, &[("MESSAGE", Act::SayAndClose("250 2.0.0 saved"))]);
    let replies = sent(&front_end(&store, "profile: LMTP"));
    assert!(
        replies[0].starts_with("250 2.0.0 saved (") && replies[1].starts_with("451 4.4.2 "),
        "{replies:?}"
    );
}

#[test]
fn data_that_is_refused_is_refused_for_each() {
    let store = Relay::but(STORE, &[("DATA", Act::Say("451 4.3.1 Disk full"))]);
    let replies = sent(&front_end(&store, "profile: LMTP"));
    assert_eq!(replies, ["451 4.3.1 Disk full"; 2]);
}

#[test]
fn a_client_that_hears_one_reply_has_one_recipient_at_a_time() {
    let store = Relay::good(STORE);
    let front_end = front_end(&store, "");
    let mut client = Client::greeted(front_end.smtp);
    client.expect(SENDER, 250);
    client.expect("RCPT TO:<a@example.org>", 250);
    assert!(client.expect("RCPT TO:<b@example.org>", 452).text().starts_with("4.5.3 "));
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(store.messages()[0].recipients, ["RCPT TO:<a@example.org>"]);
}

#[test]
fn a_client_that_asks_for_prdr_hears_each() {
    let store = Relay::but(STORE, &[("MESSAGE", Act::Say(MIXED))]);
    let front_end = front_end(&store, "");
    let mut client = Client::greeted(front_end.smtp);
    client.expect(&format!("{SENDER} PRDR"), 250);
    client.expect("RCPT TO:<a@example.org>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    let codes = [(); 4].map(|()| client.reply().code);
    assert_eq!(codes, [353, 250, 552, 250]);
}

#[test]
fn a_store_with_chunking_is_sent_data_all_the_same() {
    let store = Relay::good(&["CHUNKING", "8BITMIME"]);
    let front_end = front_end(&store, "profile: LMTP");
    assert!(sent(&front_end).iter().all(|reply| reply.starts_with("250 ")));
    store.wait_said("DATA", 1);
}
