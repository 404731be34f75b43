//! The load generator: many sessions on one thread, each a closed loop of transactions, and what came of them.
//!
//! It is made to be cheap, so that on a small machine the server under test is what is measured: the bytes are built
//! beforehand, and nothing is allocated per message.

use crate::client::{Connection, Fault};
use crate::message::{Script, Transfer};
use crate::peers::Peer;
use crate::secure::{Connector, Layer};
use crate::verdict::Scenario;
use crate::{idle, process};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[derive(clap::Args, Clone)]
pub(crate) struct Options {
    /// The SMTP server.
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// Sessions at a time.
    #[arg(long, default_value_t = 32)]
    pub(crate) sessions: u64,
    /// Messages in all.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) messages: u64,
    /// Octets of a message, header included.
    #[arg(long, default_value_t = 1024)]
    pub(crate) size: usize,
    /// Recipients of a message: user0, user1… of bench.example.
    #[arg(long, default_value_t = 1)]
    pub(crate) recipients: usize,
    /// Messages of a connection before QUIT; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    pub(crate) per_connection: u64,
    /// Wait for each reply before the next command.
    #[arg(long)]
    pub(crate) no_pipelining: bool,
    /// Hand messages over by BDAT instead of DATA. The time of a reply then counts from the last chunk.
    #[arg(long)]
    pub(crate) bdat: bool,
    /// TLS from the first octet on, a full handshake for each connection.
    #[arg(long)]
    pub(crate) tls: bool,
    /// The server's process: its processor time and memory are read.
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Send nothing: open the sessions, say EHLO, hold them, and read the server's memory.
    #[arg(long, requires = "pid")]
    pub(crate) idle: bool,
    /// Seconds after which what is not answered counts as failed.
    #[arg(long, default_value_t = 300)]
    pub(crate) deadline: u64,
}

impl Options {
    /// What `compare` and `backends` ask for: one recipient, all at once.
    pub(crate) fn of(peer: &Peer, scenario: &Scenario, sessions: u64, messages: u64) -> Self {
        let Scenario { layer, size, per_connection } = *scenario;
        Self {
            to: peer.address,
            sessions,
            messages,
            size,
            recipients: 1,
            per_connection,
            no_pipelining: false,
            bdat: false,
            tls: layer == Layer::Tls,
            pid: Some(peer.pid()),
            idle: false,
            deadline: 300,
        }
    }
}

/// What a run measured; the field names are the JSON's.
#[derive(Serialize, Clone)]
pub(crate) struct Report {
    /// Answered `250`.
    pub(crate) messages: u64,
    /// Not answered, or answered something else; a session that broke off without a message counts as well.
    pub(crate) failed: u64,
    /// Why: a reply code, or the error of the connection.
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) seconds: f64,
    pub(crate) messages_per_second: f64,
    /// From the end of the data to `250`, in microseconds.
    pub(crate) latency_us: Latency,
    /// The generator's own cost: what it takes from the machine that it shares with the server.
    pub(crate) client_cpu_us_per_message: f64,
    pub(crate) server: Option<Server>,
}

#[derive(Serialize, Clone, Default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

#[derive(Serialize, Clone)]
pub(crate) struct Server {
    pub(crate) cpu_us_per_message: f64,
    pub(crate) peak_kib: u64,
}

pub(crate) fn command(options: &Options) -> Result<ExitCode> {
    if let (true, Some(pid)) = (options.idle, options.pid) {
        let report = idle::run(options.to, pid, options.sessions, Layer::of(options.tls))?;
        println!("{}", serde_json::to_string(&report)?);
        eprintln!("{report}");
        return Ok(ExitCode::SUCCESS);
    }
    let report = run(options)?;
    println!("{}", serde_json::to_string(&report)?);
    eprintln!("{}", report.line());
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends all messages and measures.
pub(crate) fn run(options: &Options) -> Result<Report> {
    process::allow_open_sessions(options.sessions)?;
    let connector = Connector::new(Layer::of(options.tls))?;
    let client = std::process::id();
    let client_before = process::cpu_time(client)?;
    let server_before = options.pid.map(process::cpu_time).transpose()?;
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = runtime.block_on(send_all(options, &connector));
    let elapsed = started.elapsed();
    let messages = tally.latencies.len() as u64;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / messages.max(1) as f64;
    let server = match options.pid.zip(server_before) {
        Some((pid, before)) => Some(Server {
            cpu_us_per_message: each(process::cpu_time(pid)?.saturating_sub(before)),
            peak_kib: process::peak_kib(pid)?,
        }),
        None => None,
    };
    Ok(Report {
        messages,
        failed: tally.faults.values().sum::<u64>().max(options.messages - messages),
        faults: tally.faults,
        seconds: elapsed.as_secs_f64(),
        messages_per_second: messages as f64 / elapsed.as_secs_f64(),
        latency_us: Latency::of(tally.latencies),
        client_cpu_us_per_message: each(process::cpu_time(client)?.saturating_sub(client_before)),
        server,
    })
}

#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    faults: BTreeMap<String, u64>,
}

