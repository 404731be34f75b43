//! A load that is disturbed at random moments.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::ledger::Ledger;
use crate::support::number::number;
use crate::support::sender::Sender;
use crate::support::until::until_true;

/// Sessions at a time.
const SENDERS: usize = 12;
/// The load is disturbed each time that so many messages, on average, were acknowledged.
const BETWEEN: usize = 40;

/// So many messages, and how the attempts to send them ended.
pub(crate) struct Storm {
    pub(crate) messages: usize,
    pub(crate) ledger: Ledger,
    seed: u64,
}

impl Storm {
    /// One of so many messages, unless `MAILCHUTE_CHAOS_MESSAGES` says how many.
    pub(crate) fn of(messages: usize) -> Self {
        let messages = number("MAILCHUTE_CHAOS_MESSAGES").unwrap_or(messages);
        let seed = number("MAILCHUTE_CHAOS_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
        println!("chaos: {messages} messages, MAILCHUTE_CHAOS_SEED={seed}");
        Self { messages, ledger: Ledger::default(), seed }
    }

    /// Sends them all to `address`, until each is acknowledged, and disturbs that again and again.
    pub(crate) fn rage(&self, address: SocketAddr, mut disturb: impl FnMut(&mut StdRng)) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    Sender::new(address).deliver(&next, &self.ledger, |number| number < self.messages);
                });
            }
            let mut random = StdRng::seed_from_u64(self.seed);
            let mut at = 0;
            loop {
                at += random.random_range(1..2 * BETWEEN);
                if at >= self.messages {
                    break;
                }
                until_true("the load goes on", || self.ledger.count() >= at);
                // Not only right behind a reply, where polling would always find it.
                std::thread::sleep(Duration::from_micros(random.random_range(0..3000)));
                disturb(&mut random);
            }
        });
    }

    /// Attempts that were answered `4xx`.
    pub(crate) fn deferred(&self) -> usize {
        let counts = self.ledger.counts();
        counts.closed + counts.deferred + counts.returned
    }

    /// Waits until a sender hears of what was done to it, or nobody is left who could.
    pub(crate) fn wait_until_deferred(&self) {
        let before = self.deferred();
        until_true("a sender is deferred", || {
            self.deferred() > before || self.ledger.count() == self.messages
        });
    }
}
