//! The load: senders outside of the cluster, each of which tries each message until it is acknowledged.

use std::array;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::ledger::Ledger;
use crate::support::sender::Sender;
use crate::support::until::until_true;

/// Sessions at a time.
pub(super) const SENDERS: usize = 8;
/// Those of them that keep their session for as long as the front-end does.
pub(super) const STAYING: usize = 4;
/// Between two messages of a sender, so that the cluster that carries them has a share of the machine too.
const PAUSE: Duration = Duration::from_millis(20);
/// The load is looked at each time that it should have come so far.
const STEP: usize = 100;

/// What the senders have in common.
pub(super) struct Load {
    /// Where they send to.
    pub(super) service: SocketAddr,
    /// The number that no message has yet.
    pub(super) next: AtomicUsize,
    /// How their attempts ended.
    pub(super) ledger: Ledger,
    /// Tells them to end.
    pub(super) ended: AtomicBool,
    /// How many messages each has begun with.
    begun: [AtomicUsize; SENDERS],
}

impl Load {
    pub(super) fn new(service: SocketAddr) -> Self {
        Self {
            service,
            next: AtomicUsize::new(0),
            ledger: Ledger::default(),
            ended: AtomicBool::new(false),
            begun: array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// What a sender does, until it is told to end.
    pub(super) fn send(&self, sender: usize) {
        let mut this =
            if sender < STAYING { Sender::staying(self.service) } else { Sender::new(self.service) };
        this.deliver(&self.next, &self.ledger, |_| {
            self.begun[sender].fetch_add(1, Ordering::AcqRel);
            std::thread::sleep(PAUSE);
            !self.ended.load(Ordering::Relaxed)
        });
    }

    /// Waits until all that has begun by now is in the ledger.
    pub(super) fn settle(&self) {
        let begun = || self.begun.iter().map(|begun| begun.load(Ordering::Acquire));
        let before: Vec<usize> = begun().collect();
        until_true("every sender goes on", || begun().zip(&before).all(|(now, before)| now > *before));
    }

    /// Waits until so many messages are acknowledged in all.
    pub(super) fn wait_for(&self, messages: usize) {
        for step in (0..messages).step_by(STEP).chain([messages]) {
            until_true("the load goes on", || self.ledger.count() >= step);
        }
    }

    /// Waits until so many more are.
    pub(super) fn goes_on(&self, messages: usize) {
        self.wait_for(self.ledger.count() + messages);
    }
}
