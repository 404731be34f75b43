//! A relay that breaks, hangs or says what it should not: `451`, and nothing of the message goes on.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{CLEAR, MESSAGE, USUAL, front_end_with, send, sender};
use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::relay::{Act, Relay};

/// Where an act of the relay shows: at RCPT, or behind the message.
#[derive(Debug, Clone, Copy)]
enum Shows {
    Recipient,
    Message,
}

/// What the client hears of a relay that so acts, in a session that goes on.
fn heard(front_end: &FrontEnd, shows: Shows) -> String {
    let mut client = sender(front_end);
    let reply = match shows {
        Shows::Recipient => {
            let reply = client.try_say("RCPT TO:<b@example.org>").unwrap();
            format!("{} {}", reply.code, reply.text())
        }
        Shows::Message => {
            client.expect("RCPT TO:<b@example.org>", 250);
            send(&mut client, MESSAGE)
        }
    };
    client.expect("NOOP", 250);
    reply
}

#[test]
fn each_fault_has_its_reply() {
    use Shows::{Message, Recipient};
    let chunking = &["PIPELINING", "CHUNKING", "8BITMIME"];
    for (capabilities, said, act, shows, begins) in [
        (USUAL, "CONNECT", Act::Close, Recipient, "451 4.4.2 "),
        (USUAL, "CONNECT", Act::Say("421 4.3.2 Busy"), Recipient, "451 4.3.2 "),
        (USUAL, "CONNECT", Act::Say("HTTP/1.1 400 Bad Request"), Recipient, "451 4.3.0 "),
        (USUAL, "EHLO", Act::Close, Recipient, "451 4.4.2 "),
        (USUAL, "EHLO", Act::Say("451 4.3.0 Later"), Recipient, "451 4.3.2 "),
        (USUAL, "MAIL", Act::Close, Recipient, "451 4.4.2 "),
        (USUAL, "MAIL", Act::Say("354 what"), Recipient, "451 4.3.0 "),
        (USUAL, "MAIL", Act::SayAndClose("421 4.3.2 Bye"), Recipient, "451 4.3.2 Bye"),
        (USUAL, "RCPT", Act::Close, Recipient, "451 4.4.2 "),
        (USUAL, "RCPT", Act::Say("354 what"), Recipient, "451 4.3.0 "),
        (USUAL, "RCPT", Act::Say("550-5.1.1 a\r\n551 b"), Recipient, "451 4.3.0 "),
        (USUAL, "DATA", Act::Say("250 what"), Message, "451 4.3.0 "),
        (USUAL, "DATA", Act::Say("451 4.3.1 Disk full"), Message, "451 4.3.1 Disk full"),
        (USUAL, "DATA", Act::Say("554 5.7.1 Not from you"), Message, "554 5.7.1 Not from you"),
        (USUAL, "DATA", Act::Say("503 5.5.1 Sequence"), Message, "451 4.3.5 "),
        (USUAL, "DATA", Act::CutShort("452 4.3.1 Enough"), Message, "452 4.3.1 Enough"),
        (USUAL, "MESSAGE", Act::Close, Message, "451 4.4.2 "),
        (USUAL, "MESSAGE", Act::Say("354 what"), Message, "451 4.3.0 "),
        (USUAL, "MESSAGE", Act::Say("no"), Message, "451 4.3.0 "),
        (USUAL, "MESSAGE", Act::Say("452 4.2.2 Full"), Message, "452 4.2.2 Full"),
        (
            USUAL,
            "MESSAGE",
            Act::Say("554-5.6.0 Spam\r\n554 5.6.0 Really"),
            Message,
            "554 5.6.0 Spam\n5.6.0 Really",
        ),
        (USUAL, "MESSAGE", Act::SayAndClose("421 4.3.2 Bye"), Message, "451 4.3.2 Bye"),
        (chunking, "BDAT", Act::CutShort("552 5.3.4 Too large"), Message, "552 5.3.4 Too large"),
        (chunking, "MESSAGE", Act::Close, Message, "451 4.4.2 "),
        (chunking, "MESSAGE", Act::Say("550 5.7.1 No"), Message, "550 5.7.1 No"),
    ] {
        let relay = Relay::but(capabilities, &[(said, act)]);
        let front_end = front_end_with(&relay, "", "timeouts: {total: 3s}");
        let reply = heard(&front_end, shows);
        assert!(reply.starts_with(begins), "{act:?} to {said}: {reply}");
        assert!(relay.messages().is_empty(), "{said}");
        front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 0.0);
    }
}

