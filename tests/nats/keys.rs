//! Keys as NATS writes them (ADR-14): a letter that says whose, the octets, a checksum, in base32.

use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Whose a key is.
#[derive(Clone, Copy)]
pub(crate) enum Holder {
    /// `O`.
    Operator,
    /// `A`.
    Account,
    /// `U`.
    User,
}

impl Holder {
    /// The five bits that are its letter in base32, and three more.
    fn prefix(self) -> u8 {
        8 * match self {
            Self::Operator => 14,
            Self::Account => 0,
            Self::User => 20,
        }
    }
}

/// A key and its public half.
pub(crate) struct Pair {
    holder: Holder,
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

impl Pair {
    /// A new one.
    pub(crate) fn new(holder: Holder) -> Self {
        let seed: [u8; 32] = rand::random();
        Self { holder, seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
    }

    /// What others know it by.
    pub(crate) fn public(&self) -> String {
        text(&[&[self.holder.prefix()], self.pair.public_key().as_ref()])
    }

    /// The secret half, `S` in front.
    pub(crate) fn seed(&self) -> String {
        let (letter, holder) = (8 * 18, self.holder.prefix());
        text(&[&[letter | (holder >> 5), holder << 3], &self.seed])
    }

    /// What it has signed.
    pub(crate) fn sign(&self, octets: &[u8]) -> Vec<u8> {
        self.pair.sign(octets).as_ref().to_vec()
    }
}

/// With a CRC-16 (XMODEM) behind it.
fn text(parts: &[&[u8]]) -> String {
    let mut octets = parts.concat();
    let checksum = octets.iter().fold(0u16, |mut checksum, octet| {
        checksum ^= u16::from(*octet) << 8;
        for _ in 0..8 {
            checksum = (checksum << 1) ^ (0x1021 * (checksum >> 15));
        }
        checksum
    });
    octets.extend_from_slice(&checksum.to_le_bytes());
    BASE32_NOPAD.encode(&octets)
}
