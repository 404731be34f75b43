//! Which front-ends there are, what they use and what they have refused.
//!
//! A front-end is its pod; one whose token is bound to no pod is its connection. One that has asked for
//! nothing for a while is forgotten, so what is held is bounded by the pods there are, and by a number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::request::{Asked, LONGEST_WAIT, Refused};
use crate::controller::picture::Picture;
use crate::metrics::Metrics;
use crate::plan::ObjectName;

/// How long a front-end may be silent: its longest wait, and a reconnect.
const SILENCE: Duration = LONGEST_WAIT.saturating_mul(2);
/// Front-ends that are known at a time.
const KNOWN: usize = 4096;

/// All front-ends that this replica hears of.
#[derive(Debug)]
pub(super) struct Fleet {
    known: Mutex<HashMap<Key, FrontEnd>>,
    metrics: Metrics,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    gateway: ObjectName,
    who: String,
}

#[derive(Debug)]
struct FrontEnd {
    in_use: Option<String>,
    refused: Option<String>,
    heard: Instant,
}

impl Fleet {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { known: Mutex::default(), metrics }
    }

    /// A front-end asks: that is the acknowledgement of the version it uses. A version that it refuses
    /// is told and counted once.
    pub(super) fn hear(&self, asked: &Asked, who: &str, now: Instant) {
        let key = Key { gateway: asked.gateway.clone(), who: who.to_owned() };
        let mut known = self.lock();
        if known.len() >= KNOWN && !known.contains_key(&key) {
            return;
        }
        let front_end =
            known.entry(key).or_insert_with(|| FrontEnd { in_use: None, refused: None, heard: now });
        front_end.heard = now;
        let gateway = &asked.gateway;
        if front_end.in_use != asked.in_use {
            let version = asked.in_use.as_deref().unwrap_or("none");
            tracing::debug!(%gateway, front_end = who, version, "a front-end says what it uses");
            front_end.in_use.clone_from(&asked.in_use);
        }
        let refused = asked.refused.as_ref();
        if let Some(Refused { version, why }) = refused
            && front_end.refused.as_ref() != Some(version)
        {
            tracing::warn!(%gateway, front_end = who, version, why, "a front-end can't use a snapshot");
            self.metrics.snapshot_refused(&gateway.to_string());
        }
        front_end.refused = refused.map(|refused| refused.version.clone());
    }

    /// Forgets who is silent, and counts who is left by whether they use what is published.
    pub(super) fn count(&self, picture: Option<&Picture>, now: Instant) {
        let mut known = self.lock();
        known.retain(|_, front_end| now.saturating_duration_since(front_end.heard) < SILENCE);
        let is_current = |key: &Key, front_end: &FrontEnd| {
            let published = picture.and_then(|picture| picture.gateways.get(&key.gateway));
            published.is_some_and(|published| front_end.in_use.as_ref() == Some(&published.encoded.version))
        };
        let current = known.iter().filter(|(key, front_end)| is_current(key, front_end)).count();
        self.metrics.clients(current, known.len() - current);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, FrontEnd>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts for as long as it is polled: when a picture is published, and now and then.
pub(super) async fn keep_count(fleet: Arc<Fleet>, mut pictures: crate::controller::picture::Pictures) {
    const PERIOD: Duration = Duration::from_secs(2);
    loop {
        let picture = pictures.borrow_and_update().clone();
        fleet.count(picture.as_deref(), Instant::now());
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            changed = pictures.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests;
