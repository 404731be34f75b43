//! `compare`: floor and the server under test in turns, on the same machine, in front of the same sink.
//!
//! Absolute figures of a shared machine drift; ratios of two runs side by side hold. So each round runs both, in
//! changing order, and what counts is the median of the rounds' ratios.

use crate::load::{self, Report};
use crate::peers::{self, Peer};
use crate::secure::Layer;
use crate::verdict::{Comparison, IdleMemory, Pair, Scenario, Verdict};
use crate::{idle, process};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The mailchute program, built for release. Without it floor runs against itself: all ratios should be 1.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Rounds of each scenario.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of each run.
    #[arg(long, default_value_t = 20_000)]
    messages: u64,
    /// Sessions at a time.
    #[arg(long, default_value_t = 32)]
    sessions: u64,
    /// Idle sessions, for the memory of one.
    #[arg(long, default_value_t = 10_000)]
    idle_sessions: u64,
    /// A few seconds, only to see that it works: no target is held.
    #[arg(long)]
    quick: bool,
    /// Write everything that was measured here, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

impl Options {
    fn effort(&self) -> Effort {
        if self.quick {
            return Effort { rounds: 1, messages: 500, sessions: 8, idle_sessions: 200 };
        }
        let Self { rounds, messages, sessions, idle_sessions, .. } = *self;
        Effort { rounds: rounds.max(1), messages, sessions, idle_sessions }
    }
}

struct Effort {
    rounds: usize,
    messages: u64,
    sessions: u64,
    idle_sessions: u64,
}

impl Effort {
    /// The server's own limits, well above what is asked of it: over 80 % of them it grows impatient.
    fn session_limit(&self) -> u64 {
        2 * self.sessions.max(self.idle_sessions) + 1000
    }
}

/// Messages of a connection where there are many.
const MANY: u64 = 100;

const SCENARIOS: [Scenario; 7] = [
    Scenario { layer: Layer::Plain, size: 1024, per_connection: 1 },
    Scenario { layer: Layer::Plain, size: 1024, per_connection: MANY },
    Scenario { layer: Layer::Plain, size: 10 * 1024, per_connection: 1 },
    Scenario { layer: Layer::Plain, size: 10 * 1024, per_connection: MANY },
    // A full handshake for each message.
    Scenario { layer: Layer::Tls, size: 1024, per_connection: 1 },
    Scenario { layer: Layer::Tls, size: 10 * 1024, per_connection: 1 },
    Scenario { layer: Layer::Tls, size: 10 * 1024, per_connection: MANY },
];

pub(crate) fn command(options: &Options) -> Result<ExitCode> {
    let effort = options.effort();
    process::allow_open_sessions(effort.idle_sessions.max(effort.sessions))?;
    let folder = tempfile::tempdir()?;
    let bench = Bench {
        sink: Peer::sink(folder.path())?,
        server: options.server.as_deref(),
        folder: folder.path(),
        effort,
    };
    let mut comparisons = bench.scenarios(Layer::Plain)?;
    comparisons.extend(bench.scenarios(Layer::Tls)?);
    let idle = [Layer::Plain, Layer::Tls].map(|layer| bench.idle_memory(layer));
    let verdict = Verdict { comparisons, idle: idle.into_iter().collect::<Result<_>>()? };
    println!("{verdict}");
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&verdict)?).context("can't write the JSON")?;
    }
    if options.quick {
        println!("quick: it works; too short for the targets");
        return Ok(ExitCode::SUCCESS);
    }
    let missed = verdict.missed();
    for target in &missed {
        println!("MISSED {target}");
    }
    if missed.is_empty() {
        println!("all targets hold");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Bench<'a> {
    sink: Peer,
    server: Option<&'a Path>,
    folder: &'a Path,
    effort: Effort,
}

impl Bench<'_> {
    fn start_floor(&self, layer: Layer) -> Result<Peer> {
        Peer::floor(self.sink.address, self.folder, layer)
    }

    fn start_server(&self, layer: Layer) -> Result<Peer> {
        let limit = self.effort.session_limit();
        match self.server {
            Some(program) => {
                Peer::mailchute(program, &peers::http(self.sink.address), self.folder, limit, layer)
            }
            None => self.start_floor(layer),
        }
    }

    fn scenarios(&self, layer: Layer) -> Result<Vec<Comparison>> {
        let (floor, server) = (self.start_floor(layer)?, self.start_server(layer)?);
        let mut comparisons = Vec::new();
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.layer == layer) {
            // Pools, caches and the allocator are filled before anything counts.
            for peer in [&floor, &server] {
                self.run(peer, scenario, self.effort.messages / 10)?;
            }
            let pairs = (0..self.effort.rounds).map(|round| self.round(round, &floor, &server, scenario));
            let pairs = pairs.collect::<Result<Vec<_>>>()?;
            comparisons.push(Comparison::new(*scenario, pairs));
        }
        Ok(comparisons)
    }

    fn round(&self, round: usize, floor: &Peer, server: &Peer, scenario: &Scenario) -> Result<Pair> {
        let run = |name: &str, peer: &Peer| -> Result<Report> {
            let report = self.run(peer, scenario, self.effort.messages)?;
            eprintln!("{scenario}, round {}, {name}: {}", round + 1, report.line());
            Ok(report)
        };
        if round.is_multiple_of(2) {
            let floor = run("floor", floor)?;
            Ok(Pair { floor, server: run("server", server)? })
        } else {
            let server = run("server", server)?;
            Ok(Pair { floor: run("floor", floor)?, server })
        }
    }

    fn run(&self, peer: &Peer, scenario: &Scenario, messages: u64) -> Result<Report> {
        let size = scenario.size;
        let before = peers::stats(self.sink.address)?;
        let report = load::run(&load::Options::of(peer, scenario, self.effort.sessions, messages))?;
        if report.failed > 0 {
            bail!("messages failed: {}\n{}", report.line(), peer.log_tail());
        }
        let after = peers::stats(self.sink.address)?;
        let (arrived, bytes) = (after.messages - before.messages, after.bytes - before.bytes);
        // The server may add to a message, never take away.
        if arrived != messages || bytes < messages * size as u64 {
            bail!(
                "{messages} messages of {size} B were answered 250; the sink got {arrived}, {bytes} B in all"
            );
        }
        Ok(report)
    }

    /// In fresh processes: what load has left in an allocator would hide what sessions take.
    fn idle_memory(&self, layer: Layer) -> Result<IdleMemory> {
        let measure = |peer: &Peer| idle::run(peer.address, peer.pid(), self.effort.idle_sessions, layer);
        let floor = measure(&self.start_floor(layer)?)?;
        let server = measure(&self.start_server(layer)?)?;
        Ok(IdleMemory { layer, floor, server })
    }
}
