//! What is known of the cluster: objects, what they refer to, and whether it may be acted upon. Pure.
//!
//! Watches tell it what they see, it says what has changed by it, which Secrets and ConfigMaps have to be
//! fetched, and whether the whole is fit to be compiled: nothing is while a kind has not been listed yet,
//! while a CRD is gone or about to go, or while something that is referred to for the first time is on
//! its way.
//!
//! | file | what |
//! | --- | --- |
//! | this one | objects as they are watched |
//! | `contents` | Secrets and ConfigMaps that are referred to |
//! | `doubt` | whether objects are gone or their CRD is |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::contents::Contents;
use super::doubt::Doubts;
use super::seen::Seen;
use crate::api::{ApiKind, Object};
use crate::compile::{Inspected, Snapshot, references};
use crate::plan::ObjectName;

/// An object's kind and name.
pub(super) type Key = (ApiKind, ObjectName);

/// What one watch sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    pub(super) kind: ApiKind,
    /// The one namespace; `None` for all.
    pub(super) namespace: Option<String>,
}

/// What something new means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing for anybody.
    Nothing,
    /// Status of one of our objects, or its resourceVersion.
    Status,
    /// Another configuration, perhaps.
    Meaning,
}

/// What is to be logged and counted of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// It can't be read.
    Unreadable { key: Key, problem: String },
    /// It has fields that are not known.
    Unknown { key: Key, fields: Vec<String> },
}

/// How a watch fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not listed yet.
    Awaited,
    /// It has.
    Listed,
    /// It has, and is in trouble now.
    Failing,
    /// There is no such kind.
    Gone,
}

#[derive(Debug)]
enum Entry {
    Object(Arc<Inspected>),
    Unreadable { uid: Option<String>, generation: Option<i64>, problem: String },
}

/// What is known of the cluster.
#[derive(Debug)]
pub(super) struct Index {
    scopes: BTreeMap<Scope, State>,
    entries: BTreeMap<Key, Entry>,
    contents: Contents,
    doubts: Doubts,
    notes: Vec<Note>,
}

impl Index {
    /// Nothing is known, and these watches are awaited.
    pub(super) fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self {
            scopes: scopes.into_iter().map(|scope| (scope, State::Awaited)).collect(),
            entries: BTreeMap::new(),
            contents: Contents::default(),
            doubts: Doubts::default(),
            notes: Vec::new(),
        }
    }

    /// A watch has listed all it sees: this, and nothing else.
    pub(super) fn listed(&mut self, scope: &Scope, seen: Vec<Seen>) -> Change {
        let first =
            !matches!(self.scopes.insert(scope.clone(), State::Listed), Some(State::Listed | State::Failing));
        let mut change = if first { Change::Meaning } else { Change::Nothing };
        let kept: BTreeSet<ObjectName> = seen.iter().map(Seen::name).collect();
        for name in self.names_in(scope).into_iter().filter(|name| !kept.contains(name)) {
            change = change.max(self.deleted(scope.kind, &name));
        }
        seen.into_iter().fold(change, |change, seen| change.max(self.applied(scope.kind, seen)))
    }

    fn names_in(&self, scope: &Scope) -> Vec<ObjectName> {
        let within = |name: &ObjectName| scope.namespace.as_ref().is_none_or(|only| *only == name.namespace);
        let of_kind = of_kind(&self.entries, scope.kind).map(|(name, _)| name);
        of_kind.chain(self.contents.names(scope.kind)).filter(|name| within(name)).cloned().collect()
    }

    /// A watch saw an object that is new or changed.
    pub(super) fn applied(&mut self, kind: ApiKind, seen: Seen) -> Change {
        let key = (kind, seen.name());
        match seen {
            Seen::Stub(metadata) => self.contents.saw(&key, metadata.resource_version.unwrap_or_default()),
            Seen::Unreadable { metadata, problem } => {
                let entry = Entry::Unreadable { uid: metadata.uid, generation: metadata.generation, problem };
                self.put(key, entry, |key, entry| match entry {
                    Entry::Unreadable { problem, .. } => {
                        Some(Note::Unreadable { key: key.clone(), problem: problem.clone() })
                    }
                    Entry::Object(_) => None,
                })
            }
            Seen::Object { object, unknown } => {
                self.put(key, Entry::Object(Arc::new(object.into())), |key, _| {
                    (!unknown.is_empty()).then(|| Note::Unknown { key: key.clone(), fields: unknown })
                })
            }
        }
    }

    fn put(&mut self, key: Key, new: Entry, note: impl FnOnce(&Key, &Entry) -> Option<Note>) -> Change {
        let old = self.entries.get(&key);
        let change = old.map_or(Change::Meaning, |old| difference(old, &new));
        if change == Change::Meaning {
            self.notes.extend(note(&key, &new));
            let named = |entry: &Entry| names(&key.1.namespace, entry);
            let (before, after) = (old.map(named).unwrap_or_default(), named(&new));
            self.contents.refer(after);
            self.contents.release(before);
        }
        let change = if self.is_of_use(&key) { change } else { Change::Nothing };
        self.entries.insert(key, new);
        change
    }

    /// Of the Services of a cluster only those count that are referred to.
    fn is_of_use(&self, key: &Key) -> bool {
        key.0 != ApiKind::Service || self.contents.is_referred(key)
    }

    /// A watch saw an object go.
    pub(super) fn deleted(&mut self, kind: ApiKind, name: &ObjectName) -> Change {
        let key = (kind, name.clone());
        let Some(entry) = self.entries.remove(&key) else { return self.contents.unsaw(&key) };
        self.contents.release(names(&key.1.namespace, &entry));
        if kind.is_ours() {
            self.doubts.lost(kind);
        }
        if self.is_of_use(&key) { Change::Meaning } else { Change::Nothing }
    }

    /// A watch does not work at present.
    pub(super) fn failing(&mut self, scope: &Scope) {
        if let Some(state @ State::Listed) = self.scopes.get_mut(scope) {
            *state = State::Failing;
        }
    }

    /// The API server knows no such kind. What is known of it stays.
    pub(super) fn gone(&mut self, scope: &Scope) {
        self.scopes.insert(scope.clone(), State::Gone);
    }

    /// How many watches of a kind do not work now, or have not listed yet.
    pub(super) fn out_of_sync(&self, kind: ApiKind) -> usize {
        let of_kind = self.scopes.iter().filter(|(scope, _)| scope.kind == kind);
        of_kind.filter(|(_, state)| **state != State::Listed).count()
    }

    /// Whether what is known may be acted upon.
    pub(super) fn is_fit(&self) -> bool {
        let listed = self.scopes.values().all(|state| matches!(state, State::Listed | State::Failing));
        listed && !self.contents.are_awaited() && self.doubts.are_settled()
    }

    /// What there is to log, once.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    pub(super) fn contents(&mut self) -> &mut Contents {
        &mut self.contents
    }

    pub(super) fn doubts(&mut self) -> &mut Doubts {
        &mut self.doubts
    }

    /// One of our objects as it was last seen.
    pub(super) fn latest(&self, kind: ApiKind, name: &ObjectName) -> Option<Arc<Inspected>> {
        match self.entries.get(&(kind, name.clone()))? {
            Entry::Object(object) => Some(Arc::clone(object)),
            Entry::Unreadable { .. } => None,
        }
    }

    /// What tells one of our objects from another of its name, one that can't be read too; `None` where it is
    /// not there.
    pub(super) fn uid(&self, kind: ApiKind, name: &ObjectName) -> Option<String> {
        match self.entries.get(&(kind, name.clone()))? {
            Entry::Object(object) => object.metadata().uid.clone(),
            Entry::Unreadable { uid, .. } => uid.clone(),
        }
    }

    /// All that compile reads.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (key, entry) in self.entries.iter().filter(|(key, _)| self.is_of_use(key)) {
            match entry {
                Entry::Object(object) => insert(&mut snapshot, object),
                Entry::Unreadable { problem, .. } if key.0.is_ours() => {
                    snapshot.insert_unreadable(key.0, key.1.clone(), problem.clone());
                }
                // As if it were not there: what refers to it says so in its status.
                Entry::Unreadable { .. } => {}
            }
        }
        self.contents.objects().for_each(|object| insert(&mut snapshot, object));
        snapshot
    }
}

