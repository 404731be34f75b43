//! `kill -9` of the front-end and of the backend, at random moments under load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::Backend;
use crate::message::Taken;
use crate::sender::{Ledger, Sender};
use crate::support::front_end::FrontEnd;
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
            scope.spawn(|| Sender::new(address).deliver_all(&next, messages, &ledger));
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
                    let deferred = ledger.deferred.load(Ordering::Relaxed);
                    until_true("a sender is deferred", || {
                        ledger.deferred.load(Ordering::Relaxed) > deferred || ledger.count() == messages
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
    let acknowledged = ledger.acknowledged.lock().unwrap();
    let arrived: BTreeSet<usize> = taken.iter().map(|taken| taken.number).collect();
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "chaos: {} acknowledged; {} arrived, {} of them again; {} deferred, {} connections lost, \
         {} of them behind the final dot; killed: front-end {front_end} times, backend {backend} times",
        acknowledged.len(),
        taken.len(),
        taken.len() - arrived.len(),
        count(&ledger.deferred),
        count(&ledger.lost),
        count(&ledger.unanswered),
    );
    let missing: Vec<&usize> = acknowledged.difference(&arrived).collect();
    let few = &missing[..missing.len().min(10)];
    assert!(missing.is_empty(), "{} acknowledged and lost, the first are {few:?}", missing.len());
    assert_eq!(acknowledged.len(), messages);
    let mut keys: BTreeMap<usize, &str> = BTreeMap::new();
    for Taken { number, key } in taken {
        assert_eq!(keys.entry(*number).or_insert(key), key, "message {number} has two keys");
    }
    let different: BTreeSet<&&str> = keys.values().collect();
    assert_eq!(different.len(), keys.len(), "two messages have one key");
    let disturbed = [&ledger.deferred, &ledger.lost].iter().all(|counter| count(counter) > 0);
    assert!(front_end > 0 && backend > 0 && disturbed, "nothing was disturbed");
}

pub(crate) fn number(variable: &str) -> Option<usize> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}
