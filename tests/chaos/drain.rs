//! SIGTERM under load: no transfer is cut, and what each sender hears is true.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::ledger::{Attempt, Ledger};
use crate::support::message::Taken;
use crate::support::recorder::Recorder;
use crate::support::sender::{BACKOFF, End, Sender};
use crate::support::until::until_true;

const SENDERS: usize = 12;
/// Acknowledged before SIGTERM.
const BEFORE: usize = 100;

pub(crate) fn answers_everyone_truly() {
    let backend = Recorder::start();
    let mut front_end = FrontEnd::to_with(backend.address, &["--drain-delay", "1s"]);
    let (next, ledger, ended) = (AtomicUsize::new(0), Ledger::default(), AtomicBool::new(false));
    let address = front_end.smtp;
    let mut idle = Client::greeted(address);
    let mut after_signal = 0;
    std::thread::scope(|scope| {
        let _end = End(&ended);
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let mut sender = Sender::new(address);
                while !ended.load(Ordering::Relaxed) {
                    // Each number is tried once, so that what arrived can be told from what was answered.
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let attempt = sender.attempt(number);
                    ledger.note(number, attempt);
                    if attempt == Attempt::Unreached {
                        std::thread::sleep(BACKOFF);
                    }
                }
            });
        }
        until_true("the load goes on", || ledger.count() >= BEFORE);
        let before = ledger.count();
        front_end.terminate();
        until_true("readiness is off", || !front_end.is_ready());
        Client::greeted(address);
        assert_eq!(idle.reply().code, 421);
        assert_eq!(idle.rest(), "");
        assert_eq!(front_end.wait().code(), Some(0));
        after_signal = ledger.count() - before;
    });
    let taken: Vec<Taken> = backend.received().iter().map(Taken::of).collect();
    let arrived: BTreeSet<usize> = taken.iter().map(|taken| taken.number).collect();
    let counts = ledger.counts();
    println!("drain: {counts}; {after_signal} acknowledged after SIGTERM; {} arrived", taken.len());
    assert_eq!(ledger.acknowledged(), arrived, "what was answered 250 is not what arrived");
    assert_eq!(taken.len(), arrived.len(), "a message arrived twice");
    assert_eq!((counts.returned, counts.lost, counts.unanswered), (0, 0, 0), "a transfer was cut");
    assert!(after_signal > 0, "no transfer was under way");
}