fn insert(snapshot: &mut Snapshot, object: &Arc<Inspected>) {
    if let Err(duplicate) = snapshot.insert(Arc::clone(object)) {
        // Entries and contents are kept by kind and name, and no kind is in both.
        debug_assert!(false, "{duplicate}");
    }
}

fn of_kind<V>(map: &BTreeMap<Key, V>, kind: ApiKind) -> impl Iterator<Item = (&ObjectName, &V)> {
    let behind = map.range((kind, ObjectName::new("", ""))..);
    behind.take_while(move |((each, _), _)| *each == kind).map(|((_, name), value)| (name, value))
}

/// What an object in a namespace refers to.
fn names(namespace: &str, entry: &Entry) -> Vec<Key> {
    let Entry::Object(object) = entry else { return Vec::new() };
    let references = references(object).into_iter();
    references.map(|reference| (reference.kind, ObjectName::new(namespace, reference.name))).collect()
}

fn difference(old: &Entry, new: &Entry) -> Change {
    match (old, new) {
        (Entry::Object(old), Entry::Object(new)) if !means_the_same(old, new) => Change::Meaning,
        (Entry::Object(old), Entry::Object(new)) if !old.kind().is_ours() || old == new => Change::Nothing,
        (Entry::Object(_), Entry::Object(_)) => Change::Status,
        (
            Entry::Unreadable { uid, generation, problem },
            Entry::Unreadable { uid: new_uid, generation: new_generation, problem: new_problem },
        ) if (uid, generation, problem) == (new_uid, new_generation, new_problem) => Change::Nothing,
        _ => Change::Meaning,
    }
}

/// Whether two versions of an object differ in nothing that compile or status could go by: what it
/// wants, its labels, whose it is, and whether it is still the same one. Not its status, and not its
/// resourceVersion, except a Secret's, which stands for its contents.
pub(super) fn means_the_same(old: &Object, new: &Object) -> bool {
    let (a, b) = (old.metadata(), new.metadata());
    let same_one = (&a.uid, a.generation, &a.labels, &a.owner_references)
        == (&b.uid, b.generation, &b.labels, &b.owner_references);
    same_one
        && match (old, new) {
            (Object::Gateway(old), Object::Gateway(new)) => old.spec == new.spec,
            (Object::Route(old), Object::Route(new)) => old.spec == new.spec,
            (Object::Backend(old), Object::Backend(new)) => old.spec == new.spec,
            (Object::Policy(old), Object::Policy(new)) => old.spec == new.spec,
            (Object::Secret(_), Object::Secret(_)) => a.resource_version == b.resource_version,
            (Object::ConfigMap(old), Object::ConfigMap(new)) => {
                (&old.data, &old.binary_data) == (&new.data, &new.binary_data)
            }
            (Object::Service(old), Object::Service(new)) => old.spec == new.spec,
            (Object::Namespace(_), Object::Namespace(_)) => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
