//! `onPartial: Bounce`: what is told of a message that was taken for some and not for others.

use serde_json::{Value, json};

use super::bounces::{ALICE, CAPABILITIES, MESSAGE, send};
use crate::support::bounces::{KEY, Notifying, bounces, keys};
use crate::support::client::Client;
use crate::support::manifests::Manifests;
use crate::support::misbehaving::{Act as HttpAct, Misbehaving, answer};
use crate::support::relay::{Act, Relay};
use crate::support::until::until_true;

/// A backend that takes a message for some and not for others, and a gateway that tells of it.
struct Partial {
    notifying: Notifying,
    _backend: Misbehaving,
    _runtime: tokio::runtime::Runtime,
}

impl Partial {
    fn start(verdicts: &Value, relay: u16, senders: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let verdict = json!({"version": 1, "recipients": verdicts}).to_string();
        let kind = "content-type: application/vnd.mailchute.verdict+json";
        let backend =
            runtime.block_on(Misbehaving::start([HttpAct::Answer(answer("200 OK", &[kind], &verdict))]));
        let target = backend.address;
        let notifying = Notifying::start_with(|port| {
            let fields = "perRecipientVerdicts: true\nonPartial: Bounce";
            let manifests = Manifests::listening(port).route("all", "domain: example.org", target, fields);
            bounces(manifests, relay, senders, &keys(KEY, None))
        });
        Self { notifying, _backend: backend, _runtime: runtime }
    }
}

fn refused(address: &str, code: u16, enhanced: &str) -> Value {
    json!({"address": address, "action": "reject", "code": code, "enhancedCode": enhanced, "text": "No such user"})
}

const THREE: [&str; 3] = ["RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>"];

#[test]
fn of_a_message_that_is_taken_in_part_the_sender_is_told_before_250() {
    let relay = Relay::good(CAPABILITIES);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    let mail = format!("MAIL FROM:<{ALICE}> RET=FULL");
    assert_eq!(send(&mut client, &mail, &THREE, MESSAGE), 250);
    let messages = relay.messages();
    let text = messages[0].text();
    assert!(
        text.contains("\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n")
    );
    assert!(
        text.contains("Content-Type: message/rfc822") && text.contains("One."),
        "all of it was asked for: {text}"
    );
    assert!(!text.contains("a@example.org") && !text.contains("c@example.org"), "{text}");
    let never = [THREE[0], "RCPT TO:<b@example.org> NOTIFY=NEVER"];
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &never, MESSAGE), 250);
    assert_eq!(relay.messages().len(), 1, "who asked to hear nothing hears nothing");
    partial.notifying.front_end.wait_for_metric(&["mailchute_bounces_total", "suppressed"], 1.0);
    partial.notifying.front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 2.0);
}

#[test]
fn without_a_notification_a_message_taken_in_part_comes_again() {
    let defers = Relay::but(CAPABILITIES, &[("MAIL", Act::Say("451 4.3.0 Later"))]);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), defers.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &THREE, MESSAGE), 451);
    let relay = Relay::good(CAPABILITIES);
    let later = json!([refused("b@example.org", 550, "5.1.1"), refused("c@example.org", 451, "4.3.0")]);
    let partial = Partial::start(&later, relay.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &THREE, MESSAGE), 451);
    assert!(relay.messages().is_empty(), "what is tried again is not told");
}

/// It would be refused in part each time that it came again.
#[test]
fn of_an_automatic_answer_that_is_taken_in_part_the_sender_is_told_too() {
    let relay = Relay::good(CAPABILITIES);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    let answer = [b"Auto-Submitted: auto-replied\r\n", MESSAGE].concat();
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &THREE, &answer), 250);
    assert!(relay.messages()[0].text().contains("\r\nFinal-Recipient: rfc822; b@example.org\r\n"));
}

#[test]
fn a_notification_that_is_refused_with_the_message_goes_without_it() {
    let filters = Relay::but_once(CAPABILITIES, "MESSAGE", Act::Say("554 5.7.1 Not such a message"));
    let small = Relay::good(&["PIPELINING", "8BITMIME", "SIZE 6000"]);
    let long = [MESSAGE, &b"and so on\r\n".repeat(1000)].concat();
    for (relay, message) in [(filters, MESSAGE), (small, &long[..])] {
        let partial =
            Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "All");
        let mut client = Client::greeted(partial.notifying.front_end.smtp);
        let mail = format!("MAIL FROM:<{ALICE}> RET=FULL");
        assert_eq!(send(&mut client, &mail, &THREE, message), 250);
        let text = relay.messages().pop().unwrap().text();
        assert!(text.contains("Content-Type: text/rfc822-headers") && !text.contains("One."), "{text}");
        partial.notifying.front_end.wait_for_metric(&["mailchute_bounces_total", "sent"], 1.0);
    }
    let refuses = Relay::but(CAPABILITIES, &[("MESSAGE", Act::Say("554 5.7.1 No such message"))]);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), refuses.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}> RET=FULL"), &THREE, MESSAGE), 451);
    partial.notifying.front_end.wait_for_metric(&["mailchute_bounces_total", "refused"], 1.0);
    until_true("it is told", || partial.notifying.front_end.log().contains("sender not notified"));
}

#[test]
fn who_can_not_be_told_gets_a_transaction_for_each_recipient() {
    let relay = Relay::good(CAPABILITIES);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "Vouched");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    client.expect(&format!("MAIL FROM:<{ALICE}>"), 250);
    client.expect(THREE[0], 250);
    client.expect(THREE[1], 452);
    client.expect("RSET", 250);
    let all = Partial::start(&json!([]), relay.address.port(), "All");
    let mut client = Client::greeted(all.notifying.front_end.smtp);
    client.expect("MAIL FROM:<>", 250);
    client.expect(THREE[0], 250);
    client.expect(THREE[1], 452);
}
