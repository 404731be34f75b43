//! Connections to one server that can take a request: idle ones of HTTP/1.1, and those of HTTP/2,
//! which are shared.
//!
//! The youngest idle one is used first, so that a burst's connections can end. One that the server
//! closed is found when it is taken, and at the latest by the sweep, a task that lives only while
//! there are connections. How many there are is bounded by whoever bounds the requests at a time.
//!
//! Over TLS it is not known before the handshake what a server speaks. One request has its turn to
//! dial, and others wait to see whether they can share what it gets; once the server has chosen
//! HTTP/1.1 nobody waits any more.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::http::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Content, http1, http2};
use crate::client::fault::Fault;

/// How long a connection may be idle: under the keep-alive of common proxies (60 to 75 s). A
/// server with a shorter one says so in `Keep-Alive`, or its close is seen.
const IDLE: Duration = Duration::from_secs(30);
/// How long before the end of a server's own keep-alive its connections are given up.
const MARGIN: Duration = Duration::from_secs(1);
/// How often closed connections are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// The connections of one server.
pub(super) struct Pool<B: Content>(Mutex<State<B>>);

struct State<B: Content> {
    /// HTTP/1.1; the youngest is last.
    idle: Vec<http1::Connection<B>>,
    /// HTTP/2.
    shared: Vec<http2::Connection>,
    dialing: Dialing,
    sweeping: bool,
}

/// Whether whoever needs a connection dials.
enum Dialing {
    /// Yes: what comes of it can't be shared.
    Each,
    /// One at a time, and nobody does now.
    Free,
    /// One at a time, and somebody does.
    Taken(watch::Receiver<Option<Fault>>),
}

/// What a request may do.
pub(super) enum Taken<B: Content> {
    /// Use this connection.
    One(http1::Connection<B>),
    /// Use this stream.
    Two(http2::Slot),
    /// Dial.
    Dial(Option<Turn<B>>),
    /// Wait for whoever dials, then ask again.
    Wait(Waiting),
}

/// The turn to dial; it ends when it is dropped.
pub(super) struct Turn<B: Content> {
    pool: Arc<Pool<B>>,
    failed: watch::Sender<Option<Fault>>,
}

impl<B: Content> Turn<B> {
    /// Those who wait fail by the same.
    pub(super) fn tell(&self, fault: &Fault) {
        self.failed.send_replace(Some(fault.clone()));
    }
}

impl<B: Content> Drop for Turn<B> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Dialing::Taken(_) = state.dialing {
            state.dialing = Dialing::Free;
        }
    }
}

/// Somebody else's turn.
pub(super) struct Waiting(watch::Receiver<Option<Fault>>);

impl Waiting {
    /// Until it is over; fails as it did.
    pub(super) async fn wait(mut self) -> Result<(), Fault> {
        match self.0.wait_for(Option::is_some).await {
            Ok(fault) => fault.clone().map_or(Ok(()), Err),
            Err(_) => Ok(()),
        }
    }
}

impl<B: Content> Pool<B> {
    /// None yet. Over TLS they might be shared.
    pub(super) fn new(tls: bool) -> Self {
        let dialing = if tls { Dialing::Free } else { Dialing::Each };
        Self(Mutex::new(State { idle: Vec::new(), shared: Vec::new(), dialing, sweeping: false }))
    }

    /// A free stream, the youngest idle connection that is still open, or what else to do.
    pub(super) async fn take(self: &Arc<Self>) -> Taken<B> {
        loop {
            let mut connection = {
                let mut state = self.lock();
                if let Some(slot) = state.stream() {
                    return Taken::Two(slot);
                }
                match state.idle.pop() {
                    Some(connection) => connection,
                    None => return self.dial(&mut state),
                }
            };
            let ready = poll_fn(|cx| Poll::Ready(connection.is_ready(cx))).await;
            if ready && Instant::now() < connection.idle_until {
                return Taken::One(connection);
            }
        }
    }

