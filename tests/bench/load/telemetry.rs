//! `telemetry`: what a message costs mailchute where nothing is exported, and with all of it going to a real
//! OpenTelemetry collector; and, given an older program, what it cost that.
//!
//! Processor time is that of the server's process, until the collector has every span of the run: no cost is left
//! behind in a queue. In turns, so that ratios hold on a machine that drifts.

use crate::load;
use crate::peers::{self, Peer, free_port};
use crate::process;
use crate::secure::Layer;
use crate::verdict::{Scenario, median};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Where nothing is exported, a message costs at most this many times what it cost the older program.
const MAX_RATIO: f64 = 1.05;
/// Spans that wait at most: more than a run makes, so that none is dropped and the cost of all is seen.
const QUEUE: &str = "1048576";
/// How long the last spans may take to arrive.
const ARRIVED_WITHIN: Duration = Duration::from_secs(120);
/// A transaction's: itself, MAIL, RCPT, DATA, the message, its delivery.
const SPANS_OF_MESSAGE: u64 = 6;
/// A session's beside: itself, its begin, EHLO, QUIT.
const SPANS_OF_SESSION: u64 = 4;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The mailchute program, built for release.
    #[arg(long)]
    server: PathBuf,
    /// An older one to hold it against, built for release too.
    #[arg(long)]
    before: Option<PathBuf>,
    /// The otelcol program: in the folder that `tests/tools/build otelcol` prints.
    #[arg(long)]
    collector: PathBuf,
    /// Rounds of each scenario.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Messages of each run.
    #[arg(long, default_value_t = 10_000)]
    messages: u64,
    /// Sessions at a time.
    #[arg(long, default_value_t = 32)]
    sessions: u64,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario { layer: Layer::Plain, size: 1024, per_connection: 1 },
    Scenario { layer: Layer::Plain, size: 1024, per_connection: 100 },
    Scenario { layer: Layer::Plain, size: 10 * 1024, per_connection: 100 },
];

/// A collector that takes all, prints how many spans each batch had, and forgets them.
struct Collector(Peer);

/// A server, and what each run has cost it: microseconds of processor time a message, and the 99th percentile.
struct Side<'a> {
    name: &'static str,
    server: Peer,
    collector: Option<&'a Collector>,
    runs: Vec<(f64, f64)>,
}

pub(crate) fn command(options: &Options) -> Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let sink = Peer::sink(folder)?;
    let [grpc, http] =
        ["grpc", "http"].map(|protocol| Collector::start(&options.collector, folder, protocol));
    let (grpc, http) = (grpc?, http?);
    let side = |name, program: &Path, collector: Option<(&'static str, _)>| -> Result<Side<'_>> {
        let variables =
            collector.map_or_else(Vec::new, |(protocol, collector)| exporting(protocol, collector));
        let limit = 2 * options.sessions + 1000;
        let backend = peers::http(sink.address);
        let server = Peer::mailchute_under(program, &backend, folder, limit, Layer::Plain, &variables)?;
        Ok(Side { name, server, collector: collector.map(|(_, collector)| collector), runs: Vec::new() })
    };
    let mut sides = Vec::new();
    if let Some(before) = &options.before {
        sides.push(side("before", before, None)?);
    }
    sides.push(side("no exporter", &options.server, None)?);
    sides.push(side("gRPC", &options.server, Some(("grpc", &grpc)))?);
    sides.push(side("HTTP", &options.server, Some(("http/protobuf", &http)))?);
    let mut holds = true;
    for scenario in &SCENARIOS {
        measure(&mut sides, scenario, options)?;
        print(scenario, &sides);
        holds &= options.before.is_none() || sides[1].ratio(&sides[0]) <= MAX_RATIO;
    }
    if !holds {
        println!("MISSED: without an exporter at most {MAX_RATIO} times the processor time of before");
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn exporting(protocol: &str, collector: &Collector) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.0.address)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE.to_owned()),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", QUEUE.to_owned()),
        // The last ones, fewer than a batch, are soon there.
        ("OTEL_BSP_SCHEDULE_DELAY", "500".to_owned()),
    ]
}

