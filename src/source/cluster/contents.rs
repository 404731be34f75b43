//! Secrets and ConfigMaps: all are known by name and version, and of those that are referred to the
//! contents too. Pure.
//!
//! What is fetched replaces what was held, and until then that stays: a rotation that can't be fetched
//! loses nothing. A version is only compared for being the same. What a fetch brings may be newer than
//! what the watch has seen; then the watch comes to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::{Change, Key, means_the_same};
use crate::api::{ApiKind, Object};
use crate::compile::Inspected;
use crate::plan::ObjectName;

/// So many fetches may fail before the rest goes on without the object.
const PATIENCE: u32 = 3;

/// Names one request for an object: an answer to an earlier one is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// What became of a request.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The object.
    Found(Object),
    /// There is none.
    Absent,
    /// It may not be read.
    Refused,
    /// It can't be had now.
    Failed,
}

/// What to do after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more.
    Done,
    /// Ask again after a while; so often it has failed.
    Again { failures: u32 },
}

/// A request that is to be made, or under way.
#[derive(Debug)]
struct Request {
    ticket: Ticket,
    /// The version that the watch had seen.
    version: String,
    failures: u32,
    /// Whether the others wait for it.
    holds: bool,
}

/// Secrets and ConfigMaps, and what refers to them.
#[derive(Debug, Default)]
pub(super) struct Contents {
    versions: BTreeMap<Key, String>,
    /// How often each Secret, ConfigMap and Service is referred to.
    referred: BTreeMap<Key, usize>,
    objects: BTreeMap<Key, Arc<Inspected>>,
    requests: BTreeMap<Key, Request>,
    due: Vec<Key>,
    last_ticket: u64,
}

impl Contents {
    /// The names of all of a kind that the watch has seen.
    pub(super) fn names(&self, kind: ApiKind) -> impl Iterator<Item = &ObjectName> {
        self.versions.keys().filter(move |(each, _)| *each == kind).map(|(_, name)| name)
    }

    /// The contents that are held.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Arc<Inspected>> {
        self.objects.values()
    }

    /// Whether something refers to an object.
    pub(super) fn is_referred(&self, key: &Key) -> bool {
        self.referred.contains_key(key)
    }

    /// The watch saw a version of an object. Nothing changes before its contents are here.
    pub(super) fn saw(&mut self, key: &Key, version: String) -> Change {
        self.versions.insert(key.clone(), version);
        self.want(key);
        Change::Nothing
    }

    /// The watch saw an object go.
    pub(super) fn unsaw(&mut self, key: &Key) -> Change {
        self.versions.remove(key);
        self.requests.remove(key);
        if self.objects.remove(key).is_some() { Change::Meaning } else { Change::Nothing }
    }

    /// Something refers to these.
    pub(super) fn refer(&mut self, keys: Vec<Key>) {
        for key in keys {
            *self.referred.entry(key.clone()).or_default() += 1;
            self.want(&key);
        }
    }

    /// Something does not refer to these any more.
    pub(super) fn release(&mut self, keys: Vec<Key>) {
        for key in keys {
            let Some(count) = self.referred.get_mut(&key) else { continue };
            *count -= 1;
            if *count == 0 {
                self.referred.remove(&key);
                self.objects.remove(&key);
                self.requests.remove(&key);
            }
        }
    }

    /// Has an object fetched, if it is there, is referred to, and is another than what is held.
    fn want(&mut self, key: &Key) {
        let Some(version) = self.versions.get(key).filter(|_| self.referred.contains_key(key)) else {
            return;
        };
        let held = self.objects.get(key);
        if held.is_some_and(|held| held.metadata().resource_version.as_ref() == Some(version)) {
            return;
        }
        if self.requests.get(key).is_some_and(|request| request.failures == 0) {
            // Its answer tells whether it was recent enough.
            return;
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let request = Request { ticket, version: version.clone(), failures: 0, holds: held.is_none() };
        self.requests.insert(key.clone(), request);
        self.due.push(key.clone());
    }

    /// The requests to be made now.
    pub(super) fn take_due(&mut self) -> Vec<(Key, Ticket)> {
        let due = std::mem::take(&mut self.due);
        let ticket =
            |key: Key| self.requests.get(&key).map(|request| request.ticket).map(|ticket| (key, ticket));
        due.into_iter().filter_map(ticket).collect()
    }

    /// Whether something that is referred to has never been here and is on its way.
    pub(super) fn are_awaited(&self) -> bool {
        self.requests.values().any(|request| request.holds)
    }

    /// What became of a request.
    pub(super) fn fetched(&mut self, key: &Key, ticket: Ticket, fetched: Fetched) -> (Change, Next) {
        let Some(request) = self.requests.get_mut(key).filter(|request| request.ticket == ticket) else {
            return (Change::Nothing, Next::Done);
        };
        let seen = std::mem::take(&mut request.version);
        let change = match fetched {
            Fetched::Found(object) => {
                let same = self.objects.get(key).is_some_and(|held| means_the_same(held, &object));
                self.objects.insert(key.clone(), Arc::new(object.into()));
                if same { Change::Nothing } else { Change::Meaning }
            }
            Fetched::Absent if self.objects.remove(key).is_some() => Change::Meaning,
            Fetched::Absent => Change::Nothing,
            Fetched::Refused | Fetched::Failed => {
                request.version = seen;
                request.failures += 1;
                request.holds &= !matches!(fetched, Fetched::Refused) && request.failures < PATIENCE;
                return (Change::Nothing, Next::Again { failures: request.failures });
            }
        };
        self.requests.remove(key);
        if self.versions.get(key).is_some_and(|version| *version != seen) {
            self.want(key);
        }
        (change, Next::Done)
    }
}
