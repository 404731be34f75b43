//! `kill -9` of the server at random moments under load: nothing that was acknowledged is lost, and nothing is
//! there twice.
//!
//! `MAILCHUTE_CHAOS_SECONDS=120` is the long form, `MAILCHUTE_CHAOS_SEED` chooses the moments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::consumer::{Consumer, Taken, config, messages};
use crate::message;
use crate::sender::{Ledger, Sender};
use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::until::until_true;

/// For how long the server is killed again and again, unless `MAILCHUTE_CHAOS_SECONDS` says how long.
const SECONDS: u64 = 15;
/// Sessions at a time.
const SENDERS: usize = 12;
/// It is killed each time that so many messages, on average, were acknowledged.
const BETWEEN_KILLS: usize = 60;
/// More messages than there ever are.
const END: usize = 1_000_000;

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_keeps_nothing_twice() {
    let seconds = number("MAILCHUTE_CHAOS_SECONDS").unwrap_or(SECONDS);
    let seed = number("MAILCHUTE_CHAOS_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("chaos: {seconds} s, MAILCHUTE_CHAOS_SEED={seed}");
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = Stage::with(server.address, Said { delivery: ", timeouts: {total: 5s}", ..Said::default() });
    let (next, ledger) = (AtomicUsize::new(0), Ledger::default());
    let address = stage.front_end.smtp;
    let mut kills = 0;
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| Sender::new(address).deliver_all(&next, END, &ledger));
        }
        let mut random = StdRng::seed_from_u64(seed);
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let at = ledger.count() + random.random_range(1..2 * BETWEEN_KILLS);
            until_true("the load goes on", || ledger.count() >= at);
            // Not only right behind a reply, where polling would always find it.
            std::thread::sleep(Duration::from_micros(random.random_range(0..3000)));
            server.kill();
            if kills == 0 || random.random_range(0..4) == 0 {
                // Down for so long that a sender hears of it.
                let deferred = ledger.deferred.load(Ordering::Relaxed);
                until_true("a sender is deferred", || ledger.deferred.load(Ordering::Relaxed) > deferred);
            }
            server.restart();
            kills += 1;
        }
        // What has begun is finished.
        next.store(END, Ordering::Relaxed);
    });
    judge(kills, &ledger, &messages(server.address));
}

fn judge(kills: usize, ledger: &Ledger, messages: &[Taken]) {
    let acknowledged = ledger.acknowledged.lock().unwrap();
    let mut places: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for taken in messages {
        let id = taken.header("ce-messageid");
        let number = id.split('@').next().unwrap().parse().unwrap();
        taken.received.assert_carries(&message::text(number));
        places.entry(number).or_default().push(taken.sequence);
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    println!(
        "chaos: {} acknowledged, {} in the stream; {} deferred; the server was killed {kills} times",
        acknowledged.len(),
        messages.len(),
        count(&ledger.deferred),
    );
    let missing: Vec<&usize> = acknowledged.iter().filter(|number| !places.contains_key(number)).collect();
    let few = &missing[..missing.len().min(10)];
    assert!(missing.is_empty(), "{} acknowledged and lost, the first are {few:?}", missing.len());
    let twice: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(twice.is_empty(), "kept twice: {twice:?}");
    let there: BTreeSet<usize> = places.into_keys().collect();
    assert_eq!(there, *acknowledged, "every sender has gone on until its message was acknowledged");
    assert!(kills > 0 && count(&ledger.deferred) > 0, "nothing was disturbed");
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}
