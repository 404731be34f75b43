//! A compact map from (scope, text) to a value: what the exact part of the table and big recipient
//! lists are made of.
//!
//! One open-addressing hash over an arena of texts: an entry is its place in the arena, its scope
//! and its value, so a million addresses cost about fifty megabytes and a look-up touches three
//! cache lines. Texts are at most 255 octets, which no local part and no domain exceeds. Nothing
//! is ever removed.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Why a text can't be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text has more than 255 octets.
    #[error("is longer than 255 octets")]
    TooLong,
    /// The arena has reached four gigabytes.
    #[error("does not fit: four gigabytes of addresses are held already")]
    Full,
}

/// (scope, text) → value. A scope is whatever number the owner parts its keys by.
#[derive(Debug, Clone)]
pub struct KeyMap<V> {
    entries: HashTable<Entry<V>>,
    /// Texts, each behind its length in one octet.
    arena: Vec<u8>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug, Clone)]
struct Entry<V> {
    /// Where the text stands in the arena.
    start: u32,
    scope: u32,
    value: V,
}

impl<V> Entry<V> {
    fn text<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let text = arena.get(self.start as usize..).and_then(<[u8]>::split_first);
        text.and_then(|(&length, rest)| rest.get(..usize::from(length))).unwrap_or_default()
    }

    fn is(&self, scope: u32, text: &str, arena: &[u8]) -> bool {
        self.scope == scope && self.text(arena) == text.as_bytes()
    }
}

impl<V> Default for KeyMap<V> {
    fn default() -> Self {
        Self { entries: HashTable::new(), arena: Vec::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<V> KeyMap<V> {
    /// The value of a key.
    pub fn find(&self, scope: u32, text: &str) -> Option<&V> {
        let hash = hash(&self.hasher, scope, text.as_bytes());
        self.entries.find(hash, |entry| entry.is(scope, text, &self.arena)).map(|entry| &entry.value)
    }

    /// The value of a key, to change it.
    pub fn find_mut(&mut self, scope: u32, text: &str) -> Option<&mut V> {
        let hash = hash(&self.hasher, scope, text.as_bytes());
        let entry = self.entries.find_mut(hash, |entry| entry.is(scope, text, &self.arena));
        entry.map(|entry| &mut entry.value)
    }

    /// Gives a key its value, in place of the one it has.
    pub fn insert(&mut self, scope: u32, text: &str, value: V) -> Result<(), KeyError> {
        if let Some(held) = self.find_mut(scope, text) {
            *held = value;
            return Ok(());
        }
        let length = u8::try_from(text.len()).map_err(|_| KeyError::TooLong)?;
        let start = u32::try_from(self.arena.len()).map_err(|_| KeyError::Full)?;
        self.arena.push(length);
        self.arena.extend_from_slice(text.as_bytes());
        let Self { entries, arena, hasher } = self;
        let hash_of = |entry: &Entry<V>| hash(hasher, entry.scope, entry.text(arena));
        entries.insert_unique(hash(hasher, scope, text.as_bytes()), Entry { start, scope, value }, hash_of);
        Ok(())
    }

    /// Gives back what growing took too much.
    pub fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        let Self { entries, arena, hasher } = self;
        entries.shrink_to_fit(|entry| hash(hasher, entry.scope, entry.text(arena)));
    }

    /// Keys held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Octets of heap memory that are taken, spare room included.
    pub fn heap_octets(&self) -> usize {
        self.entries.allocation_size() + self.arena.capacity()
    }
}

/// The seed differs from process to process, so that nobody can send us addresses that collide.
fn hash(hasher: &DefaultHashBuilder, scope: u32, text: &[u8]) -> u64 {
    hasher.hash_one((scope, text))
}

#[cfg(test)]
mod tests {
    use super::{KeyError, KeyMap};

    #[test]
    fn a_key_is_scope_and_text() {
        let mut map = KeyMap::default();
        for (scope, text, value) in [(1, "a", "1a"), (2, "a", "2a"), (1, "", "1"), (1, "ab", "1ab")] {
            map.insert(scope, text, value).unwrap();
        }
        assert_eq!(map.find(1, "a"), Some(&"1a"));
        assert_eq!(map.find(2, "a"), Some(&"2a"));
        assert_eq!(map.find(1, ""), Some(&"1"));
        assert_eq!(map.find(2, ""), None);
        assert_eq!(map.find(1, "b"), None);
        assert_eq!(map.len(), 4);
    }

    #[test]
    fn a_second_insert_replaces() {
        let mut map = KeyMap::default();
        map.insert(0, "a", 1).unwrap();
        map.insert(0, "a", 2).unwrap();
        assert_eq!((map.find(0, "a"), map.len()), (Some(&2), 1));
    }

    #[test]
    fn every_key_survives_growing_and_shrinking() {
        let mut map = KeyMap::default();
        for number in 0..5_000_u32 {
            map.insert(number % 7, &format!("user{number}"), number).unwrap();
        }
        map.shrink();
        for number in 0..5_000_u32 {
            assert_eq!(map.find(number % 7, &format!("user{number}")), Some(&number));
            assert_eq!(map.find(number % 7 + 1, &format!("user{number}")), None);
        }
    }

    #[test]
    fn a_text_of_256_octets_is_refused() {
        let mut map = KeyMap::default();
        assert_eq!(map.insert(0, &"a".repeat(255), ()), Ok(()));
        assert_eq!(map.insert(0, &"a".repeat(256), ()), Err(KeyError::TooLong));
        assert_eq!(map.find(0, &"a".repeat(256)), None);
    }
}
