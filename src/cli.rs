//! Typed arguments, and what reads the environment; OpenTelemetry's SDK reads its sampler and its limits of spans itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::commands::{check, explain, probe, send, tail};
use crate::source::remote::Address;
use crate::telemetry::LogFormat;

mod control;

pub use control::{Certificate, Control, Identity};

/// The front door for mail in a Kubernetes cluster: SMTP in, HTTP out.
///
/// Exit codes: 0 done; 1 failed while running; 64 wrong command line; 65 wrong configuration;
/// 71 a port or another thing of the system can't be had. `probe`, `send` and `tail` have more of their own.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    /// Logging.
    pub log: Log,
}

/// Logging, for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct Log {
    /// What is logged, as directives of the RUST_LOG form, e.g. `info,mailchute=debug`. Default: info; warn for dev.
    #[arg(long, global = true, env = "RUST_LOG", value_name = "DIRECTIVES")]
    pub log: Option<String>,
    /// How log lines look. Human on a terminal, else JSON.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One process to try it: SMTP on 127.0.0.1:2525, an HTTP inbox behind it, a page to read it.
    Dev(Dev),
    /// The front-end: takes mail and delivers it as the manifests say.
    Serve(Serve),
    /// The controller: reads a cluster's objects, sends each front-end its gateway's, and writes their status.
    Control(Box<Control>),
    /// Lints manifests: the findings that a cluster would show as conditions.
    Check(check::CheckArgs),
    /// Says which gateway, policy, route and backend would take a recipient, and why.
    Explain(explain::ExplainArgs),
    /// Prints the CustomResourceDefinitions: `mailchute crd | kubectl apply --server-side -f -`.
    Crd,
    /// Holds one SMTP conversation with a front-end, prints it, and tells by its exit code how it went.
    Probe(probe::ProbeArgs),
    /// Sends a test message, prints how with the time of each line, and says what to do where it does not go through.
    Send(Box<send::SendArgs>),
    /// Shows what becomes of a front-end's transactions, as it happens.
    Tail(tail::TailArgs),
}

/// What a variable of the environment says that is nobody's argument.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `mailchute dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Where SMTP listens. With your own manifests their listeners say it.
    #[arg(long, default_value = "127.0.0.1:2525", value_name = "IP:PORT", conflicts_with = "manifests")]
    pub smtp: SocketAddr,
    /// Where page and inbox listen.
    #[arg(long, default_value = "127.0.0.1:8025", value_name = "IP:PORT")]
    pub page: SocketAddr,
    /// Where metrics and health listen.
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "IP:PORT")]
    pub admin: SocketAddr,
    /// A folder of your own manifests instead of the built-in ones; it is watched, and their listeners open on
    /// 127.0.0.1.
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// Which gateway, where the manifests have several.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub gateway: Option<String>,
}

/// `mailchute serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The folder of manifests; it is watched.
    #[arg(long, value_name = "DIR", required_unless_present = "controller", conflicts_with = "controller")]
    pub manifests: Option<PathBuf>,
    /// Which gateway: where the manifests have several, and always with --controller.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub gateway: Option<String>,
    #[command(flatten)]
    /// The controller.
    pub follow: Follow,
    /// The address that listeners open on.
    #[arg(long, default_value_t = IpAddr::V6(Ipv6Addr::UNSPECIFIED), value_name = "IP")]
    pub address: IpAddr,
    /// Where metrics and health listen.
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9464), value_name = "IP:PORT")]
    pub admin: SocketAddr,
    /// Where backends ask to have senders told of recipients that they could not serve: `POST /v1/bounces`. For
    /// backends only, not for the world. Unset: nowhere.
    #[arg(long, value_name = "IP:PORT")]
    pub bounces_address: Option<SocketAddr>,
    #[command(flatten)]
    /// Bounds of the process.
    pub bounds: Bounds,
}

/// A controller instead of manifests.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Controller")]
pub struct Follow {
    /// The controller that sends the gateway's configuration, instead of --manifests.
    #[arg(long, value_name = "https://HOST:PORT", requires = "gateway")]
    pub controller: Option<Address>,
    /// The CA certificates by which the controller is known, PEM. Read before each connection.
    #[arg(long, value_name = "FILE", default_value = "/etc/mailchute/ca/ca.crt")]
    pub controller_ca: PathBuf,
    /// The service-account token that is shown to the controller. Read before each request.
    #[arg(long, value_name = "FILE", default_value = "/var/run/secrets/mailchute.dev/token")]
    pub controller_token: PathBuf,
    /// Where to keep a copy of the last good snapshot, which holds Secrets: it is served where the controller is
    /// away at the start. In a memory-backed folder, best.
    #[arg(long, value_name = "FILE")]
    pub snapshot_copy: Option<PathBuf>,
}

/// Bounds of the process.
#[derive(Debug, Clone, Args)]
pub struct Bounds {
    /// Sessions in all.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub max_sessions: usize,
    /// Memory for messages, e.g. 512Mi.
    #[arg(long, default_value = "512Mi", value_parser = size, value_name = "SIZE")]
    pub message_memory: usize,
    /// How long new sessions are still taken after SIGTERM, while load balancers notice.
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub drain_delay: Duration,
    /// How long sessions may take to end after that.
    #[arg(long, default_value = "120s", value_parser = duration, value_name = "TIME")]
    pub drain_timeout: Duration,
}

pub(crate) fn size(text: &str) -> Result<usize, String> {
    let size: crate::api::Size = text.parse().map_err(|error| format!("{error}"))?;
    usize::try_from(size.bytes()).map_err(|_| "too large for this machine".to_owned())
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration: crate::api::Duration = text.parse().map_err(|error| format!("{error}"))?;
    Ok(duration.as_std())
}
