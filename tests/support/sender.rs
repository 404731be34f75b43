//! Senders that do as a mail server does: they try each message until it is acknowledged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::client::{Client, Reply, stuffed};
use super::ledger::{Attempt, Ledger};
use super::message;
use super::until::{PATIENCE, within};

/// Between two attempts; a mail server waits longer.
pub(crate) const BACKOFF: Duration = Duration::from_millis(20);
/// Messages that go over one connection, of those who don't stay.
const PER_CONNECTION: usize = 5;

/// Ends the senders that look at it when it is dropped, by a panic too.
pub(crate) struct End<'a>(pub(crate) &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A sender: its connection, as long as it has one.
pub(crate) struct Sender {
    address: SocketAddr,
    /// Messages that go over one connection.
    per_connection: usize,
    /// For how long it tries a message.
    patience: Duration,
    connection: Option<(Client, usize)>,
}

impl Sender {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, per_connection: PER_CONNECTION, patience: PATIENCE, connection: None }
    }

    /// One that keeps its connection for as long as the server does.
    pub(crate) fn staying(address: SocketAddr) -> Self {
        Self { per_connection: usize::MAX, ..Self::new(address) }
    }

    /// One that tries each message for so long, where a test keeps it waiting.
    pub(crate) fn patient(address: SocketAddr, patience: Duration) -> Self {
        Self { patience, ..Self::new(address) }
    }

    /// Takes numbers from `next` as long as `goes_on` says so of them, and tries each until it is acknowledged.
    pub(crate) fn deliver(
        &mut self,
        next: &AtomicUsize,
        ledger: &Ledger,
        mut goes_on: impl FnMut(usize) -> bool,
    ) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if !goes_on(number) {
                return;
            }
            within(self.patience, &format!("message {number} is acknowledged"), || {
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
        let opened = self.connection.take().map_or_else(|| connect(self.address), Ok);
        let sent = opened.and_then(|(mut client, sent)| {
            transaction(&mut client, number)?;
            Ok((client, sent + 1))
        });
        match sent {
            Ok((client, sent)) => {
                self.connection = (sent < self.per_connection).then_some((client, sent));
                Attempt::Acknowledged
            }
            Err(attempt) => attempt,
        }
    }
}

/// A session, in which nothing was sent yet; or how the attempt ended.
fn connect(address: SocketAddr) -> Result<(Client, usize), Attempt> {
    let mut client = Client::connect(address).map_err(|_| Attempt::Unreached)?;
    let greeting = client.try_reply().map_err(|_| Attempt::Unreached)?;
    hope(&greeting, 220, "the connection")?;
    say(&mut client, "EHLO load.example", 250)?;
    Ok((client, 0))
}

/// Sends one message; or how the attempt ended.
fn transaction(client: &mut Client, number: usize) -> Result<(), Attempt> {
    say(client, "MAIL FROM:<sender@load.example>", 250)?;
    say(client, &format!("RCPT TO:<r{}@example.org>", number % 10), 250)?;
    say(client, "DATA", 354)?;
    client.write(&stuffed(&message::text(number))).map_err(|_| Attempt::Lost)?;
    let reply = client.try_reply().map_err(|_| Attempt::Unanswered)?;
    hope(&reply, 250, &format!("message {number}")).map_err(|_| Attempt::Returned)
}

fn say(client: &mut Client, line: &str, hoped: u16) -> Result<(), Attempt> {
    let reply = client.try_say(line).map_err(|_| Attempt::Lost)?;
    hope(&reply, hoped, line)
}

fn hope(reply: &Reply, hoped: u16, to: &str) -> Result<(), Attempt> {
    if reply.code == hoped {
        return Ok(());
    }
    assert_eq!(reply.code / 100, 4, "{to} was answered {reply:?}");
    Err(Attempt::Deferred(reply.code))
}
