//! What becomes of transactions, for people who watch: the last of them, for as long as somebody does.
//!
//! ```text
//! Session ─tell─┬▶ ring of the last 1024 ◀─read─ admin port ◀─ mailchute tail
//!               └▶ channel ─────────────next─▶ the page of `dev`, with an account of each
//! ```
//!
//! Telling never waits: an event that does not fit takes the place of the oldest, in the channel it is left out. While
//! nobody reads nothing is built, and nothing is held; what happens is counted. Either way whoever reads too slowly, or
//! has not read for a while, learns how many are missing.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::account::Account;
use super::report::Report;
use crate::mail::{ForwardPath, ReversePath, TransactionId};
use crate::metrics::MessageOutcome;

#[cfg(test)]
mod tests;

/// Events that are held.
const HELD: usize = 1024;
/// Events that wait for who reads accounts.
const WAITING: usize = 16_384;
/// Octets of their messages and texts; one account more may wait.
const WAITING_OCTETS: usize = 256 << 20;
/// Events that one reading gives.
const MOST: usize = 256;
/// For how long events are held after a reading, so that the next one misses none; from then on they are counted.
const KEEP: Duration = Duration::from_secs(30);
/// Recipients that an event names, so that it has a bound; the others are counted.
pub const NAMED: usize = 20;

/// How far a transaction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// MAIL.
    Sender,
    /// RCPT: of one recipient, others may have been taken.
    Recipient,
    /// The message.
    Message,
}

/// The end of a transaction, or of what a recipient could have had of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// How far it came.
    pub stage: Stage,
    /// Which; none has a number before its message is complete.
    pub id: Option<TransactionId>,
    /// Where it came in.
    pub listener: Arc<str>,
    /// From where.
    pub client: IpAddr,
    /// Who has signed in.
    pub login: Option<Arc<str>>,
    /// Who sends.
    pub sender: ReversePath,
    /// Who receives: the first [`NAMED`].
    pub recipients: Vec<ForwardPath>,
    /// How many recipients there are besides.
    pub unnamed: usize,
    /// The rule that takes it, if it came so far.
    pub route: Option<Arc<str>>,
    /// The backend, if it came so far.
    pub backend: Option<Arc<str>>,
    /// Octets of the message, if it came so far.
    pub size: Option<usize>,
    /// What became of it.
    pub outcome: MessageOutcome,
    /// The code of the reply; none where there was nobody to tell.
    pub code: Option<u16>,
    /// From the final dot to the reply.
    pub took: Option<Duration>,
}

/// What a reading gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// In order.
    pub events: Vec<Arc<Event>>,
    /// Where the next reading goes on.
    pub next: u64,
    /// Events since the last reading that are not held: there were too many, or it was too long ago.
    pub missed: u64,
}

/// An event, and all else that is known of its transaction.
#[derive(Debug, Clone)]
pub struct Told {
    /// The event.
    pub event: Arc<Event>,
    /// The rest.
    pub account: Arc<Account>,
    /// Events before it that came too fast to be told.
    pub missed: u64,
}

/// The other end of a [feed with accounts](Feed::with_accounts).
#[derive(Debug)]
pub struct Accounts {
    told: mpsc::Receiver<Told>,
    waiting: Arc<AtomicUsize>,
}

impl Accounts {
    /// What is told next, in order; `None` once the front-end has ended.
    pub async fn next(&mut self) -> Option<Told> {
        let told = self.told.recv().await?;
        self.waiting.fetch_sub(told.account.octets(), Ordering::Relaxed);
        Some(told)
    }
}

/// The events of a front-end. Clones are the same.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    /// Milliseconds since it began; 0: nobody has read yet.
    watched_until: AtomicU64,
    ring: Mutex<VecDeque<Arc<Event>>>,
    /// The number of the last event that was held, or of the last that was not when somebody came to read.
    last: watch::Sender<u64>,
    /// Events that nobody watched, and that have no number yet.
    unseen: AtomicU64,
    subscriber: Option<Subscriber>,
}

/// One who is told everything.
#[derive(Debug)]
struct Subscriber {
    told: mpsc::Sender<Told>,
    /// Octets of accounts that wait to be read.
    waiting: Arc<AtomicUsize>,
    /// Events that found no room since the last one that did.
    missed: AtomicU64,
}

