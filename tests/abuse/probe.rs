//! An honest client beside the abuse: how long its messages take.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::client::Client;

/// Sessions without which nothing is said of a percentile.
const FEWEST: usize = 100;

/// How long sessions took, each from connecting to the last reply that matters, the shortest first.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// 99 of 100 were no slower.
    pub(crate) fn p99(&self) -> Duration {
        self.0[self.0.len() * 99 / 100]
    }

    fn median(&self) -> Duration {
        self.0[self.0.len() / 2]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions, median {:.1?}, p99 {:.1?}", self.0.len(), self.median(), self.p99())
    }
}

/// What a probe says in each of its sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// All up to a recipient: what costs no memory for messages.
    Envelope,
    /// A small message, which has to be accepted.
    Message,
}

impl Says {
    fn say(self, client: &mut Client) {
        match self {
            Self::Envelope => {
                client.expect("MAIL FROM:<probe@client.example>", 250);
                client.expect("RCPT TO:<probe@example.org>", 250);
            }
            Self::Message => {
                let message = b"Subject: x\r\n\r\nx\r\n";
                let reply = client.send("probe@client.example", &["probe@example.org"], message);
                assert_eq!(reply.code, 250, "{reply:?}");
            }
        }
    }
}

/// A client that says the same again and again, each time in a session of its own.
pub(crate) struct Probe {
    done: Arc<AtomicBool>,
    client: JoinHandle<Latencies>,
}

impl Probe {
    /// Begins.
    pub(crate) fn start(address: SocketAddr, says: Says) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let client = std::thread::spawn(move || {
            let mut took = Vec::new();
            while took.len() < FEWEST || !told.load(Ordering::Relaxed) {
                let began = Instant::now();
                let mut client = Client::greeted(address);
                says.say(&mut client);
                took.push(began.elapsed());
                client.expect("QUIT", 221);
            }
            took.sort_unstable();
            Latencies(took)
        });
        Self { done, client }
    }

    /// Ends it, once it has sent enough.
    pub(crate) fn finish(self) -> Latencies {
        self.done.store(true, Ordering::Relaxed);
        self.client.join().unwrap()
    }
}
