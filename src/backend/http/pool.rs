//! Idle connections to one backend.
//!
//! The youngest is used first, so that a burst's connections can end. One that the server closed is
//! found when it is taken, and at the latest by the sweep, a task that lives only while there are
//! idle connections. How many there are is bounded by the cap on deliveries at a time.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, sleep};

use super::connection::Connection;

/// How long a connection may be idle: under the keep-alive of common proxies (60 to 75 s). A
/// server with a shorter one says so in `Keep-Alive`, or its close is seen.
const IDLE: Duration = Duration::from_secs(30);
/// How long before the end of a server's own keep-alive its connections are given up.
const MARGIN: Duration = Duration::from_secs(1);
/// How often closed connections are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// The idle connections.
#[derive(Default)]
pub(super) struct Pool(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    /// The youngest is last.
    connections: Vec<Connection>,
    sweeping: bool,
}

impl Pool {
    /// The youngest idle connection that is still open.
    pub(super) async fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.lock().connections.pop()?;
            let ready = poll_fn(|cx| Poll::Ready(connection.is_ready(cx))).await;
            if ready && Instant::now() < connection.idle_until {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose last answer, with these `headers`, was read to its end.
    pub(super) async fn put(self: &Arc<Self>, mut connection: Connection, headers: &HeaderMap) {
        connection.rest(keep_alive(headers).map_or(IDLE, |theirs| theirs.saturating_sub(MARGIN).min(IDLE)));
        if !poll_fn(|cx| Poll::Ready(connection.is_ready(cx))).await {
            return;
        }
        let mut idle = self.lock();
        idle.connections.push(connection);
        if !idle.sweeping {
            idle.sweeping = true;
            tokio::spawn(sweep(Arc::clone(self)));
        }
    }

    /// Gives up all idle connections: one of them turned out to be closed.
    pub(super) fn clear(&self) {
        let stale = std::mem::take(&mut self.lock().connections);
        drop(stale);
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives up what is closed or old, until nothing is left.
async fn sweep(pool: Arc<Pool>) {
    loop {
        sleep(SWEEP).await;
        let now = Instant::now();
        let mut cx = Context::from_waker(Waker::noop());
        let mut idle = pool.lock();
        idle.connections.retain_mut(|connection| now < connection.idle_until && connection.is_ready(&mut cx));
        if idle.connections.is_empty() {
            idle.sweeping = false;
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
            let headers =
                HeaderMap::from_iter([(http::HeaderName::from_static("keep-alive"), value.parse().unwrap())]);
            assert_eq!(keep_alive(&headers), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
