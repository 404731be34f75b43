//! Many at a time: a conversation for each, up to the cap.

use std::time::{Duration, Instant};

use super::{CLEAR, MESSAGE, USUAL, front_end_with, send, sender};
use crate::support::client::stuffed;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Act, Relay};
use crate::support::until::until_true;

/// To the same relay, with less time.
const HURRIED: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {name: hurried}\n\
    spec:\n  parentRefs: [{name: public}]\n  rules:\n  - name: only\n    matches: [{recipient: {domain: example.org, \
    localPart: {type: Exact, value: hurried}}}]\n    delivery: {backendRefs: [{name: all}], timeouts: {total: 1s}, \
    retry: {attempts: 0}}";

#[test]
fn at_the_cap_a_recipient_waits_for_a_place() {
    let relay = Relay::good(USUAL);
    let front_end = front_end_with(&relay, "limits: {maxInFlight: 2}", "timeouts: {total: 2s}");
    let mut busy: Vec<_> = (0..2).map(|_| sender(&front_end)).collect();
    for client in &mut busy {
        client.expect("RCPT TO:<b@example.org>", 250);
    }
    let mut waiting = sender(&front_end);
    waiting.write(b"NOOP\r\nRCPT TO:<b@example.org>\r\n").unwrap();
    // What was said before does not wait with it.
    assert_eq!(waiting.reply().code, 250);
    assert!(send(&mut busy[0], MESSAGE).starts_with("250 "));
    assert_eq!(waiting.reply().code, 250);
    assert!(send(&mut waiting, MESSAGE).starts_with("250 "));
    assert!(send(&mut busy[1], MESSAGE).starts_with("250 "));
    assert_eq!((relay.sessions(), relay.messages().len()), (2, 3));
}

#[test]
fn who_waits_too_long_for_a_place_is_deferred() {
    let (relay, port) = (Relay::but_once(USUAL, "MESSAGE", Act::Hang), free_port());
    let target = ("smtp", relay.address, CLEAR);
    let manifests = Manifests::listening(port)
        .relayed_with(target, "limits: {maxInFlight: 1}", "retry: {attempts: 0}, timeouts: {total: 20s}")
        .document(HURRIED);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut busy = sender(&front_end);
    busy.expect("RCPT TO:<b@example.org>", 250);
    busy.expect("DATA", 354);
    busy.write(&stuffed(MESSAGE)).unwrap();
    relay.wait_said("MESSAGE", 1);
    let mut waiting = sender(&front_end);
    let began = Instant::now();
    let refusal = waiting.expect("RCPT TO:<hurried@example.org>", 451);
    assert!(refusal.text().starts_with("4.3.2 "), "{refusal:?}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    front_end.wait_for_metric(&["mailchute_delivery_attempts_total", "\"in_flight_cap\""], 1.0);
    relay.release();
    assert_eq!(busy.reply().code, 451);
}

#[test]
fn recipients_that_trickle_in_do_not_keep_a_place() {
    let relay = Relay::good(USUAL);
    let front_end = front_end_with(&relay, "limits: {maxInFlight: 1}", "timeouts: {total: 2s}");
    let mut slow = sender(&front_end);
    slow.expect("RCPT TO:<b@example.org>", 250);
    let mut waiting = sender(&front_end);
    waiting.expect("NOOP", 250);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            // The place becomes free within this time; the wait for it may end a moment before.
            let asked = || waiting.try_say("RCPT TO:<b@example.org>").unwrap().code == 250;
            until_true("a place becomes free", asked);
            assert!(send(&mut waiting, MESSAGE).starts_with("250 "));
        });
        for number in 0.. {
            if served.is_finished() {
                break;
            }
            slow.try_say(&format!("RCPT TO:<b{number}@example.org>")).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
        served.join().unwrap();
    });
}

#[test]
fn fifty_senders_share_the_sessions_of_the_most_at_a_time() {
    let relay = Relay::good(USUAL);
    let front_end = front_end_with(&relay, "limits: {maxInFlight: 8}", "");
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let mut client = sender(&front_end);
                client.expect("RCPT TO:<b@example.org>", 250);
                assert!(send(&mut client, MESSAGE).starts_with("250 "));
                client.expect("QUIT", 221);
            });
        }
    });
    assert_eq!(relay.messages().len(), 50);
    assert!(relay.sessions() <= 8, "{}", relay.sessions());
}
