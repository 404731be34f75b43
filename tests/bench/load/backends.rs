//! `backends`: mailchute in front of each kind of backend, in turns and on the same machine: what a message costs
//! beside HTTP.
//!
//! No target is held: a broker or relay shares the processors with the server, and how much it does for a message
//! is its own affair. What counts is the processor time of mailchute itself.

use crate::load::{self, Report};
use crate::peers::{self, Peer};
use crate::relay::Relay;
use crate::secure::Layer;
use crate::stream::Stream;
use crate::verdict::{Scenario, median};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The mailchute program, built for release.
    #[arg(long)]
    server: PathBuf,
    /// The nats-server program: in the folder that `tests/tools/build nats` prints.
    #[arg(long)]
    nats: PathBuf,
    /// Rounds of each scenario.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of each run.
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// Sessions at a time.
    #[arg(long, default_value_t = 32)]
    sessions: u64,
}

/// Messages of a connection: the cost of connections is not what is looked for.
const PER_CONNECTION: u64 = 100;

const SIZES: [usize; 3] = [1024, 10 * 1024, 100 * 1024];

/// Octets of a run, at most: where messages are large there are fewer of them.
const MOST_OCTETS: u64 = 256 * 1024 * 1024;

/// Where messages end up.
pub(crate) trait Behind {
    /// What a backend says that delivers there.
    fn backend(&self) -> String;

    /// How many messages have come so far.
    fn arrived(&mut self) -> Result<u64>;
}

/// An HTTP server that takes all, and is sent events in a format.
struct Sink {
    peer: Peer,
    format: &'static str,
}

impl Behind for Sink {
    fn backend(&self) -> String {
        format!("http: {{url: \"http://{}/inbound\", format: {}}}", self.peer.address, self.format)
    }

    fn arrived(&mut self) -> Result<u64> {
        Ok(peers::stats(self.peer.address)?.messages)
    }
}

/// A kind of backend: its name, mailchute in front of it, and all that came of it.
struct Side {
    name: &'static str,
    server: Peer,
    behind: Box<dyn Behind>,
    reports: Vec<Report>,
}

pub(crate) fn command(options: &Options) -> Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let sink =
        |format| -> Result<Box<dyn Behind>> { Ok(Box::new(Sink { peer: Peer::sink(folder)?, format })) };
    // The others are held against the first.
    let behind: [(&str, Box<dyn Behind>); 5] = [
        ("http", sink("CloudEvent")?),
        ("http, JSON", sink("CloudEventStructured")?),
        ("nats", Box::new(Stream::start(&options.nats, folder)?)),
        ("smtp", Box::new(Relay::start("smtp", folder)?)),
        ("lmtp", Box::new(Relay::start("lmtp", folder)?)),
    ];
    let side = |(name, behind): (&'static str, Box<dyn Behind>)| -> Result<Side> {
        let limit = 2 * options.sessions + 1000;
        let server = Peer::mailchute(&options.server, &behind.backend(), folder, limit, Layer::Plain)?;
        Ok(Side { name, server, behind, reports: Vec::new() })
    };
    let mut sides = behind.into_iter().map(side).collect::<Result<Vec<_>>>()?;
    for size in SIZES {
        let scenario = Scenario { layer: Layer::Plain, size, per_connection: PER_CONNECTION };
        compare(&mut sides, &scenario, options)?;
        print(&scenario, &sides);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a scenario on all sides, in changing order.
fn compare(sides: &mut [Side], scenario: &Scenario, options: &Options) -> Result<()> {
    let messages = options.messages.min(MOST_OCTETS / scenario.size as u64);
    for side in &mut *sides {
        // Pools, caches and the allocator are filled before anything counts.
        side.run(scenario, options.sessions, messages / 10)?;
        side.reports.clear();
    }
    let count = sides.len();
    for round in 0..options.rounds {
        for turn in 0..count {
            sides[(round + turn) % count].run(scenario, options.sessions, messages)?;
        }
    }
    Ok(())
}

impl Side {
    fn run(&mut self, scenario: &Scenario, sessions: u64, messages: u64) -> Result<()> {
        let before = self.behind.arrived()?;
        let report = load::run(&load::Options::of(&self.server, scenario, sessions, messages))?;
        if report.failed > 0 {
            bail!("messages failed: {}\n{}", report.line(), self.server.log_tail());
        }
        let arrived = self.behind.arrived()? - before;
        if arrived != messages {
            bail!("{messages} messages were answered 250 by way of {}; {arrived} arrived", self.name);
        }
        eprintln!("{scenario}, {}: {}", self.name, report.line());
        self.reports.push(report);
        Ok(())
    }

    fn median(&self, figure: impl Fn(&Report) -> f64) -> f64 {
        median(self.reports.iter().map(figure))
    }
}

fn print(scenario: &Scenario, sides: &[Side]) {
    println!("{scenario}");
    println!(
        "  {:<12} {:>10} {:>8} {:>12} {:>8} {:>9}",
        "backend", "CPU µs", "ratio", "messages/s", "ratio", "p99 µs"
    );
    let cpu = |side: &Side| {
        side.median(|report| report.server.as_ref().map_or(0.0, |server| server.cpu_us_per_message))
    };
    let rate = |side: &Side| side.median(|report| report.messages_per_second);
    for side in sides {
        let (cpu_ratio, rate_ratio) = (cpu(side) / cpu(&sides[0]), rate(side) / rate(&sides[0]));
        println!(
            "  {:<12} {:>10.1} {cpu_ratio:>8.2} {:>12.0} {rate_ratio:>8.2} {:>9.0}",
            side.name,
            cpu(side),
            rate(side),
            side.median(|report| report.latency_us.p99)
        );
    }
}
