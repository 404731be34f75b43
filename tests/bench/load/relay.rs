//! The relay: a mail server that takes every message, counts it and drops it. Its greeting tells the count.

use crate::backends::Behind;
use crate::peers::Peer;
use crate::server::{Application, serve};
use crate::session::Transaction;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to take SMTP; port 0 picks a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// LMTP: one reply for each recipient.
    #[arg(long)]
    lmtp: bool,
}

/// On one thread, as the sink.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let counter = Counter { messages: AtomicU64::default(), lmtp: options.lmtp };
        match serve(options.listen, None, Arc::new(counter)).await? {}
    })
}

struct Counter {
    messages: AtomicU64,
    lmtp: bool,
}

impl Application for Counter {
    fn greeting(&self) -> String {
        format!("relay {}", self.messages.load(Relaxed))
    }

    async fn deliver(&self, transaction: Transaction, replies: &mut Vec<u8>) {
        self.messages.fetch_add(1, Relaxed);
        let recipients = transaction.to.split(|octet| *octet == b',').count();
        for _ in 0..if self.lmtp { recipients } else { 1 } {
            replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        }
    }
}

/// A relay at work: which kind of backend sends to it, and the process.
pub(crate) struct Relay {
    kind: &'static str,
    peer: Peer,
}

impl Relay {
    /// Starts one for the kind `smtp` or `lmtp`.
    pub(crate) fn start(kind: &'static str, folder: &Path) -> Result<Self> {
        Ok(Self { kind, peer: Peer::relay(kind == "lmtp", folder)? })
    }
}

impl Behind for Relay {
    fn backend(&self) -> String {
        let address = self.peer.address;
        format!("{}: {{host: {}, port: {}, tls: Disabled}}", self.kind, address.ip(), address.port())
    }

    fn arrived(&mut self) -> Result<u64> {
        let mut greeting = String::new();
        BufReader::new(TcpStream::connect(self.peer.address)?).read_line(&mut greeting)?;
        let count = greeting.trim_end().rsplit(' ').next().and_then(|count| count.parse().ok());
        count.with_context(|| format!("the relay does not tell how much has come: {greeting}"))
    }
}