async fn send_all(options: &Options, connector: &Connector) -> Tally {
    let run = uuid::Uuid::now_v7().simple().to_string();
    let next = Arc::new(AtomicU64::new(0));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(options.deadline);
    let mut sessions = JoinSet::new();
    for _ in 0..options.sessions {
        sessions.spawn(Sender::new(options.clone(), connector, &run, Arc::clone(&next)).run(deadline));
    }
    let mut total = Tally::default();
    while let Some(ended) = sessions.join_next().await {
        match ended {
            Ok(tally) => total.add(tally),
            Err(panic) => total.fault(panic.to_string()),
        }
    }
    total
}

/// One session after the other, until no message is left.
struct Sender {
    options: Options,
    connector: Connector,
    next: Arc<AtomicU64>,
    script: Script,
    tally: Tally,
}

impl Sender {
    fn new(options: Options, connector: &Connector, run: &str, next: Arc<AtomicU64>) -> Self {
        let transfer = if options.bdat { Transfer::Bdat } else { Transfer::Data };
        let script = Script::new(run, options.size, options.recipients, transfer);
        Self { options, connector: connector.clone(), next, script, tally: Tally::default() }
    }

    async fn run(mut self, deadline: tokio::time::Instant) -> Tally {
        while let Some(first) = self.take_number() {
            match tokio::time::timeout_at(deadline, self.session(first)).await {
                Ok(Ok(())) => {}
                Ok(Err(Fault::Reply(code))) => self.tally.fault(code.to_string()),
                Ok(Err(Fault::Io(error))) => self.tally.fault(error.to_string()),
                Err(_) => {
                    self.tally.fault("deadline".into());
                    break;
                }
            }
        }
        self.tally
    }

    /// One connection, from the message `first` on. A fault ends it; its message is not tried again.
    async fn session(&mut self, first: u64) -> Result<(), Fault> {
        let mut connection = Connection::open(self.options.to, &self.connector).await?;
        let mut number = Some(first);
        let mut sent = 0;
        while let Some(this) = number {
            self.script.number(this);
            let latency = connection.send(&self.script, !self.options.no_pipelining).await?;
            self.tally.latencies.push(latency);
            sent += 1;
            number = if sent == self.options.per_connection { None } else { self.take_number() };
        }
        connection.quit().await
    }

    /// The number of a message that nobody else sends; `None` when all are taken.
    fn take_number(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Relaxed);
        (number < self.options.messages).then_some(number)
    }
}

impl Tally {
    fn fault(&mut self, name: String) {
        *self.faults.entry(name).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (name, count) in other.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

impl Latency {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let quantile = |share: f64| {
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            latencies.get(rank.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        Self { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: quantile(1.0) }
    }
}

impl Report {
    /// The same for people.
    pub(crate) fn line(&self) -> String {
        let Latency { p50, p99, p999, max } = &self.latency_us;
        let mut line = format!(
            "{} messages in {:.2} s: {:.0}/s; reply p50 {p50:.0} µs, p99 {p99:.0} µs, p99.9 {p999:.0} µs, max {max:.0} µs",
            self.messages, self.seconds, self.messages_per_second,
        );
        if let Some(server) = &self.server {
            let Server { cpu_us_per_message, peak_kib } = server;
            line += &format!("; server {cpu_us_per_message:.1} µs CPU per message, {peak_kib} KiB at most");
        }
        line += &format!("; generator {:.1} µs CPU per message", self.client_cpu_us_per_message);
        if self.failed > 0 {
            line += &format!("; {} FAILED: {:?}", self.failed, self.faults);
        }
        line
    }
}
