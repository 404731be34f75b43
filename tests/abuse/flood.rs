//! More octets of messages at once than there is memory for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::probe::Says;
use crate::scale;
use crate::stage::{BUDGET, Stage};
use crate::support::client::{Client, stuffed};
use crate::support::until::until_true;

/// A message waits five seconds for memory; then what is left of it is read and dropped.
const TOLD_WITHIN: Duration = Duration::from_secs(12);

#[test]
fn a_flood_over_the_budget_is_told_to_come_again() {
    let stage = Stage::new("connection: {perClient: {sessions: 20000}}");
    let (clients, rounds) = (scale(24, 200), scale(1, 5));
    let line = [&[b'x'; 62][..], b"\r\n"].concat();
    let message = stuffed(&[b"Subject: x\r\n\r\n".to_vec(), line.repeat(16 * 1000)].concat());
    let (taken, later) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Nothing is confirmed while the flood comes in, so that all of it has to be held.
    stage.backend.hold();
    stage.abuse_beside(Says::Envelope, "a flood over the budget", clients, || {
        thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let mut client = Client::greeted(stage.front_end.smtp);
                        client.begin("a@client.example", "flood@example.org");
                        let began = Instant::now();
                        client.write(&message).unwrap();
                        let reply = client.reply();
                        match (reply.code, reply.lines[0].get(..5)) {
                            (250, _) => taken.fetch_add(1, Ordering::Relaxed),
                            (452, Some("4.3.1")) => later.fetch_add(1, Ordering::Relaxed),
                            _ => panic!("{reply:?}"),
                        };
                        let took = began.elapsed();
                        assert!(reply.code == 250 || took < TOLD_WITHIN, "told after {took:?}");
                    }
                });
            }
            scope.spawn(|| {
                // Those for whom there was room wait for the backend; all others are told.
                let held = usize::try_from(BUDGET.0).unwrap() / message.len();
                let others = usize::try_from(clients).unwrap() - held;
                until_true("the others are told", || later.load(Ordering::Relaxed) >= others);
                assert!(stage.front_end.metric(&["mailchute_message_memory_bytes"]) <= BUDGET.0 as f64);
                stage.backend.release();
            });
        });
    });
    let (taken, later) = (taken.into_inner(), later.into_inner());
    println!("  {taken} taken, {later} told to come again");
    assert!(taken > 0 && later > 0);
    stage.front_end.wait_for_metric(&["mailchute_message_memory_bytes"], 0.0);
    let reply = Client::greeted(stage.front_end.smtp).send("a@client.example", &["b@example.org"], b"x\r\n");
    assert_eq!(reply.code, 250, "what is over is over: {reply:?}");
}
