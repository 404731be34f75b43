//! The inbox of `mailchute dev`: an HTTP endpoint that takes what the HTTP backend posts, and a page to read it.
//!
//! A receiver like anyone's own: it hears what the wire says (CloudEvents 1.0, HTTP protocol binding, binary mode).
//! Beside that it [follows](Inbox::follow) what the front-end of its own process tells of each transaction: how it came,
//! which way it went and why, and what never became a message. The two meet by the transaction's id. It keeps the newest
//! messages in memory and forgets the rest; it is no place for mail that matters.
//!
//! ```text
//! POST   /inbound                       takes an event
//! GET    /?q=&before=                   the list, for people
//! GET    /events?q=&after=              what comes, for the list that is open: its rows
//! GET    /messages/{id}?view=           one message, for people: text, html, headers, attachments…
//! GET    /messages/{id}/html            its HTML, as a document that loads and runs nothing
//! GET    /messages/{id}/parts/{n}       a part of it as a file: its octets before they were encoded
//! GET    /messages/{id}/raw             its octets as they were posted
//! GET    /api/v1/messages?q=&before=&limit=   the list, newest first
//! DELETE /api/v1/messages               forgets all
//! GET    /api/v1/messages/{id}          one message: envelope, event, header fields, text, attachments
//! GET    /api/v1/messages/{id}/raw      as above
//! GET    /api/v1/events?q=&after=       what comes, as it comes: server-sent events
//! ```
//!
//! `q` are words that all stand in sender, recipients or subject, or are the outcome; `before` is the `place` of a message,
//! `after` the id of an event.

mod bodies;
pub(crate) mod content;
mod entry;
mod event;
mod events;
mod field;
pub(crate) mod html;
mod mail;
mod page;
mod part;
mod query;
mod site;
mod store;
pub(crate) mod structure;
mod view;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use crate::admin::listen::{self, Limits};
use crate::pipeline::feed::Accounts;

use site::Site;
use store::Store;

pub use entry::Entry;
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
    /// Octets kept, of messages and of what is known of them; the oldest go first. A message over it is not taken. What is
    /// still arriving, or is being read or sent, comes on top.
    pub max_bytes: usize,
    /// Where mail is to be sent, for the hint on the empty page.
    pub smtp: SocketAddr,
}

impl Options {
    /// 10,000 messages or 256 MiB, whichever comes first.
    pub fn new(smtp: SocketAddr) -> Self {
        Self { max_messages: 10_000, max_bytes: 256 << 20, smtp }
    }
}

/// An inbox. Clones share what it holds.
#[derive(Debug, Clone)]
pub struct Inbox {
    store: Arc<Store>,
    /// Tells this process from others before and after it.
    instance: Arc<str>,
    arrivals: broadcast::Sender<Arc<Entry>>,
    smtp: SocketAddr,
}

impl Inbox {
    /// An empty inbox.
    pub fn new(options: &Options) -> Self {
        Self {
            store: Arc::new(Store::new(options.max_messages, options.max_bytes)),
            instance: format!("{:016x}", rand::random::<u64>()).into(),
            arrivals: broadcast::Sender::new(ARRIVALS),
            smtp: options.smtp,
        }
    }

    /// Everything that comes in from now on, once.
    pub fn arrivals(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.arrivals.subscribe()
    }

    /// Serves until `shutdown` is done and the answers under way are out.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let bound = match listener.local_addr() {
            Ok(address) => address.ip(),
            Err(error) => return tracing::error!(%error, "the inbox has no address"),
        };
        let closing = watch::Sender::new(false);
        let site = Arc::new(Site { inbox: self, bound, closing: closing.subscribe() });
        let handle = move |request| {
            let site = Arc::clone(&site);
            async move { site.answer(request).await }
        };
        let shutdown = async {
            shutdown.await;
            // Those who watch would not go by themselves.
            closing.send_replace(true);
        };
        listen::serve(listener, LIMITS, handle, shutdown).await;
    }

    /// Adds all that a front-end tells, until it ends.
    pub async fn follow(self, mut accounts: Accounts) {
        while let Some(told) = accounts.next().await {
            if told.missed > 0 {
                tracing::warn!(missed = told.missed, "transactions came too fast to be told");
            }
            let entry = self.store.tell(told);
            if entry.mail.is_none() {
                let _ = self.arrivals.send(entry);
            }
        }
    }

    /// What has been seen with a revision of the store, as an event's id tells it.
    fn seen(&self, revision: u64) -> String {
        format!("{}-{revision}", self.instance)
    }

    fn take(&self, mail: Mail) {
        let entry = self.store.push(mail);
        // Nobody listening is fine.
        let _ = self.arrivals.send(entry);
    }
}

#[cfg(test)]
mod tests;
