//! A client of NATS: requests to one server, over one connection that is made anew whenever it breaks.
//!
//! ```text
//! Client::connection ─▶ connection ◀── keep (connect, wait until it breaks, pause)
//!                            │              │
//!                            ▼              ▼
//!                        protocol       handshake ─▶ dial, TLS
//! ```
//!
//! It is one of our own since what there is (async-nats) keeps what is published until it is connected again
//! and sends it then: long after the sender was told that it was not taken, and outside the byte budget. It
//! also looks up names itself, so that it can't be kept from link-local addresses, and follows those that a
//! server names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::fault::{Again, Fault, Kind};
use crate::plan;
use handshake::Server;

mod connection;
mod handshake;
mod protocol;

pub(crate) use connection::{Answer, Connection};

/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The pause behind the first attempt that failed; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A connection that breaks sooner is no better than an attempt that failed: a server may take one, and
/// then put it out each time.
const STEADY: Duration = Duration::from_secs(5);

/// One server, and the connection to it.
pub(crate) struct Client {
    server: Arc<Server>,
    standing: watch::Sender<Standing>,
    keeper: OnceLock<Keeper>,
}

/// How it stands with the connection.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    /// The connection, while there is one.
    pub(crate) connection: Option<Arc<Connection>>,
    /// Why there is none: of the last attempt, or of the connection that broke.
    pub(crate) fault: Option<Fault>,
    /// Attempts that failed, ever.
    failed: u64,
}

/// The task that keeps the connection; it ends with the client.
struct Keeper(AbortHandle);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// Begins to connect, where there is a runtime; else the first request does.
    ///
    /// Fails, in words, where certificates or names can't be used.
    pub(crate) fn new(nats: &plan::Nats) -> Result<Self, &'static str> {
        let server = Arc::new(Server::new(nats)?);
        let client = Self { server, standing: watch::Sender::default(), keeper: OnceLock::new() };
        if let Ok(runtime) = Handle::try_current() {
            client.keep(&runtime);
        }
        Ok(client)
    }

    fn keep(&self, runtime: &Handle) {
        self.keeper.get_or_init(|| {
            let task = runtime.spawn(keep(Arc::clone(&self.server), self.standing.clone()));
            Keeper(task.abort_handle())
        });
    }

    /// Octets of headers and message together, at most; known while there is a connection.
    pub(crate) fn max_payload(&self) -> Option<u64> {
        self.standing.borrow().connection.as_ref().map(|connection| connection.max_payload())
    }

    /// Tells of every change of the connection.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The connection, as soon as there is one. Fails by `deadline`, or when `attempts` to connect have
    /// failed since it was asked for, or one that would fail again.
    pub(crate) async fn connection(
        &self,
        attempts: u32,
        deadline: Instant,
    ) -> Result<Arc<Connection>, Fault> {
        self.keep(&Handle::current());
        let mut standing = self.standing.subscribe();
        let before = standing.borrow_and_update().failed;
        let connected = async {
            loop {
                {
                    let now = standing.borrow_and_update();
                    if let Some(connection) = &now.connection {
                        return Ok(Arc::clone(connection));
                    }
                    let failed = now.failed - before;
                    if let Some(fault) = now.fault.as_ref().filter(|_| failed > 0)
                        && (failed >= u64::from(attempts) || fault.again == Again::No)
                    {
                        return Err(fault.clone());
                    }
                }
                if standing.changed().await.is_err() {
                    return Err(Fault::connect(Kind::Unreachable, "the connection is not kept any more"));
                }
            }
        };
        let late = |_| Err(Fault::connect(Kind::Timeout, "no connection in time"));
        timeout_at(deadline, connected).await.unwrap_or_else(late)
    }
}

/// Connects, waits until the connection is broken, and connects again, until the client is gone.
async fn keep(server: Arc<Server>, standing: watch::Sender<Standing>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match Connection::open(&server, Instant::now() + CONNECT).await {
            Ok(connection) => {
                let born = Instant::now();
                let connection = Arc::new(connection);
                let there = Some(Arc::clone(&connection));
                standing.send_modify(|standing| (standing.connection, standing.fault) = (there, None));
                let fault = connection.broken().await;
                if born.elapsed() >= STEADY {
                    pause = FIRST_PAUSE;
                }
                standing.send_modify(|standing| (standing.connection, standing.fault) = (None, Some(fault)));
            }
            Err(fault) => standing.send_modify(|standing| {
                standing.fault = Some(fault);
                standing.failed += 1;
            }),
        }
        // Front-ends that lost a server together do not come back together.
        sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}
