//! Reading credentials from the keys of a Secret.
//!
//! A key is a user, and its value the hash of the user's password. Names that can't be keys of a
//! Secret, such as `a@b`, stand in a value that has lines `name:hash`, as htpasswd writes them: such a
//! key may have any name, which then is no user. Empty lines, and lines that begin with `#`, don't count.
//!
//! An entry that can't be used is told and left out. Nothing that is said of it quotes a value: what is
//! no hash may be a password.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::credentials::Credentials;
use super::hash::{Hash, HashError, sha256};
use super::name;

/// An entry that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The key of the Secret.
    pub key: String,
    /// The line of its value, where it has lines.
    pub line: Option<usize>,
    /// What is wrong.
    pub kind: FlawKind,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FlawKind {
    /// Not UTF-8, or nothing.
    #[error("is not text")]
    NotText,
    /// No colon, or nothing before it.
    #[error("is neither a hash (argon2, bcrypt, SCRAM-SHA-256) nor has it lines name:hash")]
    NoName,
    /// Something SASLprep prohibits.
    #[error("has a name that can't be used: SASLprep prohibits it")]
    BadName,
    /// The hash.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Not known whose password counts, so none does.
    #[error("has a user who is there twice, and can't sign in")]
    Twice,
}

impl Credentials {
    /// Reads the keys and values of a Secret; `None` where nobody could sign in.
    pub fn read<'a>(entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> (Option<Self>, Vec<Flaw>) {
        let mut reader = Reader::default();
        for (key, value) in entries {
            reader.entry(key, value);
        }
        let Reader { mut users, twice, flaws } = reader;
        users.retain(|name, _| !twice.contains(name));
        let mut all = Vec::new();
        for (name, (_, text)) in &users {
            for part in [name.as_bytes(), text.as_bytes()] {
                all.extend_from_slice(&(part.len() as u64).to_be_bytes());
                all.extend_from_slice(part);
            }
        }
        let users = users.into_iter().map(|(name, (hash, _))| (name, hash)).collect();
        (Self::new(users, sha256(&all), flaws.is_empty()), flaws)
    }
}

#[derive(Default)]
struct Reader<'a> {
    users: BTreeMap<Arc<str>, (Hash, &'a str)>,
    twice: BTreeSet<Arc<str>>,
    flaws: Vec<Flaw>,
}

impl<'a> Reader<'a> {
    fn entry(&mut self, key: &str, value: &'a [u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match text.trim_ascii() {
            "" => self.flaw(key, None, FlawKind::NotText),
            hash if Hash::begins(hash) => self.user(key, None, (key, hash)),
            _ => self.lines(key, text),
        }
    }

    fn lines(&mut self, key: &str, text: &'a str) {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':') {
                Some((name, hash)) if !name.is_empty() => self.user(key, Some(index + 1), (name, hash)),
                _ => self.flaw(key, Some(index + 1), FlawKind::NoName),
            }
        }
    }

    fn user(&mut self, key: &str, line: Option<usize>, (name, text): (&str, &'a str)) {
        let Some(name) = name::prepare(name.as_bytes()) else {
            return self.flaw(key, line, FlawKind::BadName);
        };
        let hash = match Hash::parse(text) {
            Ok(hash) => hash,
            Err(error) => return self.flaw(key, line, error.into()),
        };
        match self.users.entry(name.into()) {
            Entry::Vacant(place) => {
                place.insert((hash, text));
            }
            Entry::Occupied(there) => {
                self.twice.insert(Arc::clone(there.key()));
                self.flaw(key, line, FlawKind::Twice);
            }
        }
    }

    fn flaw(&mut self, key: &str, line: Option<usize>, kind: FlawKind) {
        self.flaws.push(Flaw { key: key.to_owned(), line, kind });
    }
}
