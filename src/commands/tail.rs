//! `mailchute tail`: what becomes of a front-end's transactions, a line for each as it happens.
//!
//! It reads the admin port, from the pod itself or through `kubectl port-forward`; what is not asked for does not leave
//! the front-end, see `admin::view`.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::listener::{Place, place};
use super::{Exit, Failure};
use crate::client::http::PARAMETER;
use crate::plan::shown;

/// For one reading; the front-end answers within 5 s, also where nothing happens.
const PATIENCE: Duration = Duration::from_secs(15);
/// Octets of an answer: 256 transactions of at most 20 recipients each.
const MAX_ANSWER: usize = 16 << 20;

/// What to show.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "In a cluster: kubectl -n NAMESPACE port-forward POD 9464, for one front-end. Of a filter that is given \
                        several times any may match; of the recipients of a message the first 20 are named, and looked \
                        at. Exit codes: 0 as many as --count were shown, or who reads them has gone; 64 wrong command \
                        line; 69 no front-end there, or it has ended; 76 what answers is no front-end, or shows no \
                        transactions."
)]
pub struct TailArgs {
    /// The admin port of the front-end.
    #[arg(long, value_name = "HOST:PORT", value_parser = place, default_value = "127.0.0.1:9464")]
    pub admin: Place,
    /// Only those for this recipient, or for `@` and a domain.
    #[arg(long, value_name = "ADDRESS")]
    pub rcpt: Vec<String>,
    /// Only those of this sender, or of `@` and a domain; `<>` is the null reverse-path.
    #[arg(long, value_name = "ADDRESS")]
    pub from: Vec<String>,
    /// Only those of this client: an address or a network.
    #[arg(long, value_name = "IP")]
    pub client: Vec<String>,
    /// Only those that ended so: delivered, partial, deferred, refused, rejected, abandoned.
    #[arg(long, value_name = "OUTCOME")]
    pub outcome: Vec<String>,
    /// Show addresses whole, not only the first character of each local part.
    #[arg(long)]
    pub addresses: bool,
    /// A JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// End after so many transactions.
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
}

/// An answer of `/v1/transactions`.
#[derive(Debug, Deserialize)]
struct Reading {
    next: u64,
    missed: u64,
    transactions: Vec<Value>,
}

/// Why there is no reading.
#[derive(Debug, PartialEq, Eq)]
enum Unread {
    /// Nobody answers.
    Unavailable(String),
    /// The question is wrong.
    Asked(String),
    /// It is no front-end, or does not tell us.
    Protocol(String),
}

