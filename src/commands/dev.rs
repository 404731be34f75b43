//! `mailchute dev`: all of it in one process, with an inbox to look at.

mod terminal;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};

use super::front_end::{self, Following, FrontEnd};
use super::manifests::{self, Config, Manifests};
use super::serve::bind;
use super::{Exit, Failure};
use crate::admin::{Admin, Readiness};
use crate::cli::{Bounds, Dev};
use crate::compile::{Origin, compile};
use crate::inbox::{self, Entry, Inbox};
use crate::metrics::Metrics;
use crate::pipeline::feed::Feed;
use crate::source;

use terminal::Terminal;

/// The manifests that are used when there are none of one's own.
const BUILT_IN: &str = include_str!("dev.yaml");

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(arguments: Dev, metrics: Metrics) -> Result<Exit, Failure> {
    let stopped = front_end::stopped();
    let bounds = Bounds {
        max_sessions: 1000,
        message_memory: 256 << 20,
        drain_delay: Duration::ZERO,
        drain_timeout: Duration::from_secs(10),
    };
    front_end::raise_file_limit(bounds.max_sessions);
    let (page, admin) = (bind("--page", arguments.page).await?, bind("--admin", arguments.admin).await?);
    let urls = (url(page.local_addr()), url(admin.local_addr()));
    let (manifests, config, address) = match &arguments.manifests {
        Some(folder) => {
            let (manifests, config) = Manifests::open(folder, arguments.gateway.as_deref())?;
            (Some(manifests), config, IpAddr::V4(Ipv4Addr::LOCALHOST))
        }
        None => (None, built_in(arguments.smtp, &urls.0)?, arguments.smtp.ip()),
    };
    let (readiness, (feed, accounts)) = (Readiness::default(), Feed::with_accounts());
    let front_end = FrontEnd::open(config, address, &bounds, &metrics, &readiness, &feed).await?;
    let smtp = front_end.addresses();
    let inbox =
        Inbox::new(&inbox::Options::new(smtp.first().map_or(arguments.smtp, |(_, address)| *address)));
    let following = tokio::spawn(inbox.clone().follow(accounts));
    let (stop, stops) = stops();
    let arrivals = inbox.arrivals();
    let servers = [
        tokio::spawn(inbox.serve(page, until(stops.0))),
        tokio::spawn(
            Admin { metrics: metrics.clone(), readiness, feed: Some(feed) }.serve(admin, until(stops.1)),
        ),
    ];
    let example = arguments.manifests.is_none().then_some("anyone@example.org");
    let terminal = Terminal::open();
    let (mut terminal, silence) =
        terminal.map_err(|source| Failure::System { what: "can't start a thread".into(), source })?;
    terminal.say(ready(&smtp, &urls, example));
    let printing = tokio::spawn(print(arrivals, terminal));
    let source = manifests.map_or(Following::Nothing, Following::Manifests);
    front_end.serve(source, stopped, &bounds).await;
    drop(stop);
    for server in servers {
        drop(server.await);
    }
    following.abort();
    printing.abort();
    // It has the terminal.
    drop(printing.await);
    silence.fall().await;
    Ok(Exit::Ok)
}

type Stop = oneshot::Sender<()>;
type Stops = oneshot::Receiver<()>;

fn stops() -> ((Stop, Stop), (Stops, Stops)) {
    let (page, admin) = (oneshot::channel(), oneshot::channel());
    ((page.0, admin.0), (page.1, admin.1))
}

async fn until(stops: Stops) {
    drop(stops.await);
}

fn url(address: std::io::Result<SocketAddr>) -> String {
    address.map_or_else(|error| error.to_string(), |address| format!("http://{address}"))
}

fn built_in(smtp: SocketAddr, page: &str) -> Result<Config, Failure> {
    let text = BUILT_IN
        .replace("SMTP_PORT", &smtp.port().to_string())
        .replace("INBOX_URL", &format!("{page}{}", inbox::INBOUND));
    let loaded = source::parse("built-in manifests", &text)?;
    let gateway = manifests::choose(&loaded, None)?;
    let compiled = compile(&loaded.snapshot, &gateway, Origin::Files);
    let config = compiled.plan.map(|plan| Config::of_files(plan, loaded.version));
    config.ok_or_else(|| {
        let findings: Vec<String> = compiled.findings.iter().map(ToString::to_string).collect();
        Failure::Config(format!("built-in manifests: {}", findings.join("; ")))
    })
}

/// `example` is a recipient who is taken for sure, if there is one.
fn ready(smtp: &[(Arc<str>, SocketAddr)], (page, admin): &(String, String), example: Option<&str>) -> String {
    let mut text = "Mailchute is ready.\n\n".to_owned();
    for (listener, address) in smtp {
        let hint = match example {
            Some(to) => format!("e.g. swaks --server {address} --to {to}"),
            None => format!("listener {listener}"),
        };
        text.push_str(&format!("  send mail to  {address}   {hint}\n"));
    }
    text.push_str(&format!("  read it at    {page}/\n  metrics at    {admin}/metrics\n\n"));
    text.push_str("Each message is listed here as it comes, or is refused. Stop with Ctrl-C.\n");
    text
}

/// A line per message.
async fn print(mut arrivals: broadcast::Receiver<Arc<Entry>>, mut terminal: Terminal) {
    loop {
        match arrivals.recv().await {
            Ok(entry) => terminal.say(line(&entry)),
            Err(RecvError::Lagged(missed)) => terminal.skip(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Recipients that a line names; the page has the rest.
const NAMED: usize = 3;

fn line(entry: &Entry) -> String {
    let printable = |text: &str| text.replace(char::is_control, "\u{fffd}");
    let mut to = entry.recipients.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let unnamed = entry.recipients.len().saturating_sub(NAMED) + entry.unnamed;
    if unnamed > 0 {
        to.push_str(&format!(" and {unnamed} more"));
    }
    let [time, from, to] = [&entry.time, &entry.sender, &to].map(|text| printable(text));
    let mut line = format!("{time}  {from} → {to}");
    if let Some(what) = entry.refusal() {
        line.push_str(&format!("  {}", printable(&what)));
    }
    // Of what was refused after its data the size alone is known.
    if entry.raw.is_some() {
        let subject = if entry.subject.is_empty() { "(no subject)" } else { &entry.subject };
        line.push_str(&format!("  “{}”", printable(subject)));
    }
    if let Some(octets) = entry.size {
        line.push_str(&format!("  {octets} octets"));
    }
    line.push('\n');
    line
}