impl Subscriber {
    fn tell(&self, event: &Arc<Event>, account: Account) {
        let octets = account.octets();
        let room = self.waiting.fetch_add(octets, Ordering::Relaxed) <= WAITING_OCTETS;
        let missed = self.missed.swap(0, Ordering::Relaxed);
        let told = Told { event: Arc::clone(event), account: Arc::new(account), missed };
        if !room || self.told.try_send(told).is_err() {
            self.waiting.fetch_sub(octets, Ordering::Relaxed);
            self.missed.fetch_add(missed + 1, Ordering::Relaxed);
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Feed {
    fn new(subscriber: Option<Subscriber>) -> Self {
        Self(Arc::new(Inner {
            began: Instant::now(),
            watched_until: AtomicU64::new(0),
            ring: Mutex::default(),
            last: watch::Sender::new(0),
            unseen: AtomicU64::new(0),
            subscriber,
        }))
    }

    /// A feed that keeps an [account](super::account) of every transaction for one who reads it in this process. What
    /// waits to be read is bounded; dropping the reader ends it.
    pub fn with_accounts() -> (Self, Accounts) {
        let (told, accounts) = mpsc::channel(WAITING);
        let waiting = Arc::<AtomicUsize>::default();
        let subscriber = Subscriber { told, waiting: Arc::clone(&waiting), missed: AtomicU64::new(0) };
        (Self::new(Some(subscriber)), Accounts { told: accounts, waiting })
    }

    /// Whether there is one who wants accounts.
    pub fn wants_accounts(&self) -> bool {
        self.0.subscriber.as_ref().is_some_and(|subscriber| !subscriber.told.is_closed())
    }

    /// Whether somebody watches, or has until just now.
    pub fn is_watched(&self) -> bool {
        self.wants_accounts() || self.0.watched_until.load(Ordering::Relaxed) != 0
    }

    /// Tells what became of a transaction; `report` is called only if somebody watches.
    pub fn tell(&self, report: impl FnOnce() -> Report) {
        let is_read = self.is_read();
        if !is_read {
            self.unseen();
        }
        if !is_read && !self.wants_accounts() {
            return;
        }
        let Report { event, account } = report();
        let event = Arc::new(event);
        if let (Some(subscriber), Some(account)) = (&self.0.subscriber, account) {
            subscriber.tell(&event, *account);
        }
        if is_read {
            self.hold(event);
        }
    }

    /// Something happens that nobody watches.
    pub(super) fn unseen(&self) {
        self.0.unseen.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether somebody reads, or did not long ago; what is held for one who has gone is forgotten.
    fn is_read(&self) -> bool {
        let watched_until = self.0.watched_until.load(Ordering::Relaxed);
        if watched_until != 0 && self.now() > watched_until {
            self.forget(watched_until);
            return false;
        }
        watched_until != 0
    }

    fn hold(&self, event: Arc<Event>) {
        let mut ring = self.ring();
        let oldest = if ring.len() == HELD { ring.pop_front() } else { None };
        ring.push_back(event);
        self.0.last.send_modify(|last| *last += 1);
        drop(ring);
        drop(oldest);
    }

    /// What was told after the event of this number, or from now on; waits for the first one as long as `patience`.
    pub async fn read(&self, after: Option<u64>, patience: Duration) -> Batch {
        let until = self.now() + milliseconds(patience + KEEP);
        self.0.watched_until.fetch_max(until, Ordering::Relaxed);
        self.number_unseen();
        let mut last = self.0.last.subscribe();
        // A number that was never given is that of another process, which was here before.
        let after = after.unwrap_or(*last.borrow());
        let after = if after > *last.borrow() { 0 } else { after };
        // Nothing told in time is an answer, too.
        let _ = timeout(patience, last.wait_for(|last| *last > after)).await;
        self.batch(after)
    }

    /// Gives numbers to what happened unseen. What is held is numbered without a gap, so that it goes first.
    fn number_unseen(&self) {
        let mut ring = self.ring();
        let unseen = self.0.unseen.swap(0, Ordering::Relaxed);
        if unseen > 0 {
            let held = std::mem::take(&mut *ring);
            self.0.last.send_modify(|last| *last += unseen);
            drop(ring);
            drop(held);
        }
    }

    fn batch(&self, after: u64) -> Batch {
        let ring = self.ring();
        let last = *self.0.last.borrow();
        // Number of the event before the first that is held.
        let before = last - ring.len() as u64;
        let missed = before.saturating_sub(after);
        let skipped = usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX);
        let events: Vec<_> = ring.iter().skip(skipped).take(MOST).map(Arc::clone).collect();
        Batch { next: after.max(before) + events.len() as u64, events, missed }
    }

    /// Nobody watches any more.
    fn forget(&self, watched_until: u64) {
        let nobody =
            self.0.watched_until.compare_exchange(watched_until, 0, Ordering::Relaxed, Ordering::Relaxed);
        if nobody.is_ok() {
            let held = std::mem::take(&mut *self.ring());
            drop(held);
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.0.began.elapsed())
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