/// Runs a scenario on all sides, in changing order.
fn measure(sides: &mut [Side<'_>], scenario: &Scenario, options: &Options) -> Result<()> {
    for side in &mut *sides {
        // Pools, caches and the allocator are filled before anything counts.
        side.run(scenario, options.sessions, options.messages / 5)?;
        side.runs.clear();
    }
    let count = sides.len();
    for round in 0..options.rounds.max(1) {
        for turn in 0..count {
            sides[(round + turn) % count].run(scenario, options.sessions, options.messages)?;
        }
    }
    Ok(())
}

impl Collector {
    fn start(program: &Path, folder: &Path, protocol: &str) -> Result<Self> {
        let address = free_port()?;
        let [configuration, log] =
            ["yaml", "log"].map(|end| folder.join(format!("otelcol-{protocol}.{end}")));
        fs::write(&configuration, written(address, protocol).to_string())?;
        let output = File::create(&log)?;
        let child = Command::new(program)
            .arg(format!("--config={}", configuration.display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let mut server = Peer { child, address, log };
        server.wait_until(|| TcpStream::connect(address).is_ok())?;
        Ok(Self(server))
    }

    /// Spans that have come so far.
    fn spans(&self) -> Result<u64> {
        let log = fs::read_to_string(&self.0.log)?;
        let counts = log.split("\"spans\": ").skip(1);
        Ok(counts
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok())
            .sum())
    }

    fn wait_for(&self, spans: u64) -> Result<()> {
        let started = Instant::now();
        while self.spans()? < spans {
            if started.elapsed() > ARRIVED_WITHIN {
                bail!("{} of {spans} spans have arrived:\n{}", self.spans()?, self.0.log_tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn written(address: SocketAddr, protocol: &str) -> serde_json::Value {
    let pipeline = serde_json::json!({"receivers": ["otlp"], "exporters": ["debug"]});
    serde_json::json!({
        "receivers": {"otlp": {"protocols": {protocol: {"endpoint": address.to_string()}}}},
        "exporters": {"debug": {"verbosity": "basic", "use_internal_logger": false}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "metrics": pipeline, "logs": pipeline},
        },
    })
}

impl Side<'_> {
    fn run(&mut self, scenario: &Scenario, sessions: u64, messages: u64) -> Result<()> {
        let pid = self.server.pid();
        let due = SPANS_OF_MESSAGE * messages + SPANS_OF_SESSION * (messages / scenario.per_connection);
        let due =
            self.collector.map(|collector| Ok::<_, anyhow::Error>(collector.spans()? + due)).transpose()?;
        let before = process::cpu_time(pid)?;
        let report = load::run(&load::Options::of(&self.server, scenario, sessions, messages))?;
        if report.failed > 0 {
            bail!("messages failed: {}\n{}", report.line(), self.server.log_tail());
        }
        if let Some((collector, due)) = self.collector.zip(due) {
            collector.wait_for(due)?;
        }
        let took = process::cpu_time(pid)?.saturating_sub(before);
        eprintln!("{scenario}, {}: {}", self.name, report.line());
        self.runs.push((took.as_secs_f64() * 1e6 / messages as f64, report.latency_us.p99));
        Ok(())
    }

    /// The median of the rounds' ratios.
    fn ratio(&self, other: &Self) -> f64 {
        median(self.runs.iter().zip(&other.runs).map(|((mine, _), (theirs, _))| mine / theirs))
    }
}

fn print(scenario: &Scenario, sides: &[Side<'_>]) {
    println!("{scenario}");
    println!("  {:<12} {:>10} {:>8} {:>9}", "", "CPU µs", "ratio", "p99 µs");
    for side in sides {
        let [cpu, p99] =
            [median(side.runs.iter().map(|(cpu, _)| *cpu)), median(side.runs.iter().map(|(_, p99)| *p99))];
        println!("  {:<12} {cpu:>10.1} {:>8.3} {p99:>9.0}", side.name, side.ratio(&sides[0]));
    }
}
