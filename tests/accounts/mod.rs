//! What is told of transactions to the page of `dev`: a front-end in this process, whose feed keeps accounts, between
//! real sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mailchute::compile::{Origin, compile};
use mailchute::metrics::Metrics;
use mailchute::pipeline::account::{Account, Who};
use mailchute::pipeline::feed::{Accounts, Feed, Told};
use mailchute::pipeline::{Budget, Serving};
use mailchute::server::{Options, Server};
use mailchute::source;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::manifests::Manifests;
use crate::support::until::PATIENCE;

mod conversation;
mod deliveries;
mod endings;
mod refusals;

/// A front-end in this process.
struct House {
    /// Where its listener `mx` is.
    smtp: SocketAddr,
    accounts: Accounts,
    feed: Feed,
    runtime: Runtime,
    _serving: watch::Sender<Arc<Serving>>,
    server: Option<Server>,
}

impl House {
    /// With a listener on `port`.
    fn open(port: u16, manifests: &Manifests) -> Self {
        Self::of(port, &manifests.yaml(), 100)
    }

    /// The same, for so many sessions at a time.
    fn of(port: u16, yaml: &str, max_sessions: usize) -> Self {
        let loaded = source::parse("manifests", yaml).unwrap();
        let gateway = loaded.snapshot.gateways().next().unwrap().clone();
        let plan = compile(&loaded.snapshot, &gateway, Origin::Files).plan.unwrap();
        let runtime = Runtime::new().unwrap();
        let (metrics, (feed, accounts)) = (Metrics::new(), Feed::with_accounts());
        let (serving, server) = runtime.block_on(async {
            let (serving, current) = watch::channel(Arc::new(Serving::new(plan, None, &metrics)));
            let budget = Arc::new(Budget::new(64 << 20, &metrics));
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let options = Options { address, max_sessions, drain_timeout: Duration::from_secs(1) };
            let mut server = Server::new(options, current, budget, metrics.clone(), feed.clone());
            server.apply().await.unwrap();
            (serving, server)
        });
        let smtp = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { smtp, accounts, feed, runtime, _serving: serving, server: Some(server) }
    }

    /// What is told next.
    fn next(&mut self) -> Told {
        let told = self.runtime.block_on(async { timeout(PATIENCE, self.accounts.next()).await });
        told.expect("something is told").unwrap()
    }

    /// Ends, and gives what was told and not read.
    fn end(mut self) -> Vec<Told> {
        let server = self.server.take().unwrap();
        self.runtime.block_on(async {
            server.drain().await;
            let mut rest = Vec::new();
            while let Ok(Some(told)) = timeout(Duration::ZERO, self.accounts.next()).await {
                rest.push(told);
            }
            rest
        })
    }
}

/// What was said, a line each, with a mark for who says it.
fn said(account: &Account) -> Vec<String> {
    assert!(account.transcript.iter().map(|line| line.at).is_sorted(), "{:?}", account.transcript);
    let line = |who, text: &str| match who {
        Who::Client => format!("C: {text}"),
        Who::Server => format!("S: {text}"),
        Who::Note => format!("({text})"),
    };
    account.transcript.iter().map(|entry| line(entry.who, &entry.text)).collect()
}

/// The same, less what is said before MAIL.
fn from_mail(account: &Account) -> Vec<String> {
    let said = said(account);
    let mail = said.iter().rposition(|line| line.starts_with("C: MAIL")).unwrap();
    said[mail..].to_vec()
}
