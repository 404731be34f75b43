//! One file per subcommand, and how they end.

use crate::cli::{Cli, Command, exit};
use crate::server::PortError;
use crate::source::Unreadable;
use crate::telemetry::{self, LogFormat, TelemetryError};

mod dev;
mod front_end;
mod manifests;
mod serve;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for what can't be.
    #[error("{0}")]
    Usage(String),
    /// Manifests can't be read.
    #[error("{0}")]
    Source(#[from] Unreadable),
    /// Manifests can be read, but there is nothing to serve.
    #[error("{0}")]
    Config(String),
    /// A port of a listener.
    #[error("{0}")]
    Port(#[from] PortError),
    /// Another thing of the system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Logging.
    #[error("{0}")]
    Telemetry(#[from] TelemetryError),
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Telemetry(_) => exit::USAGE,
            Self::Source(_) | Self::Config(_) => exit::CONFIG,
            Self::Port(_) | Self::System { .. } => exit::SYSTEM,
        }
    }
}

/// Runs a command to its end; `Ok` holds the exit code.
pub fn run(cli: Cli) -> Result<u8, Failure> {
    let quiet = matches!(cli.command, Command::Dev(_));
    let filter = cli.log.log.as_deref().unwrap_or(if quiet { "warn" } else { "info" });
    let _flush = telemetry::init(cli.log.log_format.unwrap_or_else(LogFormat::for_stderr), filter)?;
    match cli.command {
        Command::Dev(arguments) => block_on(dev::run(arguments)),
        Command::Serve(arguments) => block_on(serve::run(arguments)),
    }
}

fn block_on(work: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|source| Failure::System { what: "can't start the runtime".into(), source })?
        .block_on(work)
}
