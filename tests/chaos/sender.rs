//! Senders that do as a mail server does: they try each message until it is acknowledged.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::message;
use crate::support::client::Client;
use crate::support::until::until;

/// Between two attempts; a mail server waits longer.
pub(crate) const BACKOFF: Duration = Duration::from_millis(20);
/// Messages that go over one connection.
const PER_CONNECTION: usize = 5;

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// `250`.
    Acknowledged,
    /// `4xx`.
    Deferred,
    /// The connection was lost before the final dot was out; the server owes nothing.
    Lost,
    /// The connection was lost between the final dot and its reply.
    Unanswered,
}

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages that were acknowledged.
    pub(crate) acknowledged: Mutex<BTreeSet<usize>>,
    /// Attempts that were answered `4xx`.
    pub(crate) deferred: AtomicUsize,
    /// Attempts that lost their connection.
    pub(crate) lost: AtomicUsize,
    /// Those of them that were lost behind the final dot.
    pub(crate) unanswered: AtomicUsize,
}

impl Ledger {
    pub(crate) fn note(&self, number: usize, attempt: Attempt) {
        match attempt {
            Attempt::Acknowledged => {
                assert!(self.acknowledged.lock().unwrap().insert(number), "{number} was acknowledged twice");
            }
            Attempt::Deferred => _ = self.deferred.fetch_add(1, Ordering::Relaxed),
            Attempt::Lost => _ = self.lost.fetch_add(1, Ordering::Relaxed),
            Attempt::Unanswered => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many messages were acknowledged so far.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// A sender: its connection, as long as it has one.
pub(crate) struct Sender {
    address: SocketAddr,
    connection: Option<(Client, usize)>,
}

impl Sender {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Takes numbers from `next` until it is `end`, and tries each until it is acknowledged.
    pub(crate) fn deliver_all(&mut self, next: &AtomicUsize, end: usize, ledger: &Ledger) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return;
            }
            until(&format!("message {number} is acknowledged"), || {
                let attempt = self.attempt(number);
                ledger.note(number, attempt);
                if attempt != Attempt::Acknowledged {
                    std::thread::sleep(BACKOFF);
                }
                (attempt == Attempt::Acknowledged).then_some(())
            });
        }
    }

    /// Tries once.
    pub(crate) fn attempt(&mut self, number: usize) -> Attempt {
        let Ok((mut client, sent)) = self.connection.take().map_or_else(|| connect(self.address), Ok) else {
            return Attempt::Lost;
        };
        let attempt = match envelope(&mut client, number) {
            Ok(None) => data(&mut client, number),
            Ok(Some(attempt)) => attempt,
            Err(_) => Attempt::Lost,
        };
        if attempt == Attempt::Acknowledged && sent + 1 < PER_CONNECTION {
            self.connection = Some((client, sent + 1));
        }
        attempt
    }
}

fn connect(address: SocketAddr) -> io::Result<(Client, usize)> {
    let mut client = Client::connect(address)?;
    let greeting = client.try_reply()?;
    if greeting.code != 220 || client.try_say("EHLO chaos.example")?.code != 250 {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok((client, 0))
}

/// Says all up to the data; how the attempt ended, if it did.
fn envelope(client: &mut Client, number: usize) -> io::Result<Option<Attempt>> {
    let lines = [
        ("MAIL FROM:<sender@chaos.example>".to_owned(), 250),
        (format!("RCPT TO:<r{}@example.org>", number % 10), 250),
        ("DATA".to_owned(), 354),
    ];
    for (line, hoped) in lines {
        let reply = client.try_say(&line)?;
        if reply.code != hoped {
            assert_eq!(reply.code / 100, 4, "{line} was answered {reply:?}");
            return Ok(Some(Attempt::Deferred));
        }
    }
    Ok(None)
}

fn data(client: &mut Client, number: usize) -> Attempt {
    if client.write(&crate::support::client::stuffed(&message::text(number))).is_err() {
        return Attempt::Lost;
    }
    match client.try_reply() {
        Ok(reply) if reply.code == 250 => Attempt::Acknowledged,
        Ok(reply) => {
            assert_eq!(reply.code / 100, 4, "message {number} was answered {reply:?}");
            Attempt::Deferred
        }
        Err(_) => Attempt::Unanswered,
    }
}
