//! What is kept of a password: an argon2 or bcrypt hash, or the keys of SCRAM.
//!
//! Costs are bounded, so that no entry of a Secret can use up the memory or the processor of a pod; at
//! its bound each kind takes about a second. Argon2 and bcrypt hash the octets of a password as they
//! were sent, SCRAM hashes them prepared.

use std::fmt;
use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;

use super::name;

/// KiB that one argon2 hash may take: 128 MiB, twice what RFC 9106 §4 recommends where memory is short.
const MAX_ARGON2_KIB: u32 = 128 * 1024;
/// KiB that argon2 may go over in all its passes.
const MAX_ARGON2_WORK: u64 = 1024 * 1024;
/// Lanes of argon2.
const MAX_ARGON2_LANES: u32 = 16;
/// Rounds of bcrypt, as a power of two.
const MIN_BCRYPT_COST: u32 = 4;
/// The same at most.
const MAX_BCRYPT_COST: u32 = 14;
/// RFC 7677 §4: "the hash iteration-count SHOULD be at least 4096".
const MIN_ITERATIONS: u32 = 4096;
/// Iterations of PBKDF2 in SCRAM.
const MAX_ITERATIONS: u32 = 1_000_000;
/// Octets of a SCRAM salt.
pub(super) const MAX_SALT: usize = 64;
/// Octets of what SHA-256 makes.
pub(super) const DIGEST: usize = digest::SHA256_OUTPUT_LEN;

/// How text begins that is SCRAM keys (RFC 5803 §2, PostgreSQL).
const SCRAM: &str = "SCRAM-SHA-256$";

/// Why text is not a hash that can be used. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Nothing that is known here; maybe a password.
    #[error("is not a hash: write one of argon2, bcrypt ($2a$, $2b$ or $2y$) or SCRAM-SHA-256")]
    Unknown,
    /// It begins like a hash.
    #[error("is a hash that can't be read")]
    Malformed,
    /// Memory, passes or lanes of argon2.
    #[error("costs too much: argon2 may take 128 MiB, go over 1 GiB in all its passes, and have 16 lanes")]
    Argon2Cost,
    /// Rounds of bcrypt.
    #[error("costs too much: bcrypt may have a cost of 14")]
    BcryptCost,
    /// Iterations of SCRAM.
    #[error("has a number of iterations out of bounds: SCRAM may have 4096 to 1000000")]
    Iterations,
}

/// What a password is checked against.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Hash {
    Argon2(Box<Argon2Hash>),
    /// As it is written: its parts were read once.
    Bcrypt(Box<str>),
    Scram(Box<Keys>),
}

/// RFC 9106.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

/// RFC 5802 §3: all that a server keeps; no password can be told from it, nor is it good for signing in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Box<[u8]>,
    pub(super) stored: [u8; DIGEST],
    pub(super) server: [u8; DIGEST],
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Hash {
    /// Reads a hash as the tools that make them write it.
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        if text.starts_with("$argon2") {
            return Argon2Hash::parse(text).map(|hash| Self::Argon2(Box::new(hash)));
        }
        if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            return bcrypt_hash(text);
        }
        match text.strip_prefix(SCRAM) {
            Some(rest) => Keys::parse(rest).map(|keys| Self::Scram(Box::new(keys))),
            None => Err(HashError::Unknown),
        }
    }

    /// Whether text is meant to be a hash, so that it is no line of a list.
    pub(super) fn begins(text: &str) -> bool {
        text.starts_with('$') || text.starts_with(SCRAM)
    }

    /// Whether this is the hash of a password. Slow by intent.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => hash.verify(password),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Scram(keys) => keys.verify(password),
        }
    }

    /// The keys, where these are kept.
    pub(super) fn keys(&self) -> Option<&Keys> {
        match self {
            Self::Scram(keys) => Some(keys),
            Self::Argon2(_) | Self::Bcrypt(_) => None,
        }
    }
}

impl Argon2Hash {
    /// The PHC string format, as the reference implementation writes it.
    fn parse(text: &str) -> Result<Self, HashError> {
        let parsed = PasswordHash::new(text).map_err(|_| HashError::Malformed)?;
        let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| HashError::Malformed)?;
        // The reference implementation left the version out as long as there was but this one.
        let version = parsed.version.unwrap_or(Version::V0x10 as u32);
        let version = Version::try_from(version).map_err(|_| HashError::Malformed)?;
        let params = Params::try_from(&parsed).map_err(|_| HashError::Malformed)?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MAX_ARGON2_KIB || work > MAX_ARGON2_WORK || params.p_cost() > MAX_ARGON2_LANES {
            return Err(HashError::Argon2Cost);
        }
        let salt = parsed.salt.ok_or(HashError::Malformed)?.as_ref().into();
        let output = parsed.hash.ok_or(HashError::Malformed)?.as_bytes().into();
        Ok(Self { algorithm, version, params, salt, output })
    }

    fn verify(&self, password: &[u8]) -> bool {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = vec![0; self.output.len()];
        let hashed = argon2.hash_password_into(password, &self.salt, &mut output);
        hashed.is_ok() && bool::from(output.ct_eq(&self.output))
    }
}

impl Keys {
    /// `iterations:salt$StoredKey:ServerKey` (RFC 5803 §2).
    fn parse(text: &str) -> Result<Self, HashError> {
        let (head, keys) = text.split_once('$').ok_or(HashError::Malformed)?;
        let (iterations, salt) = head.split_once(':').ok_or(HashError::Malformed)?;
        let (stored, server) = keys.split_once(':').ok_or(HashError::Malformed)?;
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| HashError::Malformed);
        let key = |text: &str| decode(text)?.try_into().map_err(|_| HashError::Malformed);
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| HashError::Malformed)?;
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations.get()) {
            return Err(HashError::Iterations);
        }
        let salt = decode(salt)?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(HashError::Malformed);
        }
        Ok(Self { iterations, salt: salt.into(), stored: key(stored)?, server: key(server)? })
    }

    /// RFC 5802 §3: the stored key, from the password.
    fn verify(&self, password: &[u8]) -> bool {
        let mut salted = [0; DIGEST];
        let password = name::prepare_password(password);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, self.iterations, &self.salt, &password, &mut salted);
        let key = mac(&salted, b"Client Key");
        bool::from(sha256(&key).ct_eq(&self.stored))
    }
}

/// A bcrypt hash whose parts are all there.
fn bcrypt_hash(text: &str) -> Result<Hash, HashError> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Malformed)?;
    match parts.get_cost() {
        ..MIN_BCRYPT_COST => Err(HashError::Malformed),
        MIN_BCRYPT_COST..=MAX_BCRYPT_COST => Ok(Hash::Bcrypt(text.into())),
        _ => Err(HashError::BcryptCost),
    }
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> [u8; DIGEST] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    array(tag.as_ref())
}

/// SHA-256.
pub(super) fn sha256(message: &[u8]) -> [u8; DIGEST] {
    array(digest::digest(&digest::SHA256, message).as_ref())
}

fn array(octets: &[u8]) -> [u8; DIGEST] {
    let mut array = [0; DIGEST];
    array.copy_from_slice(octets);
    array
}
