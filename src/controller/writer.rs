//! The leader writes status: what the picture wants, where it does not stand yet.
//!
//! ```text
//! picture, touched objects ──▶ survey ──▶ pending ──▶ at most N writes at a time ──▶ API server
//!                                ▲                          │
//!                                └── again, after a while ◀─┘ conflict, error
//! ```
//!
//! A write is a server-side apply to the status with the version of the object that was read: when the
//! object has changed since, it is refused, and made anew of what stands there then. An object is left
//! alone from a write until the watch has shown what came of it. When the API server itself is in trouble
//! all writes wait, longer each time; it is never asked for more than [`AT_A_TIME`] at once, so ten
//! thousand new objects take seconds and not the API server.

mod patch;
mod rest;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use self::patch::{Outcome, Patcher};
use self::rest::{Key, Rest};
use super::lease::Leadership;
use super::picture::{Picture, Pictures};
use crate::api::status::Time;
use crate::metrics::{Metrics, PatchResult};
use crate::source::cluster::Cluster;
use crate::status::{Wanted, merge};

/// Writes at a time.
const AT_A_TIME: usize = 16;
/// How long objects may change before all are looked at again.
const SURVEY: Duration = Duration::from_millis(250);

/// Writes status for as long as this replica leads.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) cluster: Cluster,
    pub(super) pictures: Pictures,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) metrics: Metrics,
}

impl Writer {
    /// Works for as long as what it follows lives.
    pub(super) async fn run(mut self, client: Client) {
        loop {
            if self.leadership.wait_for(|now| *now == Leadership::Leader).await.is_err() {
                return;
            }
            // Writes that are under way when leadership ends are dropped with the desk.
            let desk = Desk::new(&self, client.clone());
            tokio::select! {
                () = desk.run() => return,
                lost = self.leadership.wait_for(|now| *now == Leadership::Follower) => {
                    if lost.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// One time of leadership.
struct Desk {
    cluster: Cluster,
    pictures: Pictures,
    metrics: Metrics,
    patcher: Patcher,
    /// What says what should stand there.
    picture: Option<Arc<Picture>>,
    /// The objects where something else stands, by their index in the picture's report.
    pending: VecDeque<usize>,
    /// Objects whose write is under way.
    busy: HashSet<Key>,
    rest: Rest,
    /// When to look at all objects again.
    survey_at: Option<Instant>,
}

impl Desk {
    fn new(writer: &Writer, client: Client) -> Self {
        Self {
            cluster: writer.cluster.clone(),
            pictures: writer.pictures.clone(),
            metrics: writer.metrics.clone(),
            patcher: Patcher::new(client),
            picture: None,
            pending: VecDeque::new(),
            busy: HashSet::new(),
            rest: Rest::default(),
            survey_at: None,
        }
    }

    /// Until there are no more pictures.
    async fn run(mut self) {
        let mut writing = FuturesUnordered::new();
        self.pictures.mark_changed();
        loop {
            let resume_at = self.rest.paused_until(Instant::now());
            while resume_at.is_none() && writing.len() < AT_A_TIME {
                let Some(write) = self.next_write() else { break };
                writing.push(write);
            }
            let due = [self.survey_at, resume_at].into_iter().flatten().min();
            tokio::select! {
                changed = self.pictures.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.picture = self.pictures.borrow_and_update().clone();
                    self.survey().await;
                }
                changed = self.cluster.touched.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.survey_within(SURVEY);
                }
                Some((key, outcome)) = writing.next() => self.written(key, outcome),
                () = until(due) => {
                    if self.survey_at.is_some_and(|due| due <= Instant::now()) {
                        self.survey().await;
                    }
                }
            }
        }
    }

    /// Finds what does not stand there as it should.
    async fn survey(&mut self) {
        self.survey_at = None;
        let (picture, cluster, now) = (self.picture.clone(), self.cluster.clone(), time());
        let found = spawn_blocking(move || {
            let stands = |wanted: &Wanted| {
                let object = cluster.latest(wanted.kind, &wanted.name);
                object.is_none_or(|object| merge(&object, wanted, &now).is_none())
            };
            let wanted = picture.iter().flat_map(|picture| &picture.report().wanted);
            let due = wanted.enumerate().filter(|(_, wanted)| !stands(wanted));
            due.map(|(index, _)| index).collect()
        });
        // It fails only while the runtime ends.
        self.pending = found.await.unwrap_or_default();
        if let Some(due) = self.rest.forget(Instant::now()) {
            self.survey_within(due.duration_since(Instant::now()));
        }
    }

    fn survey_within(&mut self, time: Duration) {
        let due = Instant::now() + time;
        self.survey_at = Some(self.survey_at.map_or(due, |other| other.min(due)));
    }

    /// The next write, made of what is known now.
    fn next_write(&mut self) -> Option<impl Future<Output = (Key, Outcome)> + Send + use<>> {
        let picture = self.picture.clone()?;
        while let Some(index) = self.pending.pop_front() {
            let Some(wanted) = picture.report().wanted.get(index) else { continue };
            let key = (wanted.kind, wanted.name.clone());
            let Some(object) = self.cluster.latest(wanted.kind, &wanted.name) else { continue };
            let version = object.metadata().resource_version.clone().unwrap_or_default();
            if self.busy.contains(&key) || self.rest.is_due(&key, &version, Instant::now()).is_err() {
                continue;
            }
            if let Some(status) = merge(&object, wanted, &time()) {
                self.busy.insert(key.clone());
                return Some(self.patcher.write(key, version, &status));
            }
        }
        None
    }

    fn written(&mut self, key: Key, outcome: Outcome) {
        self.busy.remove(&key);
        self.metrics.status_patches(outcome.result()).inc();
        if !matches!(outcome.result(), PatchResult::Written) {
            tracing::debug!(kind = key.0.name(), object = %key.1, ?outcome, "a status was not written");
        }
        if let Some(again) = self.rest.note(key, outcome, Instant::now()) {
            self.survey_within(again.duration_since(Instant::now()));
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn time() -> Time {
    Time(Timestamp::now())
}
