//! What the inbox holds: the newest so many messages and octets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mail::Mail;

/// Messages, oldest first.
#[derive(Debug)]
pub(super) struct Store {
    max_messages: usize,
    max_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    mails: VecDeque<Arc<Mail>>,
    bytes: usize,
    revision: u64,
}

impl Store {
    /// An empty store with these bounds; at least the newest message always stays.
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { max_messages: max_messages.max(1), max_bytes, held: Mutex::default() }
    }

    /// Octets of the largest message to be taken.
    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Puts a message in front, and lets the oldest go where there are too many.
    ///
    /// The same event again takes the place of the one before; another event with a dedupe key that is
    /// here already is marked as a repeat.
    pub(super) fn push(&self, mut mail: Mail) -> Arc<Mail> {
        let mut held = self.held();
        if let Some(index) = held.mails.iter().position(|held| held.id == mail.id)
            && let Some(before) = held.mails.remove(index)
        {
            held.bytes -= before.cost();
            mail.deliveries = before.deliveries + 1;
            mail.repeat = before.repeat;
        }
        let key = mail.dedupe_key();
        mail.repeat |= key.is_some() && held.mails.iter().any(|held| held.dedupe_key() == key);
        let mail = Arc::new(mail);
        held.bytes += mail.cost();
        held.mails.push_back(Arc::clone(&mail));
        held.revision += 1;
        while held.mails.len() > self.max_messages || (held.bytes > self.max_bytes && held.mails.len() > 1) {
            let Some(oldest) = held.mails.pop_front() else { break };
            held.bytes -= oldest.cost();
        }
        mail
    }

    /// The newest `limit` messages, newest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Arc<Mail>> {
        self.held().mails.iter().rev().take(limit).cloned().collect()
    }

    /// The message with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Mail>> {
        self.held().mails.iter().rev().find(|mail| mail.id == id).cloned()
    }

    /// How many there are, and a number that changes with each arrival.
    pub(super) fn count(&self) -> (usize, u64) {
        let held = self.held();
        (held.mails.len(), held.revision)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn mail(id: &str, key: &str, octets: usize) -> Mail {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-type", "t"),
            ("ce-source", "/s"),
            ("ce-id", id),
            ("ce-dedupekey", key),
        ] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        Mail::read(&headers, Bytes::from(vec![b'x'; octets]), SystemTime::UNIX_EPOCH).unwrap()
    }

    fn ids(store: &Store) -> Vec<String> {
        store.newest(usize::MAX).iter().map(|mail| mail.id.clone()).collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let store = Store::new(2, usize::MAX);
        for id in ["a", "b", "c"] {
            store.push(mail(id, id, 1));
        }
        assert_eq!(ids(&store), ["c", "b"]);
        assert!(store.find("a").is_none() && store.find("b").is_some());
        assert_eq!(store.count(), (2, 3));
        assert_eq!(store.newest(1).len(), 1);
    }

    #[test]
    fn the_oldest_go_when_they_are_too_large() {
        let store = Store::new(100, 10_000);
        for id in ["a", "b", "c"] {
            store.push(mail(id, id, 4_500));
        }
        assert_eq!(ids(&store), ["c", "b"]);
        store.push(mail("d", "d", 10_000));
        assert_eq!(ids(&store), ["d"]);
        store.push(mail("e", "e", 1));
        assert_eq!(ids(&store), ["e"], "what made room is counted no more");
        store.push(mail("f", "f", 9_000));
        assert_eq!(ids(&store), ["f", "e"]);
    }

    #[test]
    fn the_same_event_is_one_entry() {
        let store = Store::new(10, usize::MAX);
        store.push(mail("a", "k", 1));
        store.push(mail("b", "l", 1));
        let again = store.push(mail("a", "k", 1));
        assert_eq!(ids(&store), ["a", "b"]);
        assert_eq!((again.deliveries, again.repeat), (2, false));
    }

    #[test]
    fn another_event_with_a_known_key_is_a_repeat() {
        let store = Store::new(10, usize::MAX);
        assert!(!store.push(mail("a", "k", 1)).repeat);
        assert!(store.push(mail("b", "k", 1)).repeat);
        assert!(!store.push(mail("c", "l", 1)).repeat);
    }
}
