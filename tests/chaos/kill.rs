//! `kill -9` of the front-end and of the backend, at random moments under load.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::Backend;
use crate::support::front_end::FrontEnd;
use crate::support::ledger::Ledger;
use crate::support::message::Taken;
use crate::support::number::number;
use crate::support::sender::Sender;
use crate::support::until::until_true;

/// Messages, unless `MAILCHUTE_CHAOS_MESSAGES` says how many.
const MESSAGES: usize = 1000;
/// Sessions at a time.
const SENDERS: usize = 12;
/// A process is killed each time that so many messages, on average, were acknowledged.
const BETWEEN_KILLS: usize = 40;

pub(crate) fn loses_nothing() {
    let messages = number("MAILCHUTE_CHAOS_MESSAGES").unwrap_or(MESSAGES);
    let seed = number("MAILCHUTE_CHAOS_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("chaos: {messages} messages, MAILCHUTE_CHAOS_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut backend = Backend::start(folder.path());
    let mut front_end = FrontEnd::to(backend.address);
    let (next, ledger) = (AtomicUsize::new(0), Ledger::default());
    let address = front_end.smtp;
    let mut kills = (0, 0);
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| Sender::new(address).deliver(&next, &ledger, |number| number < messages));
        }
        let mut random = StdRng::seed_from_u64(seed as u64);
        let mut at = 0;
        loop {
            at += random.random_range(1..2 * BETWEEN_KILLS);
            if at >= messages {
                break;
            }
            until_true("the load goes on", || ledger.count() >= at);
            // Not only right behind a reply, where polling would always find it.
            std::thread::sleep(Duration::from_micros(random.random_range(0..3000)));
            if random.random() {
                front_end.kill();
                front_end.restart();
                kills.0 += 1;
            } else {
                backend.kill();
                if kills.1 == 0 || random.random() {
                    // Down for so long that a sender hears of it; the first time always.
                    let before = deferred(&ledger);
                    until_true("a sender is deferred", || {
                        deferred(&ledger) > before || ledger.count() == messages
                    });
                }
                backend.restart();
                kills.1 += 1;
            }
        }
    });
    judge(messages, kills, &ledger, &backend.taken());
}

fn judge(messages: usize, (front_end, backend): (usize, usize), ledger: &Ledger, taken: &[Taken]) {
    let counts = ledger.counts();
    println!("chaos: {counts}");
    println!("chaos: {} arrived, {} of them again", taken.len(), ledger.assert_kept(taken));
    println!("chaos: killed: front-end {front_end} times, backend {backend} times");
    assert_eq!(counts.acknowledged, messages);
    let lost = counts.unreached + counts.lost + counts.unanswered;
    let disturbed = deferred(ledger) > 0 && lost > 0;
    assert!(front_end > 0 && backend > 0 && disturbed, "nothing was disturbed");
}

/// Attempts that were answered `4xx`.
pub(crate) fn deferred(ledger: &Ledger) -> usize {
    let counts = ledger.counts();
    counts.closed + counts.deferred + counts.returned
}
