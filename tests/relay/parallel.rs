//! Many at a time: a conversation for each, up to the cap.

use std::time::{Duration, Instant};

use super::{MESSAGE, USUAL, front_end_with, send, sender};
use crate::support::relay::Relay;

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
    let relay = Relay::good(USUAL);
    let front_end = front_end_with(&relay, "limits: {maxInFlight: 1}", "timeouts: {total: 3s}");
    let mut busy = sender(&front_end);
    busy.expect("RCPT TO:<b@example.org>", 250);
    let mut waiting = sender(&front_end);
    waiting.write(b"RCPT TO:<b@example.org>\r\n").unwrap();
    let began = Instant::now();
    // It is not silent for so long that it would lose its place.
    let reply = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waiting.reply());
        let mut number = 0;
        while !waiting.is_finished() {
            busy.expect(&format!("RCPT TO:<b{number}@example.org>"), 250);
            number += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        waiting.join().unwrap()
    });
    assert!(reply.text().starts_with("4.3.2 ") && reply.code == 451, "{reply:?}");
    assert!(began.elapsed() >= Duration::from_secs(3));
    assert!(send(&mut busy, MESSAGE).starts_with("250 "));
    front_end.wait_for_metric(&["mailchute_delivery_attempts_total", "\"in_flight_cap\""], 1.0);
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
