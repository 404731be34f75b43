//! The whole as it was last compiled: what front-ends are sent, and what there is to say of each object.
//!
//! ```text
//! cluster ─▶ changes ─▶ gate::draw, on a blocking thread ─▶ pictures ─▶ server, writer
//!                           │ it panics                        ▲
//!                           └──────────── the last one stays ──┘
//! ```
//!
//! One task, one picture at a time: what changes meanwhile is in the next. Until every kind has been
//! listed there is none; while the list of a kind is gone, as when its CRD is deleted, the last stays.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::gate::{self, Drawn};
use crate::compile::Snapshot;
use crate::metrics::Metrics;
use crate::plan::ObjectName;
use crate::source::wire::Encoded;
use crate::status::{self, Notice, Outcome, Wanted};

/// Where pictures come.
pub type Pictures = watch::Receiver<Option<Arc<Picture>>>;

/// The whole, compiled. Immutable.
#[derive(Debug, Clone)]
pub struct Picture {
    /// What it was compiled from.
    pub snapshot: Arc<Snapshot>,
    /// What is published of each gateway.
    pub gateways: BTreeMap<ObjectName, Arc<Published>>,
    /// What became of each gateway that was compiled.
    outcomes: BTreeMap<ObjectName, Outcome>,
    /// What people should see of snapshots that wait.
    waiting: Vec<Notice>,
    report: OnceLock<Report>,
}

/// What there is to say of each object.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// What should stand in the status of each of our objects.
    pub(super) wanted: Vec<Wanted>,
    /// What people should see as Events.
    pub(super) notices: Vec<Notice>,
}

/// What is published of one gateway.
#[derive(Debug, Clone)]
pub struct Published {
    /// What front-ends are sent.
    pub encoded: Encoded,
    /// Who may have it: the name of a service account in the gateway's namespace.
    pub service_account: Option<String>,
    /// How many routes are in it.
    pub routes: usize,
}

/// What there is of a gateway.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// Something is published.
    Published(&'a Arc<Published>),
    /// It is there, but was never good enough.
    Unusable {
        /// Who may have it, once it is; `None` where that can't be known.
        service_account: Option<&'a str>,
    },
    /// It is not there.
    Absent,
}

impl Picture {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        gateways: BTreeMap<ObjectName, Arc<Published>>,
        outcomes: BTreeMap<ObjectName, Outcome>,
        waiting: Vec<Notice>,
    ) -> Self {
        Self { snapshot, gateways, outcomes, waiting, report: OnceLock::new() }
    }

    /// What there is to say of each object. Made when somebody first asks, which only the leader does, so
    /// that no front-end waits for it; takes as long as compiling, so ask on a blocking thread.
    pub(super) fn report(&self) -> &Report {
        self.report.get_or_init(|| {
            let (wanted, mut notices) = status::report(&self.snapshot, &self.outcomes);
            notices.extend(self.waiting.iter().cloned());
            Report { wanted, notices }
        })
    }

    pub(super) fn gateway(&self, name: &ObjectName) -> Known<'_> {
        if let Some(published) = self.gateways.get(name) {
            return Known::Published(published);
        }
        if let Some(gateway) = self.snapshot.gateway(name) {
            return Known::Unusable { service_account: gate::service_account(gateway) };
        }
        if gate::is_unreadable(&self.snapshot, name) {
            return Known::Unusable { service_account: None };
        }
        Known::Absent
    }
}

/// Draws a picture of whatever the cluster becomes, for as long as somebody looks.
pub fn follow(changes: watch::Receiver<Option<Arc<Snapshot>>>, metrics: Metrics) -> Pictures {
    let (pictures, looked_at) = watch::channel(None);
    let work = Work { changes, pictures, metrics, drawn: Drawn::default(), due: None };
    tokio::spawn(work.run(gate::draw));
    looked_at
}

struct Work {
    changes: watch::Receiver<Option<Arc<Snapshot>>>,
    pictures: watch::Sender<Option<Arc<Picture>>>,
    metrics: Metrics,
    /// What was drawn last.
    drawn: Drawn,
    /// When to draw again though nothing has changed: what is held may be published then.
    due: Option<Instant>,
}

impl Work {
    async fn run<D>(mut self, draw: D)
    where
        D: Fn(&Drawn, Arc<Snapshot>, Instant) -> Drawn + Clone + Send + 'static,
    {
        self.changes.mark_changed();
        loop {
            let due = self.due;
            tokio::select! {
                changed = self.changes.changed() => if changed.is_err() { return },
                () = self.pictures.closed() => return,
                () = until(due) => {}
            }
            self.due = None;
            let snapshot = self.changes.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                self.draw(snapshot, draw.clone()).await;
            }
        }
    }

    async fn draw<D>(&mut self, snapshot: Arc<Snapshot>, draw: D)
    where
        D: Fn(&Drawn, Arc<Snapshot>, Instant) -> Drawn + Send + 'static,
    {
        let (last, began) = (self.drawn.clone(), Instant::now());
        let drawing = move || catch_unwind(AssertUnwindSafe(|| draw(&last, snapshot, began)));
        // The task itself fails only while the runtime ends.
        let Ok(drawn) = spawn_blocking(drawing).await else { return };
        let Ok(drawn) = drawn else {
            self.metrics.compile_failed();
            tracing::error!(
                "an internal error: the configuration can't be compiled, what was published stays"
            );
            return;
        };
        self.metrics.compiled(began.elapsed());
        tell(&self.drawn, &drawn, &self.metrics);
        self.due = drawn.due();
        self.pictures.send_replace(drawn.picture.clone());
        self.drawn = drawn;
    }
}

/// Metrics and log lines of what is another than before.
fn tell(before: &Drawn, drawn: &Drawn, metrics: &Metrics) {
    let Some(picture) = &drawn.picture else { return };
    let names: BTreeSet<String> = picture.gateways.keys().map(ToString::to_string).collect();
    metrics.retain_snapshots(|gateway| names.contains(gateway));
    for (name, published) in &picture.gateways {
        let lost = drawn.held.get(name).map(|held| held.lost);
        metrics.snapshot_published(&name.to_string(), published.routes, lost);
        let version = &published.encoded.version;
        let last = before.picture.as_ref().and_then(|picture| picture.gateways.get(name));
        if last.is_none_or(|last| last.encoded.version != *version) {
            let bytes = published.encoded.gzip.len();
            tracing::info!(gateway = %name, version, routes = published.routes, bytes, "snapshot published");
        }
        if let Some(lost) = lost
            && !before.held.contains_key(name)
        {
            tracing::warn!(
                gateway = %name, lost, published = published.routes, held_for = ?super::hold::HOLD,
                "most routes are gone at once: what was published stays for now"
            );
        }
    }
    let gone = before.picture.iter().flat_map(|picture| picture.gateways.keys());
    for name in gone.filter(|name| !picture.gateways.contains_key(*name)) {
        tracing::info!(gateway = %name, "snapshot withdrawn: there is no such gateway any more");
    }
}

/// Waits until then; for ever without a time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
