//! What comes, as it comes: server-sent events (HTML Standard §9.2).
//!
//! ```text
//! retry: 1000
//! id: 5f0c…-17                        what has been seen with this, to go on from
//! event: message                      an entry is new, or not as it was
//! data: {"count":12,"message":{…}}
//!
//! id: 5f0c…-18
//! event: reset                        begin anew: all was cleared, or too much was missed
//! data: {}
//! ```
//!
//! Nothing is queued for who reads slowly: what is told is what is there when it is their turn.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::sleep;

use super::entry::Entry;
use super::page;
use super::query::Query;
use super::store::{Changes, Store};
use super::view::Summary;

/// Content type of the stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";
/// Entries that are told one by one; who has missed more begins anew.
const MOST: usize = 500;
/// Without a word. Whoever has gone is noticed by then.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How an entry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// For programs.
    Summary,
    /// As a row of the page's list.
    Row,
}

/// One who looks.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) store: Arc<Store>,
    /// Tells this process from others before and after it.
    pub(super) instance: Arc<str>,
    pub(super) shape: Shape,
    pub(super) query: Query,
    /// Has a value once this process ends.
    pub(super) closing: watch::Receiver<bool>,
}

impl Watcher {
    /// Everything after what the event of this id told; from now on, where there is none.
    pub(super) fn watch(self, seen: Option<&str>) -> UnsyncBoxBody<Bytes, Infallible> {
        let revised = self.store.revised();
        let now = *revised.borrow();
        // An id of another process is that of a revision that never was here.
        let seen = seen.map_or(now, |seen| self.revision(seen).unwrap_or(u64::MAX));
        let watching = Watching { watcher: self, revised, seen, greeted: false };
        let told = stream::unfold(watching, |mut watching| async {
            let text = watching.next().await?;
            Some((Ok(Frame::data(Bytes::from(text))), watching))
        });
        StreamBody::new(told).boxed_unsync()
    }

    fn revision(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&*self.instance)?.strip_prefix('-')?.parse().ok()
    }
}

struct Watching {
    watcher: Watcher,
    revised: watch::Receiver<u64>,
    seen: u64,
    greeted: bool,
}

impl Watching {
    /// The next words; none once all is over.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some("retry: 1000\n\n".to_owned());
        }
        loop {
            self.revised.borrow_and_update();
            let told = self.told();
            if !told.is_empty() {
                return Some(told);
            }
            tokio::select! {
                _ = self.watcher.closing.wait_for(|&closing| closing) => return None,
                revised = self.revised.changed() => revised.ok()?,
                () = sleep(KEEP_ALIVE) => return Some(":\n\n".to_owned()),
            }
        }
    }

    fn told(&mut self) -> String {
        match self.watcher.store.changes(self.seen, MOST) {
            Changes::Anew { revision } => {
                self.seen = revision;
                format!("id: {}-{revision}\nevent: reset\ndata: {{}}\n\n", self.watcher.instance)
            }
            Changes::Entries { entries, count, revision } => {
                self.seen = revision;
                let fit = entries.iter().filter(|entry| entry.has(&self.watcher.query.words));
                fit.map(|entry| self.event(entry, count)).collect()
            }
        }
    }

    /// JSON has no line breaks, so the data is one line.
    fn event(&self, entry: &Entry, count: usize) -> String {
        let data = match self.watcher.shape {
            Shape::Summary => serde_json::to_string(&Told { count, message: Summary::of(entry) }),
            Shape::Row => page::row_of(entry)
                .map_err(|_| serde::ser::Error::custom("the row can't be written"))
                .and_then(|row| {
                    let (id, place) = (&*entry.id, entry.place);
                    serde_json::to_string(&Row { count, id, place, row: &row })
                }),
        };
        let id = &self.watcher.instance;
        let revision = entry.revision;
        data.map(|data| format!("id: {id}-{revision}\nevent: message\ndata: {data}\n\n")).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Told<'a> {
    count: usize,
    message: Summary<'a>,
}

#[derive(Serialize)]
struct Row<'a> {
    count: usize,
    id: &'a str,
    place: u64,
    row: &'a str,
}