    fn dial(self: &Arc<Self>, state: &mut State<B>) -> Taken<B> {
        match &state.dialing {
            Dialing::Each => Taken::Dial(None),
            Dialing::Taken(turn) => Taken::Wait(Waiting(turn.clone())),
            Dialing::Free => {
                let (failed, turn) = watch::channel(None);
                state.dialing = Dialing::Taken(turn);
                Taken::Dial(Some(Turn { pool: Arc::clone(self), failed }))
            }
        }
    }

    /// The server has chosen HTTP/1.1.
    pub(super) fn speaks_one(&self) {
        self.lock().dialing = Dialing::Each;
    }

    /// Keeps a connection whose last answer, with these `headers`, was read to its end.
    pub(super) async fn put(self: &Arc<Self>, mut connection: http1::Connection<B>, headers: &HeaderMap) {
        connection.rest(keep_alive(headers).map_or(IDLE, |theirs| theirs.saturating_sub(MARGIN).min(IDLE)));
        if !poll_fn(|cx| Poll::Ready(connection.is_ready(cx))).await {
            return;
        }
        let mut state = self.lock();
        state.idle.push(connection);
        self.see_to_sweep(&mut state);
    }

    /// Shares a new connection, and takes its first stream.
    pub(super) fn share(self: &Arc<Self>, connection: http2::Connection) -> http2::Slot {
        let slot = connection.slot();
        let mut state = self.lock();
        if let Dialing::Each = state.dialing {
            // It used to speak HTTP/1.1.
            state.dialing = Dialing::Free;
        }
        state.shared.push(connection);
        self.see_to_sweep(&mut state);
        slot
    }

    /// Opens no more streams on a connection; those that it has go on.
    pub(super) fn retire(&self, gone: &Arc<http2::Shared>) {
        self.lock().shared.retain(|connection| !connection.is(gone));
    }

    /// Gives up all idle connections: one of them turned out to be closed.
    pub(super) fn clear(&self) {
        let stale = std::mem::take(&mut self.lock().idle);
        drop(stale);
    }

    fn see_to_sweep(self: &Arc<Self>, state: &mut State<B>) {
        if !state.sweeping {
            state.sweeping = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Content> State<B> {
    /// A free stream of the oldest connection that has one, so that those of a burst can end.
    fn stream(&mut self) -> Option<http2::Slot> {
        self.shared.retain_mut(http2::Connection::is_open);
        self.shared.iter().find_map(http2::Connection::room)
    }
}

/// Gives up what is closed or old, until nothing is left.
async fn sweep<B: Content>(pool: Weak<Pool<B>>) {
    loop {
        sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let now = Instant::now();
        let mut cx = Context::from_waker(Waker::noop());
        let mut state = pool.lock();
        state.idle.retain_mut(|connection| now < connection.idle_until && connection.is_ready(&mut cx));
        state.shared.retain_mut(|connection| {
            connection.is_open() && connection.quiet_since().is_none_or(|since| now < since + IDLE)
        });
        if state.idle.is_empty() && state.shared.is_empty() {
            state.sweeping = false;
            return;
        }
    }
}

/// The `timeout` of a `Keep-Alive` header (RFC 2068 §19.7.1.1), as Node and others send it.
fn keep_alive(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let timeout = value.split(',').find_map(|parameter| parameter.trim().strip_prefix("timeout="))?;
    timeout.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_keep_alive() {
        for (value, seconds) in [
            ("timeout=5", Some(5)),
            ("timeout=5, max=100", Some(5)),
            ("max=100, timeout=72", Some(72)),
            ("max=100", None),
            ("timeout=x", None),
        ] {
            let headers = HeaderMap::from_iter([(
                ::http::HeaderName::from_static("keep-alive"),
                value.parse().unwrap(),
            )]);
            assert_eq!(keep_alive(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
