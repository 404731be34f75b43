//! The server is killed (`kill -9`) at random moments under load, or paused for a while: nothing that was
//! acknowledged is lost, and nothing is there twice.
//!
//! `MAILCHUTE_CHAOS_SECONDS=120` and `MAILCHUTE_PAUSE_SECONDS=30` are the long forms, `MAILCHUTE_CHAOS_SEED` chooses
//! the moments.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::consumer::{Consumer, Taken, config, messages};
use crate::support::ledger::Ledger;
use crate::support::message;
use crate::support::number::number;
use crate::support::sender::{End, Sender};
use crate::support::until::{PATIENCE, until_true};

/// For how long the server is killed again and again, unless `MAILCHUTE_CHAOS_SECONDS` says how long.
const SECONDS: u64 = 15;
/// For how long it is paused, unless `MAILCHUTE_PAUSE_SECONDS` says how long.
const PAUSE_SECONDS: u64 = 2;
/// Sessions at a time.
const SENDERS: usize = 12;
/// It is killed each time that so many messages, on average, were acknowledged.
const BETWEEN_KILLS: usize = 60;

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_keeps_nothing_twice() {
    let seconds = number("MAILCHUTE_CHAOS_SECONDS").unwrap_or(SECONDS);
    let seed = number("MAILCHUTE_CHAOS_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    println!("chaos: {seconds} s, MAILCHUTE_CHAOS_SEED={seed}");
    let mut server = Server::start();
    Consumer::connect(server.address).create(&config());
    let said = Said { delivery: ", timeouts: {total: 5s}", ..Said::default() };
    let stage = Stage::with(server.address, said);
    let (next, ledger, ended) = (AtomicUsize::new(0), Ledger::default(), AtomicBool::new(false));
    let address = stage.front_end.smtp;
    let mut kills = 0;
    std::thread::scope(|scope| {
        // What has begun by then is finished.
        let end = End(&ended);
        for _ in 0..SENDERS {
            scope.spawn(|| Sender::new(address).deliver(&next, &ledger, |_| !ended.load(Ordering::Relaxed)));
        }
        let mut random = StdRng::seed_from_u64(seed);
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            let at = ledger.count() + random.random_range(1..2 * BETWEEN_KILLS);
            until_true("the load goes on", || ledger.count() >= at);
            // Not only right behind a reply, where polling would always find it.
            std::thread::sleep(Duration::from_micros(random.random_range(0..3000)));
            server.kill();
            if kills == 0 || random.random_range(0..4) == 0 {
                // Down for so long that a sender hears of it.
                let before = deferred(&ledger);
                until_true("a sender is deferred", || deferred(&ledger) > before);
            }
            server.restart();
            kills += 1;
        }
        drop(end);
    });
    println!("chaos: the server was killed {kills} times");
    assert!(kills > 0, "nothing was disturbed");
    judge("chaos", &ledger, &messages(server.address));
}

#[test]
fn a_server_that_is_paused_loses_nothing_and_keeps_nothing_twice() {
    let pause = Duration::from_secs(number("MAILCHUTE_PAUSE_SECONDS").unwrap_or(PAUSE_SECONDS));
    let server = Server::start();
    Consumer::connect(server.address).create(&config());
    // Shorter than the pause, so that senders hear of it.
    let delivery = format!(", timeouts: {{total: {}ms}}", pause.as_millis() * 4 / 5);
    let stage = Stage::with(server.address, Said { delivery: &delivery, ..Said::default() });
    let (next, ledger, ended) = (AtomicUsize::new(0), Ledger::default(), AtomicBool::new(false));
    let address = stage.front_end.smtp;
    std::thread::scope(|scope| {
        let _end = End(&ended);
        for _ in 0..SENDERS {
            let mut sender = Sender::patient(address, pause + 2 * PATIENCE);
            let (next, ledger, ended) = (&next, &ledger, &ended);
            scope.spawn(move || sender.deliver(next, ledger, |_| !ended.load(Ordering::Relaxed)));
        }
        until_true("mail is taken", || ledger.count() > SENDERS);
        server.pause();
        std::thread::sleep(pause);
        let before = ledger.count();
        server.resume();
        until_true("mail is taken again", || ledger.count() > before + BETWEEN_KILLS);
    });
    let counts = ledger.counts();
    assert!(counts.returned > 0, "no message waited in vain");
    assert_eq!((counts.unreached, counts.lost, counts.unanswered), (0, 0, 0), "senders are always answered");
    judge(&format!("pause of {} s", pause.as_secs()), &ledger, &messages(server.address));
}

/// Prints what became of all messages, and holds it.
fn judge(name: &str, ledger: &Ledger, messages: &[Taken]) {
    println!("{name}: {}; {} in the stream", ledger.counts(), messages.len());
    let taken: Vec<message::Taken> = messages.iter().map(taken).collect();
    assert_eq!(ledger.assert_kept(&taken), 0, "some are kept twice");
    assert_eq!(taken.len(), ledger.count(), "every sender has gone on until its message was acknowledged");
    assert!(deferred(ledger) > 0, "nobody has noticed anything");
}

/// A message of the stream, which must be whole and unchanged.
fn taken(taken: &Taken) -> message::Taken {
    let id = taken.header("ce-messageid");
    let number = id.split('.').next().unwrap().parse().unwrap();
    taken.received.assert_carries(&message::text(number));
    message::Taken { number, key: taken.header("Nats-Msg-Id").to_owned() }
}

/// Attempts that were answered `4xx`.
fn deferred(ledger: &Ledger) -> usize {
    let counts = ledger.counts();
    counts.closed + counts.deferred + counts.returned
}
