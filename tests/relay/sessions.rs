//! Sessions with the relay: kept, found to be closed, begun anew.

use super::{MESSAGE, SENDER, USUAL, front_end, front_end_with, send, sender};
use crate::support::relay::{Act, Relay};

#[test]
fn a_session_is_used_again_and_one_that_was_closed_is_replaced() {
    let relay = Relay::but(USUAL, &[]);
    let front_end = front_end(&relay);
    for _ in 0..3 {
        let mut client = sender(&front_end);
        client.expect("RCPT TO:<b@example.org>", 250);
        assert!(send(&mut client, MESSAGE).starts_with("250 "));
    }
    assert_eq!(relay.sessions(), 1);
    // A transaction is MAIL and RCPT, DATA, and nothing between two of them.
    let one = [SENDER, "RCPT TO:<b@example.org>", "DATA", "MESSAGE"];
    assert_eq!(relay.lines(0), [one; 3].concat());
}

#[test]
fn a_session_that_the_relay_ends_behind_a_message_is_replaced_before_anyone_hears_of_it() {
    for end in [Act::SayAndClose("250 2.0.0 Ok"), Act::Say("250 2.0.0 Ok\r\n421 4.4.2 Idle")] {
        let relay = Relay::but(USUAL, &[("MESSAGE", end)]);
        let front_end = front_end(&relay);
        for sessions in 1..4 {
            let mut client = sender(&front_end);
            client.expect("RCPT TO:<b@example.org>", 250);
            assert!(send(&mut client, MESSAGE).starts_with("250 2.0.0 Ok ("));
            assert_eq!(relay.sessions(), sessions);
        }
    }
}

#[test]
fn a_session_that_ends_when_it_is_used_again_is_replaced_once() {
    for end in [Act::Close, Act::SayAndClose("421 4.7.0 Too many messages")] {
        let act = end;
        let relay = Relay::deciding(USUAL, move |said, before| {
            (said.line.starts_with("MAIL") && said.session == 0 && before > 0).then_some(act)
        });
        let front_end = front_end(&relay);
        for _ in 0..2 {
            let mut client = sender(&front_end);
            client.expect("RCPT TO:<b@example.org>", 250);
            assert!(send(&mut client, MESSAGE).starts_with("250 "), "{end:?}");
        }
        assert_eq!((relay.sessions(), relay.messages().len()), (2, 2));
        front_end.wait_for_metric(&["mailchute_delivery_attempts_total", "\"delivered\""], 2.0);
        front_end.wait_for_metric(&["mailchute_delivery_attempts_total"], 2.0);
    }
}

#[test]
fn a_transaction_that_the_relay_has_closed_is_begun_anew_with_all_recipients() {
    let relay = Relay::deciding(USUAL, |said, _| {
        let last = said.line.starts_with("RCPT TO:<c@") && said.session == 0;
        last.then_some(Act::SayAndClose("250 2.1.5 ok\r\n421 4.4.2 Idle"))
    });
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("RCPT TO:<c@example.org>", 250);
    relay.wait_closed(1);
    assert!(send(&mut client, MESSAGE).starts_with("250 2.0.0 Ok: queued as TEST1 ("));
    assert_eq!(relay.messages()[0].recipients, ["RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>"]);
}

#[test]
fn who_is_not_taken_again_keeps_the_others_from_a_lie() {
    let relay = Relay::deciding(USUAL, |said, _| match (said.session, &*said.line) {
        (0, "DATA") => Some(Act::Close),
        (1.., "RCPT TO:<c@example.org>") => Some(Act::Say("550 5.1.1 gone")),
        _ => None,
    });
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("RCPT TO:<c@example.org>", 250);
    let reply = send(&mut client, MESSAGE);
    assert!(reply.starts_with("451 4.3.0 Recipients were answered differently"), "{reply}");
    assert!(relay.messages().is_empty());
}

#[test]
fn a_silent_sender_gives_its_session_to_others_and_goes_on_with_another() {
    let relay = Relay::good(USUAL);
    let front_end = front_end_with(&relay, "limits: {maxInFlight: 1}", "timeouts: {total: 1s}");
    let mut silent = sender(&front_end);
    silent.expect("RCPT TO:<b@example.org>", 250);
    // It has the only place, for as long as a delivery may take.
    front_end.wait_for_metric(&["mailchute_delivery_in_flight"], 1.0);
    relay.wait_said("RSET", 1);
    let mut other = sender(&front_end);
    other.expect("RCPT TO:<c@example.org>", 250);
    assert!(send(&mut other, MESSAGE).starts_with("250 "));
    silent.expect("RCPT TO:<d@example.org>", 250);
    assert!(send(&mut silent, MESSAGE).starts_with("250 "));
    let recipients = |message: usize| relay.messages()[message].recipients.clone();
    assert_eq!(recipients(0), ["RCPT TO:<c@example.org>"]);
    assert_eq!(recipients(1), ["RCPT TO:<b@example.org>", "RCPT TO:<d@example.org>"]);
    assert_eq!(relay.sessions(), 1);
}
