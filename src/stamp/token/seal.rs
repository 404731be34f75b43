//! Sealing octets with a key that all pods share (AEAD, RFC 5116).
//!
//! ```text
//! version 1 │ key id 4 │ salt 16 │ AES-256-GCM of the octets │ tag 16
//! ```
//!
//! Each token has a key and a nonce of its own, made by HKDF-SHA256 (RFC 5869) of the Secret's key and the
//! salt, so that no number of tokens wears a key out. Version, key id, salt and the gateway's name are
//! sealed with it. Two keys are for rotation: the first one seals, each opens what it has sealed.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use super::Refused;

/// Octets of a key, at least: those of the cipher's.
pub const MIN_KEY_OCTETS: usize = 32;
/// The version of all that is said above.
const VERSION: u8 = 1;
/// Octets of a key's id.
const KEY_ID: usize = 4;
/// Octets of the salt.
pub(super) const SALT: usize = 16;
/// Octets before the sealed ones.
const HEAD: usize = 1 + KEY_ID + SALT;
/// Octets of the tag (NIST SP 800-38D).
const TAG: usize = 16;
/// Octets more than those that are sealed.
pub(super) const OVERHEAD: usize = HEAD + TAG;
/// What the keys are made for, and nothing else.
const PURPOSE: &[u8] = b"mailchute-bounce-token-1";

/// The keys. Shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    keys: Vec<Key>,
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    id: [u8; KEY_ID],
    octets: Box<[u8]>,
}

/// A key has fewer than [`MIN_KEY_OCTETS`] octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key has fewer than {MIN_KEY_OCTETS} octets")]
pub struct KeyTooShort;

impl Seal {
    /// The key that seals and opens, and others that only open.
    pub fn new<'a>(seals: &'a [u8], opens: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, KeyTooShort> {
        let keys = std::iter::once(seals).chain(opens).map(Key::new);
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    pub(super) fn seal(&self, gateway: &str, plain: &[u8], salt: [u8; SALT]) -> Vec<u8> {
        let mut out = Vec::with_capacity(OVERHEAD + plain.len());
        let Some(key) = self.keys.first() else { return out };
        out.push(VERSION);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&salt);
        let mut sealed = plain.to_vec();
        let about = about(&out, gateway);
        let Some((cipher, nonce)) = key.cipher(&salt) else { return Vec::new() };
        match cipher.seal_in_place_append_tag(nonce, Aad::from(about), &mut sealed) {
            Ok(()) => out.extend_from_slice(&sealed),
            Err(_) => out.clear(),
        }
        out
    }

    pub(super) fn open(&self, gateway: &str, sealed: &[u8]) -> Result<Vec<u8>, Refused> {
        let (head, behind) = sealed.split_at_checked(HEAD).ok_or(Refused::Malformed)?;
        if head[0] != VERSION || behind.len() < TAG {
            return Err(Refused::Malformed);
        }
        let (id, salt) = head[1..].split_at(KEY_ID);
        let opened = self.keys.iter().filter(|key| key.id == id).find_map(|key| {
            let (cipher, nonce) = key.cipher(salt)?;
            let mut octets = behind.to_vec();
            let plain = cipher.open_in_place(nonce, Aad::from(about(head, gateway)), &mut octets).ok()?;
            Some(plain.to_vec())
        });
        opened.ok_or(Refused::Foreign)
    }
}

/// What is sealed with the octets, and not in them.
fn about(head: &[u8], gateway: &str) -> Vec<u8> {
    [head, gateway.as_bytes()].concat()
}

impl Key {
    fn new(octets: &[u8]) -> Result<Self, KeyTooShort> {
        if octets.len() < MIN_KEY_OCTETS {
            return Err(KeyTooShort);
        }
        let mut digest = Context::new(&SHA256);
        digest.update(b"mailchute-seal-key-id-1");
        digest.update(octets);
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest.finish().as_ref()[..KEY_ID]);
        Ok(Self { id, octets: octets.into() })
    }

    /// Cipher and nonce of one token; `ring` makes any of them, so that `None` never is.
    fn cipher(&self, salt: &[u8]) -> Option<(LessSafeKey, Nonce)> {
        let made = Salt::new(HKDF_SHA256, salt).extract(&self.octets);
        let mut octets = [0; 32 + NONCE_LEN];
        made.expand(&[PURPOSE], Length(octets.len())).ok()?.fill(&mut octets).ok()?;
        let (key, nonce) = octets.split_at(32);
        let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some((LessSafeKey::new(key), Nonce::try_assume_unique_for_key(nonce).ok()?))
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.keys.len())
    }
}
