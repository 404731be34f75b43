//! The inbox of `mailchute dev`: an HTTP endpoint that takes what the HTTP backend posts, and a page to read it.
//!
//! A receiver like anyone's own: it knows nothing of the data path and hears only what the wire says
//! (CloudEvents 1.0, HTTP protocol binding, binary mode). It keeps the newest messages in memory and
//! forgets the rest; it is no place for mail that matters.
//!
//! ```text
//! POST /inbound                    takes an event
//! GET  /                           the list, for people
//! GET  /messages/{id}              one message, for people
//! GET  /api/v1/messages?limit=     the list, newest first
//! GET  /api/v1/messages/{id}       one message: envelope, event, header fields, text
//! GET  /api/v1/messages/{id}/raw   its octets as they were posted
//! ```

mod event;
mod mail;
mod page;
mod site;
mod store;
mod view;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;

use crate::admin::listen::{self, Limits};

use site::Site;
use store::Store;

pub use mail::Mail;

/// The path that takes events.
pub const INBOUND: &str = "/inbound";

/// The backend's connections at its cap, and a browser's. Idle for longer than a pool keeps them.
const LIMITS: Limits = Limits {
    connections: 1024,
    per_address: 1024,
    idle: Duration::from_secs(120),
    age: Duration::from_secs(3600),
    grace: Duration::from_secs(5),
};

/// How many arrivals a subscriber may lag behind.
const ARRIVALS: usize = 256;

/// What an inbox keeps, and what it tells of itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// Messages kept; the oldest go first.
    pub max_messages: usize,
    /// Octets kept; the oldest go first. A message over it is not taken. What is still arriving comes on top.
    pub max_bytes: usize,
    /// Where mail is to be sent, for the hint on the empty page.
    pub smtp: SocketAddr,
}

impl Options {
    /// 1,000 messages or 256 MiB, whichever comes first.
    pub fn new(smtp: SocketAddr) -> Self {
        Self { max_messages: 1_000, max_bytes: 256 << 20, smtp }
    }
}

/// An inbox. Clones share what it holds.
#[derive(Debug, Clone)]
pub struct Inbox {
    store: Arc<Store>,
    arrivals: broadcast::Sender<Arc<Mail>>,
    smtp: SocketAddr,
}

impl Inbox {
    /// An empty inbox.
    pub fn new(options: &Options) -> Self {
        Self {
            store: Arc::new(Store::new(options.max_messages, options.max_bytes)),
            arrivals: broadcast::Sender::new(ARRIVALS),
            smtp: options.smtp,
        }
    }

    /// Everything that comes in from now on.
    pub fn arrivals(&self) -> broadcast::Receiver<Arc<Mail>> {
        self.arrivals.subscribe()
    }

    /// Serves until `shutdown` is done and the answers under way are out.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let bound = match listener.local_addr() {
            Ok(address) => address.ip(),
            Err(error) => return tracing::error!(%error, "the inbox has no address"),
        };
        let site = Arc::new(Site { inbox: self, bound });
        let handle = move |request| {
            let site = Arc::clone(&site);
            async move { site.answer(request).await }
        };
        listen::serve(listener, LIMITS, handle, shutdown).await;
    }

    fn take(&self, mail: Mail) {
        let mail = self.store.push(mail);
        // Nobody listening is fine.
        let _ = self.arrivals.send(mail);
    }
}

#[cfg(test)]
mod tests;
