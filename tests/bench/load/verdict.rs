//! What `compare` found: medians, ratios to the floor, and whether the targets hold.

use crate::idle;
use crate::load::Report;
use crate::secure::Layer;
use serde::Serialize;
use std::fmt;

/// At most this many times the floor's processor time for a message.
const MAX_CPU_RATIO: f64 = 1.3;
/// At least this share of the floor's messages per second.
const MIN_THROUGHPUT_RATIO: f64 = 0.8;
/// At most this many times the floor's time from the end of the data to `250`, at the 99th percentile.
const MAX_P99_RATIO: f64 = 1.5;
/// At most this much memory for an idle session after EHLO.
const MAX_IDLE_KIB: f64 = 6.0;
/// The same inside TLS.
const MAX_IDLE_TLS_KIB: f64 = 18.0;

/// What is sent, and how.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) layer: Layer,
    /// Octets of a message.
    pub(crate) size: usize,
    /// Messages of a connection.
    pub(crate) per_connection: u64,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, size, per_connection } = self;
        write!(f, "{layer:?}, {size} B, {per_connection} per connection")
    }
}

/// One round: both runs, one right after the other.
#[derive(Serialize)]
pub(crate) struct Pair {
    pub(crate) floor: Report,
    pub(crate) server: Report,
}

/// A figure on both sides, and the median of the rounds' ratios of server to floor.
#[derive(Serialize)]
pub(crate) struct Figure {
    floor: f64,
    server: f64,
    ratio: f64,
}

/// All rounds of one scenario.
#[derive(Serialize)]
pub(crate) struct Comparison {
    scenario: Scenario,
    cpu_us_per_message: Figure,
    messages_per_second: Figure,
    p99_us: Figure,
    rounds: Vec<Pair>,
}

#[derive(Serialize)]
pub(crate) struct IdleMemory {
    pub(crate) layer: Layer,
    pub(crate) floor: idle::Report,
    pub(crate) server: idle::Report,
}

#[derive(Serialize)]
pub(crate) struct Verdict {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) idle: Vec<IdleMemory>,
}

impl Comparison {
    pub(crate) fn new(scenario: Scenario, rounds: Vec<Pair>) -> Self {
        let cpu =
            |report: &Report| report.server.as_ref().map_or(f64::NAN, |server| server.cpu_us_per_message);
        Self {
            scenario,
            cpu_us_per_message: Figure::of(&rounds, cpu),
            messages_per_second: Figure::of(&rounds, |report| report.messages_per_second),
            p99_us: Figure::of(&rounds, |report| report.latency_us.p99),
            rounds,
        }
    }
}

impl Figure {
    fn of(rounds: &[Pair], figure: impl Fn(&Report) -> f64) -> Self {
        Self {
            floor: median(rounds.iter().map(|pair| figure(&pair.floor))),
            server: median(rounds.iter().map(|pair| figure(&pair.server))),
            ratio: median(rounds.iter().map(|pair| figure(&pair.server) / figure(&pair.floor))),
        }
    }
}

/// The middle of them.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

impl Verdict {
    /// A line for each target that is not held. A ratio that is no number holds none.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut hold = |what: String, value: f64, holds: bool, bound: String| {
            if !holds {
                missed.push(format!("{what}: {value:.2}, target {bound}"));
            }
        };
        for comparison in &self.comparisons {
            let scenario = comparison.scenario;
            let cpu = comparison.cpu_us_per_message.ratio;
            hold(format!("CPU, {scenario}"), cpu, cpu <= MAX_CPU_RATIO, format!("≤ {MAX_CPU_RATIO}"));
            let rate = comparison.messages_per_second.ratio;
            hold(
                format!("throughput, {scenario}"),
                rate,
                rate >= MIN_THROUGHPUT_RATIO,
                format!("≥ {MIN_THROUGHPUT_RATIO}"),
            );
            let p99 = comparison.p99_us.ratio;
            hold(format!("p99, {scenario}"), p99, p99 <= MAX_P99_RATIO, format!("≤ {MAX_P99_RATIO}"));
        }
        for IdleMemory { layer, server, .. } in &self.idle {
            let most = match layer {
                Layer::Plain => MAX_IDLE_KIB,
                Layer::Tls => MAX_IDLE_TLS_KIB,
            };
            let idle = server.bytes_per_session / 1024.0;
            hold(format!("KiB per idle session, {layer:?}"), idle, idle <= most, format!("≤ {most}"));
        }
        missed
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>26} | {:^27} | {:^27} | {:^27}", "", "CPU µs per message", "messages/s", "p99 µs")?;
        let columns = format!("{:>9} {:>9} {:>7}", "floor", "server", "ratio");
        writeln!(f, "{:>5} {:>9} {:>10} | {columns} | {columns} | {columns}", "layer", "size", "per conn.")?;
        for comparison in &self.comparisons {
            let Scenario { layer, size, per_connection } = comparison.scenario;
            write!(f, "{:>5} {size:>9} {per_connection:>10}", format!("{layer:?}"))?;
            for figure in
                [&comparison.cpu_us_per_message, &comparison.messages_per_second, &comparison.p99_us]
            {
                let Figure { floor, server, ratio } = figure;
                write!(f, " | {floor:>9.1} {server:>9.1} {ratio:>7.2}")?;
            }
            writeln!(f)?;
        }
        for (at, IdleMemory { layer, floor, server }) in self.idle.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{layer:?}, floor:  {floor}\n{layer:?}, server: {server}")?;
        }
        Ok(())
    }
}