#[test]
fn a_relay_that_hangs_costs_the_time_limit_and_is_left() {
    for (said, shows) in [
        ("CONNECT", Shows::Recipient),
        ("EHLO", Shows::Recipient),
        ("MAIL", Shows::Recipient),
        ("RCPT", Shows::Recipient),
        ("DATA", Shows::Message),
        ("MESSAGE", Shows::Message),
    ] {
        let relay = Relay::but(USUAL, &[(said, Act::Hang)]);
        let front_end = front_end_with(&relay, "", "timeouts: {total: 1s}");
        let began = Instant::now();
        let reply = heard(&front_end, shows);
        let took = began.elapsed();
        assert!(reply.starts_with("451 4.4.2 "), "{said}: {reply}");
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{said}: {took:?}");
        // Nothing of ours waits for it any more.
        front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 0.0);
        relay.release();
        relay.wait_closed(1);
    }
}

#[test]
fn a_relay_that_takes_the_message_for_commands_has_not_taken_it() {
    let relay = Relay::but(USUAL, &[("DATA", Act::Say("354 go"))]);
    let front_end = front_end_with(&relay, "", "timeouts: {total: 1s}");
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    let reply = send(&mut client, MESSAGE);
    assert!(reply.starts_with("451 "), "{reply}");
    assert!(relay.messages().is_empty());
}

#[test]
fn nobody_there_is_told_at_the_recipient() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = crate::support::manifests::free_port();
    let manifests = crate::support::manifests::Manifests::listening(port);
    let front_end = FrontEnd::start(port, &manifests.relayed("smtp", gone, CLEAR), &[]);
    let refusal = sender(&front_end).expect("RCPT TO:<b@example.org>", 451);
    assert!(refusal.text().starts_with("4.4.1 "), "{refusal:?}");
    front_end.wait_for_metric(&["mailchute_delivery_attempts_total", "\"unreachable\""], 1.0);
}

#[test]
fn a_relay_that_is_down_is_left_alone_before_any_body_is_sent() {
    let relay = Relay::but(USUAL, &[("CONNECT", Act::Close)]);
    let front_end = front_end_with(&relay, "circuit: {consecutiveFailures: 2, openFor: 1s}", "");
    for _ in 0..2 {
        sender(&front_end).expect("RCPT TO:<b@example.org>", 451);
    }
    let sessions = relay.sessions();
    let refusal = sender(&front_end).expect("RCPT TO:<b@example.org>", 451);
    assert!(refusal.text().starts_with("4.3.2 "), "{refusal:?}");
    assert_eq!(relay.sessions(), sessions);
    front_end.wait_for_metric(&["mailchute_circuit_state"], 2.0);
}

#[test]
fn a_word_on_recipients_never_opens_the_circuit() {
    let relay = Relay::but(USUAL, &[("RCPT TO:<x", Act::Say("550 5.1.1 no"))]);
    let front_end = front_end_with(&relay, "circuit: {consecutiveFailures: 1, openFor: 30s}", "");
    let mut client = sender(&front_end);
    for _ in 0..3 {
        client.expect("RCPT TO:<x@example.org>", 550);
    }
    client.expect("RCPT TO:<b@example.org>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
}

#[test]
fn a_client_is_answered_though_the_relay_ends_its_session() {
    let relay = Relay::but_once(USUAL, "RCPT TO:<c@", Act::SayAndClose("421 4.3.2 Bye"));
    let front_end = front_end_with(&relay, "", "");
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    // It is begun anew, with both.
    client.expect("RCPT TO:<c@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(relay.messages()[0].recipients.len(), 2);
    assert_eq!(relay.sessions(), 2);
    drop(Client::greeted(front_end.smtp));
}
