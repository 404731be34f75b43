//! The sink: an HTTP/1.1 server that takes every request, counts it and answers `204`.
//!
//! Written by hand, so that it is no bottleneck: it looks only for the length of the body (RFC 9112 §6, by
//! `Content-Length` or chunked) and drops it. `GET /stats` answers what was counted, then closes.

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far above what any client here sends: a head that grows beyond is a mistake.
const MAX_HEAD_BYTES: usize = 64 * 1024;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to take HTTP; port 0 picks a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// What the sink has taken so far.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Stats {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

#[derive(Default)]
struct Counters {
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// One thread is enough: it does several times the messages per second that an SMTP server can on one.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let counters = Arc::new(Counters::default());
        let listener = TcpListener::bind(options.listen).await?;
        println!("listening {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let counters = Arc::clone(&counters);
            tokio::spawn(async move {
                if let Err(error) = (Connection { stream, input: Vec::new() }).serve(&counters).await {
                    eprintln!("sink: {error:#}");
                }
            });
        }
    })
}

enum Length {
    Octets(usize),
    Chunked,
    Stats,
}

struct Connection {
    stream: TcpStream,
    /// Read and not yet taken.
    input: Vec<u8>,
}

impl Connection {
    async fn serve(&mut self, counters: &Counters) -> Result<()> {
        while let Some(length) = self.head().await? {
            let octets = match length {
                Length::Octets(octets) => {
                    self.skip(octets).await?;
                    octets
                }
                Length::Chunked => self.chunks().await?,
                Length::Stats => return self.stats(counters).await,
            };
            counters.messages.fetch_add(1, Relaxed);
            counters.bytes.fetch_add(octets as u64, Relaxed);
            self.stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        }
        Ok(())
    }

    /// Takes one head; `None` is the end of the connection.
    async fn head(&mut self) -> Result<Option<Length>> {
        let end = loop {
            if let Some(end) = memmem::find(&self.input, b"\r\n\r\n") {
                break end;
            }
            ensure!(self.input.len() < MAX_HEAD_BYTES, "a request head without an end");
            if self.fill().await? == 0 {
                ensure!(self.input.is_empty(), "closed inside a request head");
                return Ok(None);
            }
        };
        let length = body_length(&self.input[..end])?;
        self.input.drain(..end + 4);
        Ok(Some(length))
    }

    async fn chunks(&mut self) -> Result<usize> {
        let mut total = 0;
        loop {
            let line = self.line().await?;
            let digits = line.split(|octet| *octet == b';').next().unwrap_or_default();
            let octets = usize::from_str_radix(std::str::from_utf8(digits)?.trim(), 16)?;
            if octets == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(total);
            }
            self.skip(octets).await?;
            ensure!(self.line().await?.is_empty(), "a chunk that is longer than it said");
            total += octets;
        }
    }

    async fn stats(&mut self, counters: &Counters) -> Result<()> {
        let stats = Stats { messages: counters.messages.load(Relaxed), bytes: counters.bytes.load(Relaxed) };
        let body = serde_json::to_string(&stats)?;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        let response = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        self.stream.write_all(response.as_bytes()).await?;
        Ok(())
    }

    async fn line(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = memmem::find(&self.input, b"\r\n") {
                let line = self.input[..end].to_vec();
                self.input.drain(..end + 2);
                return Ok(line);
            }
            ensure!(self.input.len() < MAX_HEAD_BYTES, "a line without an end");
            ensure!(self.fill().await? > 0, "closed inside a line");
        }
    }

    async fn skip(&mut self, mut octets: usize) -> Result<()> {
        loop {
            let taken = octets.min(self.input.len());
            self.input.drain(..taken);
            octets -= taken;
            if octets == 0 {
                return Ok(());
            }
            ensure!(self.fill().await? > 0, "closed inside a body");
        }
    }

    async fn fill(&mut self) -> Result<usize> {
        self.input.reserve(16 * 1024);
        Ok(self.stream.read_buf(&mut self.input).await?)
    }
}

fn body_length(head: &[u8]) -> Result<Length> {
    let head = std::str::from_utf8(head).context("a request head that is no text")?;
    if head.starts_with("GET /stats ") {
        return Ok(Length::Stats);
    }
    for (name, value) in head.split("\r\n").filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(Length::Octets(value.trim().parse()?));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            return Ok(Length::Chunked);
        }
    }
    // RFC 9112 §6.3: a request that names no length has no body.
    Ok(Length::Octets(0))
}
