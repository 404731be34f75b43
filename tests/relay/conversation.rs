//! The relay's word on each recipient is the reply to it; what the client drops is dropped there.

use super::{CLEAR, MESSAGE, SENDER, USUAL, front_end, front_end_with, send, sender};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Act, Relay};

#[test]
fn each_recipient_is_passed_on_when_it_comes() {
    let relay = Relay::but(
        USUAL,
        &[
            ("RCPT TO:<b@", Act::Say("550-5.1.1 <b@example.org>: no such user\r\n550 5.1.1 ask c instead")),
            ("RCPT TO:<d@", Act::Say("451 4.7.1 Greylisted")),
        ],
    );
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    assert!(relay.said().is_empty(), "nothing is said before the first recipient");
    client.expect("RCPT TO:<a@example.org>", 250);
    assert_eq!(relay.lines(0), [SENDER, "RCPT TO:<a@example.org>"]);
    let refusal = client.expect("RCPT TO:<b@example.org>", 550);
    assert_eq!(refusal.lines, ["5.1.1 <b@example.org>: no such user", "5.1.1 ask c instead"]);
    client.expect("RCPT TO:<c@example.org>", 250);
    assert_eq!(client.expect("RCPT TO:<d@example.org>", 451).lines, ["4.7.1 Greylisted"]);
    let reply = send(&mut client, MESSAGE);
    assert!(reply.starts_with("250 2.0.0 Ok: queued as TEST1 ("), "{reply}");
    let messages = relay.messages();
    assert_eq!(messages[0].recipients, ["RCPT TO:<a@example.org>", "RCPT TO:<c@example.org>"]);
    let hello = relay.said().into_iter().find(|said| said.line.starts_with("EHLO")).unwrap();
    assert_eq!(hello.line, "EHLO mx.example.org");
    for (reason, count) in [("ok", 2.0), ("relay", 2.0)] {
        let words = ["mailchute_recipients_total", &format!("reason=\"{reason}\"")];
        front_end.wait_for_metric(&words, count);
    }
    let attempt = ["mailchute_delivery_attempts_total", "\"default/all\"", "\"smtp\"", "\"delivered\""];
    front_end.wait_for_metric(&attempt, 1.0);
    front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 0.0);
}

#[test]
fn a_refusal_of_the_sender_answers_the_recipient() {
    let relay = Relay::deciding(USUAL, |said, before| {
        let act = Act::Say("553 5.1.8 <a@client.example>: sender rejected");
        (said.line.starts_with("MAIL") && before == 0).then_some(act)
    });
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    let refusal = client.expect("RCPT TO:<b@example.org>", 553);
    assert_eq!(refusal.lines, ["5.1.8 <a@client.example>: sender rejected"]);
    // The next one asks again, in the same session.
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 2.0.0 Ok: queued as TEST1 ("));
    assert_eq!(relay.sessions(), 1);
}

#[test]
fn what_is_about_us_bounces_nothing() {
    for (said, reply) in [
        ("CONNECT", "554 5.7.1 Go away"),
        ("EHLO", "550 5.7.1 Bad name"),
        ("MAIL", "530 5.7.0 Authentication required"),
        ("MAIL", "550 5.7.1 Your address is not welcome"),
        ("RCPT", "530 5.7.0 Must issue STARTTLS"),
        ("RCPT", "503 5.5.1 Sequence"),
    ] {
        let relay = Relay::but(USUAL, &[(said, Act::Say(reply))]);
        let front_end = front_end(&relay);
        let refusal = sender(&front_end).expect("RCPT TO:<b@example.org>", 451);
        assert_eq!(refusal.lines, ["4.3.5 Configuration problem here, try again later"], "{reply} to {said}");
        front_end.wait_for_metric(&["mailchute_recipients_total", "\"relay_failed\""], 1.0);
    }
}

#[test]
fn a_recipient_that_parted_leaves_the_next_one_all() {
    let refused = Act::Say("550 5.1.1 no");
    let relay = Relay::but(USUAL, &[("RCPT TO:<x", refused)]);
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    for n in 0..5 {
        client.expect(&format!("RCPT TO:<x{n}@example.org>"), 550);
    }
    client.expect("DATA", 503);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    let mails = relay.lines(0).into_iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!((mails, relay.sessions()), (1, 1));
}

#[test]
fn what_the_client_drops_is_dropped_there_and_the_session_is_used_again() {
    let relay = Relay::good(USUAL);
    let front_end = front_end(&relay);
    let drops: [&dyn Fn(Client) -> Option<Client>; 4] = [
        &|mut client| {
            client.expect("RSET", 250);
            Some(client)
        },
        &|mut client| {
            client.expect("EHLO client.example", 250);
            Some(client)
        },
        &|mut client| {
            client.expect("QUIT", 221);
            None
        },
        &|client| {
            drop(client);
            None
        },
    ];
    for (times, drop_it) in drops.iter().enumerate() {
        let mut client = sender(&front_end);
        client.expect("RCPT TO:<b@example.org>", 250);
        let held = drop_it(client);
        relay.wait_said("RSET", times + 1);
        front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 0.0);
        drop(held);
    }
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    assert_eq!(relay.sessions(), 1);
    assert_eq!(relay.messages()[0].recipients, ["RCPT TO:<b@example.org>"]);
}

#[test]
fn a_message_that_is_refused_here_is_none_there() {
    let relay = Relay::good(USUAL);
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, b"A: b\n\r\n").starts_with("550 5.6.11"));
    relay.wait_said("RSET", 1);
    assert!(relay.messages().is_empty());
}

#[test]
fn disconnect_behind_the_final_dot_does_not_cancel_the_delivery() {
    let relay = Relay::but_once(USUAL, "DATA", Act::Hang);
    let front_end = front_end_with(&relay, "", "timeouts: {total: 2s}");
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(MESSAGE)).unwrap();
    relay.wait_said("DATA", 1);
    drop(client);
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"deferred\""], 1.0);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(MESSAGE)).unwrap();
    drop(client);
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"delivered\""], 1.0);
    assert_eq!(relay.messages().len(), 1);
}

#[test]
fn a_sender_is_counted_once_for_a_transaction() {
    let relay = Relay::but(USUAL, &[("RCPT TO:<x", Act::Say("550 5.1.1 no"))]);
    let policy = "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {name: few}\nspec:\n  \
                  targetRefs: [{kind: MailRoute, name: all}]\n  limits: {perSender: {messagesPerMinute: 1}}";
    let port = free_port();
    let manifests = Manifests::listening(port).relayed("smtp", relay.address, CLEAR);
    let front_end = FrontEnd::start(port, &manifests.document(policy), &[]);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<x@example.org>", 550);
    client.expect("RCPT TO:<x2@example.org>", 550);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    client.expect(SENDER, 250);
    assert!(client.expect("RCPT TO:<b@example.org>", 451).text().starts_with("4.7.1 "));
}
