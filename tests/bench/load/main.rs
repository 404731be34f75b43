//! The benchmark of the whole path, SMTP in and HTTP out, in one program: `floor`, `sink`, `relay`, `load`,
//! `compare`, `backends`, `telemetry`.
//!
//! `compare`, `backends` and `telemetry` are what one runs; the other four are their parts, and of use alone. What the
//! figures mean stands in `tests/bench/README.md`. It is not a test of correctness: it only makes sure that
//! every message was answered `250` and arrived.

mod backends;
#[path = "../../support/believing.rs"]
mod believing;
mod client;
mod compare;
mod floor;
mod idle;
mod load;
mod message;
mod peers;
mod process;
mod relay;
mod secure;
mod server;
mod session;
mod sink;
mod stream;
mod telemetry;
mod verdict;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "load", about = "Benchmarks of the path from SMTP to HTTP")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The least an SMTP to HTTP proxy can do: the yardstick.
    Floor(floor::Options),
    /// An HTTP server that takes everything and answers 204.
    Sink(sink::Options),
    /// A mail server that takes everything.
    Relay(relay::Options),
    /// Sends messages, or holds idle sessions, and measures.
    Load(load::Options),
    /// Runs mailchute against floor and prints the ratios.
    Compare(compare::Options),
    /// Runs mailchute in front of each kind of backend and prints what a message costs.
    Backends(backends::Options),
    /// Runs mailchute with and without an OpenTelemetry collector and prints what a message costs.
    Telemetry(telemetry::Options),
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` to what the user wrote.
    let arguments = Arguments::parse_from(std::env::args_os().filter(|argument| argument != "--bench"));
    let outcome = match arguments.command {
        Some(Command::Floor(options)) => floor::run(&options),
        Some(Command::Sink(options)) => sink::run(&options),
        Some(Command::Relay(options)) => relay::run(&options),
        Some(Command::Load(options)) => load::command(&options),
        Some(Command::Compare(options)) => compare::command(&options),
        Some(Command::Backends(options)) => backends::command(&options),
        Some(Command::Telemetry(options)) => telemetry::command(&options),
        None => Arguments::command().print_help().map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
