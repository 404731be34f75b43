//! One file per subcommand, and how they end.

use std::io;
use std::time::Duration;

use crate::cli::{self, Cli, Command};
use crate::export::{Export, ExportError, Work};
use crate::metrics::Metrics;
use crate::server::PortError;
use crate::source::Unreadable;
use crate::telemetry::{self, LogFormat, TelemetryError};

pub mod check;
mod control;
pub mod crd;
mod dev;
mod draft;
pub mod explain;
mod front_end;
pub mod listener;
mod manifests;
pub mod probe;
pub mod send;
mod serve;
mod snapshots;
pub mod tail;
mod transcript;
mod verdict;

/// How a command ended, in the codes of sysexits(3) where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Ok,
    /// It failed while running.
    Failure,
    /// `EX_USAGE`: the arguments make no sense.
    Usage,
    /// `EX_DATAERR`: there is something wrong with the files.
    Data,
    /// `EX_UNAVAILABLE`: who is asked can't be reached.
    Unavailable,
    /// `EX_OSERR`: a port can't be opened, or another thing of the system is missing.
    System,
    /// `EX_TEMPFAIL`: who is asked says to come again.
    Temporary,
    /// `EX_PROTOCOL`: who is asked does not speak as it should.
    Protocol,
}

impl Exit {
    /// What the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::System => 71,
            Self::Temporary => 75,
            Self::Protocol => 76,
        }
    }
}

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
        source: io::Error,
    },
    /// What there is to say can't be written.
    #[error("can't write to standard output: {0}")]
    Output(#[from] io::Error),
    /// Logging.
    #[error("{0}")]
    Telemetry(#[from] TelemetryError),
    /// What goes to a collector.
    #[error("{0}")]
    Export(#[from] ExportError),
}

impl Failure {
    /// How the process ends by it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Telemetry(_) | Self::Export(_) => Exit::Usage,
            Self::Source(_) | Self::Config(_) => Exit::Data,
            Self::Port(_) | Self::System { .. } => Exit::System,
            Self::Output(_) => Exit::Failure,
        }
    }
}

/// For what blocks a thread when a command has ended, such as a name that is being looked up.
const LINGER: Duration = Duration::from_secs(2);

/// Runs a command to its end.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    let quiet = matches!(cli.command, Command::Dev(_));
    let filter = cli.log.log.as_deref().unwrap_or(if quiet { "warn" } else { "info" });
    let metrics = Metrics::new();
    let runs_on = matches!(cli.command, Command::Dev(_) | Command::Serve(_) | Command::Control(_));
    let export = if runs_on { Export::prepare(&cli::environment, filter, &metrics)? } else { None };
    let (layers, work) = export.map(Export::into_parts).unzip();
    let format = cli.log.log_format.unwrap_or_else(LogFormat::for_stderr);
    let _flush = telemetry::init(format, filter, layers.unwrap_or_default())?;
    // Ends before the log does, which says what went wrong.
    let _running = work.map(Work::start).transpose().map_err(ExportError::Thread)?;
    match cli.command {
        Command::Dev(arguments) => block_on(dev::run(arguments, metrics)),
        Command::Serve(arguments) => block_on(serve::run(arguments, metrics)),
        Command::Control(arguments) => block_on(control::run(*arguments, metrics)),
        Command::Check(arguments) => Ok(check::run(&arguments, &mut io::stdout())?),
        Command::Crd => Ok(crd::run(&mut io::stdout())?),
        Command::Explain(arguments) => Ok(explain::run(&arguments, &mut io::stdout())?),
        Command::Probe(arguments) => block_on(probe::run(arguments)),
        Command::Send(arguments) => block_on(send::run(*arguments)),
        Command::Tail(arguments) => block_on(tail::run(arguments)),
    }
}

fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| Failure::System { what: "can't start the runtime".into(), source })?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(LINGER);
    ended
}
