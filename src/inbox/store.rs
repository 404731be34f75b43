//! What the inbox holds: the newest so many messages and octets, and what has changed since when.
//!
//! ```text
//! entries   place → entry        the list, in order
//! places    id → place           one message
//! changes   revision → place     what to tell whoever has seen all up to a revision
//! keys      dedupe key → count   whether a message was here before
//! ```
//!
//! Everything but a search takes a time that grows with the logarithm of what is held.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::entry::Entry;
use super::mail::Mail;
use super::query::Query;
use crate::pipeline::feed::Told;

/// Messages, oldest first.
#[derive(Debug)]
pub(super) struct Store {
    max_messages: usize,
    max_bytes: usize,
    held: Mutex<Held>,
    /// The revision: wakes whoever waits for the next.
    revised: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    entries: BTreeMap<u64, Arc<Entry>>,
    places: HashMap<Arc<str>, u64>,
    changes: BTreeMap<u64, u64>,
    keys: HashMap<String, usize>,
    bytes: usize,
    last_place: u64,
    /// Grows with each change.
    revision: u64,
    /// That of the last change that no entry tells.
    cleared: u64,
}

/// A part of the list.
#[derive(Debug)]
pub(super) struct Page {
    /// Newest first.
    pub(super) entries: Vec<Arc<Entry>>,
    /// Whether older ones fit, too.
    pub(super) more: bool,
    /// How many there are in all, whether they fit or not.
    pub(super) count: usize,
    /// What has been seen with this.
    pub(super) revision: u64,
}

/// What has changed since a revision.
#[derive(Debug)]
pub(super) enum Changes {
    /// These are new, or not as they were, oldest change first.
    Entries {
        /// As they are now.
        entries: Vec<Arc<Entry>>,
        /// How many there are in all.
        count: usize,
        /// What has been seen with this.
        revision: u64,
    },
    /// Too much, or what can't be told by entries: begin anew.
    Anew {
        /// What will have been seen then.
        revision: u64,
    },
}