/// Shows them until there were as many as are asked for, or the front-end ends.
pub(super) async fn run(arguments: TailArgs) -> Result<Exit, Failure> {
    let (filters, mut after) = (filters(&arguments), None);
    let mut left = arguments.count.unwrap_or(usize::MAX);
    let mut out = io::stdout();
    while left > 0 {
        let reading = match read(&arguments.admin, &path(&filters, after)).await {
            Ok(reading) => reading,
            Err(Unread::Asked(problem)) => return Err(Failure::Usage(problem)),
            Err(Unread::Unavailable(problem)) => return said(&problem, Exit::Unavailable),
            Err(Unread::Protocol(problem)) => return said(&problem, Exit::Protocol),
        };
        if reading.missed > 0 {
            let why = "they came too fast, or while nothing was read";
            said(&format!("{} transactions were missed: {why}", reading.missed), Exit::Ok)?;
        }
        let shown = reading.transactions.iter().take(left);
        match show(&mut out, shown, arguments.json) {
            // Who reads has seen enough, as `head` has.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
        left = left.saturating_sub(reading.transactions.len());
        after = Some(reading.next);
    }
    Ok(Exit::Ok)
}

fn show<'a>(
    out: &mut impl Write,
    transactions: impl Iterator<Item = &'a Value>,
    json: bool,
) -> io::Result<()> {
    for transaction in transactions {
        let line = if json { transaction.to_string() } else { line(transaction) };
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// What is no transaction goes to standard error.
fn said(problem: &str, exit: Exit) -> Result<Exit, Failure> {
    writeln!(io::stderr(), "mailchute: {problem}")?;
    Ok(exit)
}

fn filters(arguments: &TailArgs) -> String {
    let mut query = String::new();
    let TailArgs { rcpt, from, client, outcome, .. } = arguments;
    for (name, values) in [("recipient", rcpt), ("sender", from), ("client", client), ("outcome", outcome)] {
        for value in values {
            query.extend(["&", name, "="].into_iter().chain(utf8_percent_encode(value, PARAMETER)));
        }
    }
    if arguments.addresses {
        query.push_str("&addresses=whole");
    }
    query
}

fn path(filters: &str, after: Option<u64>) -> String {
    let after = after.map(|after| format!("after={after}")).unwrap_or_default();
    format!("/v1/transactions?{after}{filters}")
}

async fn read(place: &Place, path: &str) -> Result<Reading, Unread> {
    let unavailable = |why: &str| {
        let how = "is a front-end's admin port there? In a cluster: kubectl port-forward POD 9464";
        Unread::Unavailable(format!("{place}: {why}; {how}"))
    };
    let answer = timeout(PATIENCE, fetch(place, path)).await.map_err(|_| unavailable("no answer in time"))?;
    let no_front_end = || Unread::Protocol(format!("{place}: what answers is no front-end"));
    let (status, body) = answer.map_err(|lost| match lost {
        Lost::Silent(problem) => unavailable(&problem),
        Lost::Babel => no_front_end(),
    })?;
    let words = || shown(String::from_utf8_lossy(&body).trim());
    match status {
        StatusCode::OK => serde_json::from_slice(&body).map_err(|_| no_front_end()),
        StatusCode::BAD_REQUEST => Err(Unread::Asked(words())),
        StatusCode::FORBIDDEN => Err(Unread::Protocol(format!("{place}: {}", words()))),
        _ => Err(Unread::Protocol(format!("{place}: what answers is no front-end that shows transactions"))),
    }
}

/// Why there is no answer.
enum Lost {
    /// The connection does not come about, or ends.
    Silent(String),
    /// What answers does not speak HTTP, or has too much to say.
    Babel,
}

impl Lost {
    fn of(error: &hyper::Error) -> Self {
        // A request is called off because of what was read before it was written.
        if let Some(cause) = error.source().and_then(|source| source.downcast_ref()) {
            return Self::of(cause);
        }
        let ended = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
        let broken = error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some();
        if ended || broken { Self::Silent(error.to_string()) } else { Self::Babel }
    }
}

async fn fetch(place: &Place, path: &str) -> Result<(StatusCode, Bytes), Lost> {
    let stream =
        TcpStream::connect(place.address()).await.map_err(|error| Lost::Silent(error.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| Lost::of(&error))?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, place.to_string()).body(Empty::<Bytes>::new());
    let answer = match sender.send_request(request.map_err(|error| Lost::Silent(error.to_string()))?).await {
        Ok(answer) => answer,
        Err(error) => {
            drop(sender);
            // Who drives the connection knows best why it ended.
            let of_connection = driver.await.ok().and_then(Result::err);
            return Err(Lost::of(of_connection.as_ref().unwrap_or(&error)));
        }
    };
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| error.downcast_ref().map_or(Lost::Babel, Lost::of))?;
    driver.abort();
    Ok((head.status, body.to_bytes()))
}

/// A transaction for people.
fn line(transaction: &Value) -> String {
    let text = |name: &str| transaction[name].as_str().map(shown);
    let mut line = [text("at"), text("outcome")].into_iter().flatten().collect::<Vec<_>>().join("  ");
    if let Some(code) = transaction["code"].as_u64() {
        let _ = write!(line, " {code}");
    }
    if let Some(stage) = text("stage").filter(|stage| stage != "message") {
        let _ = write!(line, " at {stage}");
    }
    let recipients = transaction["recipients"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let recipients = recipients.map(shown).collect::<Vec<_>>().join(", ");
    let sender = text("sender").unwrap_or_default();
    let arrow = if recipients.is_empty() { "" } else { " → " };
    let _ = write!(line, "  {sender}{arrow}{recipients}");
    if let Some(unnamed) = transaction["unnamed"].as_u64().filter(|unnamed| *unnamed > 0) {
        let _ = write!(line, " and {unnamed} more");
    }
    let client = text("client").unwrap_or_default();
    let _ = write!(line, "  from {client} at {}", text("listener").unwrap_or_default());
    if let Some(user) = text("user") {
        let _ = write!(line, " as {user}");
    }
    if let (Some(route), Some(backend)) = (text("route"), text("backend")) {
        let _ = write!(line, "  by {route} to {backend}");
    }
    if let (Some(size), Some(took)) = (transaction["size"].as_u64(), transaction["tookMs"].as_f64()) {
        let _ = write!(line, "  {size} octets in {took:.1} ms");
    }
    if let Some(id) = text("id") {
        let _ = write!(line, "  {id}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stand_in_the_query() {
        let arguments = TailArgs {
            admin: place("127.0.0.1:9464").unwrap(),
            rcpt: vec!["a+b@example.org".to_owned(), "@ü.test".to_owned()],
            from: vec!["<>".to_owned()],
            client: vec!["2001:db8::/32".to_owned()],
            outcome: vec!["refused".to_owned()],
            addresses: true,
            json: false,
            count: None,
        };
        assert_eq!(
            path(&filters(&arguments), Some(7)),
            "/v1/transactions?after=7&recipient=a%2Bb%40example.org&recipient=%40%C3%BC.test&sender=%3C%3E\
             &client=2001%3Adb8%3A%3A%2F32&outcome=refused&addresses=whole"
        );
    }

    #[test]
    fn a_line_tells_what_is_known() {
        let whole = serde_json::json!({
            "at": "2026-01-01T00:00:00.000Z", "stage": "message", "id": "01a2", "listener": "mx",
            "client": "192.0.2.7", "user": "a…", "sender": "<>", "recipients": ["b…@x.test", "c…@x.test"],
            "unnamed": 2, "route": "n/r", "backend": "n/b", "size": 295, "outcome": "delivered", "code": 250,
            "tookMs": 1.25
        });
        assert_eq!(
            line(&whole),
            "2026-01-01T00:00:00.000Z  delivered 250  <> → b…@x.test, c…@x.test and 2 more  from 192.0.2.7 at mx as a…  \
             by n/r to n/b  295 octets in 1.2 ms  01a2"
        );
        let part = serde_json::json!({
            "at": "now", "stage": "RCPT", "listener": "mx", "client": "::1", "sender": "a…@x", "recipients": ["b…@y"],
            "unnamed": 0, "outcome": "rejected", "code": 550
        });
        assert_eq!(line(&part), "now  rejected 550 at RCPT  a…@x → b…@y  from ::1 at mx");
    }
}