impl Store {
    /// An empty store with these bounds; at least the newest message always stays.
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            max_messages: max_messages.max(1),
            max_bytes,
            held: Mutex::default(),
            revised: watch::Sender::new(0),
        }
    }

    /// Octets of the largest message to be taken.
    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Puts a message in front, and lets the oldest go where there are too many.
    ///
    /// The same event again takes the place of the one before; another event with a dedupe key that is
    /// here already is marked as a repeat.
    pub(super) fn push(&self, mail: Mail) -> Arc<Entry> {
        let mut entry = Entry::posted(mail);
        let mut held = self.held();
        if let Some(before) = held.remove(&entry.id) {
            entry.deliveries = before.deliveries + 1;
            entry.repeat = before.repeat;
            entry.told = before.told.clone();
        }
        entry.repeat |= entry.dedupe_key().is_some_and(|key| held.keys.contains_key(key));
        self.add(held, entry)
    }

    /// Puts in front what a front-end tells of a transaction, or adds it to what was posted of it.
    pub(super) fn tell(&self, told: Told) -> Arc<Entry> {
        let mut held = self.held();
        match told.event.id.and_then(|id| held.remove(&id.to_string())) {
            Some(before) => self.keep(held, before.and_told(told)),
            None => {
                // No event has such an id: it may have no tilde.
                let id = format!("~{}", held.last_place + 1);
                self.add(held, Entry::told(told, id))
            }
        }
    }

    fn add(&self, mut held: MutexGuard<'_, Held>, mut entry: Entry) -> Arc<Entry> {
        held.last_place += 1;
        entry.place = held.last_place;
        self.keep(held, entry)
    }

    /// Puts it at its place, lets the oldest go where there are too many, and wakes who waits.
    fn keep(&self, mut held: MutexGuard<'_, Held>, entry: Entry) -> Arc<Entry> {
        let entry = held.put(entry);
        while held.entries.len() > self.max_messages
            || (held.bytes > self.max_bytes && held.entries.len() > 1)
        {
            let Some((&oldest, _)) = held.entries.first_key_value() else { break };
            held.remove_at(oldest);
        }
        self.revised.send_replace(held.revision);
        entry
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let mut held = self.held();
        let revision = held.revision + 1;
        let last_place = held.last_place;
        let forgotten = std::mem::replace(
            &mut *held,
            Held { revision, cleared: revision, last_place, ..Held::default() },
        );
        self.revised.send_replace(revision);
        drop(held);
        drop(forgotten);
    }

    /// The newest that fit.
    pub(super) fn list(&self, query: &Query) -> Page {
        let held = self.held();
        let older = held.entries.range(..query.before.unwrap_or(u64::MAX)).rev().map(|(_, entry)| entry);
        let mut fit = older.filter(|entry| entry.has(&query.words));
        let entries = fit.by_ref().take(query.limit).map(Arc::clone).collect();
        let more = fit.next().is_some();
        Page { entries, more, count: held.entries.len(), revision: held.revision }
    }

    /// What has changed after `revision`, if it is no more than `most`.
    pub(super) fn changes(&self, revision: u64, most: usize) -> Changes {
        let held = self.held();
        let after = (Bound::Excluded(revision), Bound::Unbounded);
        let places: Vec<u64> = held.changes.range(after).map(|(_, place)| *place).take(most + 1).collect();
        if revision < held.cleared || revision > held.revision || places.len() > most {
            return Changes::Anew { revision: held.revision };
        }
        let entries = places.iter().filter_map(|place| held.entries.get(place)).map(Arc::clone).collect();
        Changes::Entries { entries, count: held.entries.len(), revision: held.revision }
    }

    /// The message with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Entry>> {
        self.held().get(id).map(Arc::clone)
    }

    /// The ids of the next newer and the next older message.
    pub(super) fn beside(&self, place: u64) -> (Option<Arc<str>>, Option<Arc<str>>) {
        let held = self.held();
        let newer = held.entries.range((Bound::Excluded(place), Bound::Unbounded)).next();
        let older = held.entries.range(..place).next_back();
        let id = |found: Option<(&u64, &Arc<Entry>)>| found.map(|(_, entry)| Arc::clone(&entry.id));
        (id(newer), id(older))
    }

    /// The revision.
    pub(super) fn revision(&self) -> u64 {
        *self.revised.borrow()
    }

    /// The revision, and whenever there is another.
    pub(super) fn revised(&self) -> watch::Receiver<u64> {
        self.revised.subscribe()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn get(&self, id: &str) -> Option<&Arc<Entry>> {
        self.entries.get(self.places.get(id)?)
    }

    fn put(&mut self, mut entry: Entry) -> Arc<Entry> {
        self.revision += 1;
        entry.revision = self.revision;
        self.bytes += entry.cost();
        self.places.insert(Arc::clone(&entry.id), entry.place);
        self.changes.insert(entry.revision, entry.place);
        if let Some(key) = entry.dedupe_key() {
            *self.keys.entry(key.to_owned()).or_default() += 1;
        }
        let entry = Arc::new(entry);
        self.entries.insert(entry.place, Arc::clone(&entry));
        entry
    }

    fn remove(&mut self, id: &str) -> Option<Arc<Entry>> {
        self.remove_at(*self.places.get(id)?)
    }

    fn remove_at(&mut self, place: u64) -> Option<Arc<Entry>> {
        let entry = self.entries.remove(&place)?;
        self.places.remove(&entry.id);
        self.changes.remove(&entry.revision);
        self.bytes -= entry.cost();
        if let Some(key) = entry.dedupe_key()
            && let Some(count) = self.keys.get_mut(key)
        {
            *count -= 1;
            if *count == 0 {
                self.keys.remove(key);
            }
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
