//! Keys of NATS in text: base32 of a prefix, 32 octets and a checksum (NATS nkeys, ADR-14).

use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// `S`, in front of a seed: the five bits that base32 shows so.
const SEED: u8 = 18 << 3;
/// `U`: a user.
const USER: u8 = 20 << 3;
/// Octets of a seed and of a public key (RFC 8032).
const KEY: usize = 32;

/// The seed of a user in its text; `None` where it is none.
pub(super) fn seed(text: &str) -> Option<[u8; KEY]> {
    let octets = BASE32_NOPAD.decode(text.trim().as_bytes()).ok()?;
    let (body, checksum) = octets.split_at_checked(2 + KEY)?;
    if checksum != crc16(body).to_le_bytes() {
        return None;
    }
    // The second prefix begins in the last three bits of the first octet.
    let (seed, kind) = (body[0] & 0xf8, (body[0] << 5) | ((body[1] & 0xf8) >> 3));
    (seed == SEED && kind == USER).then(|| body[2..].try_into().ok()).flatten()
}

/// The text of the public key that belongs to a seed.
pub(super) fn public(seed: &[u8; KEY]) -> Option<String> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let mut octets = vec![USER];
    octets.extend_from_slice(pair.public_key().as_ref());
    let checksum = crc16(&octets);
    octets.extend_from_slice(&checksum.to_le_bytes());
    Some(BASE32_NOPAD.encode(&octets))
}

/// The JWT and the seed of a credentials file: the first two blocks between lines of dashes.
pub(super) fn credentials(text: &str) -> Option<(&str, [u8; KEY])> {
    let mut lines = text.lines().map(str::trim);
    let mut block = || {
        lines.by_ref().find(|line| line.starts_with("---"))?;
        let inside = lines.by_ref().find(|line| !line.is_empty()).filter(|line| !line.starts_with("---"))?;
        lines.by_ref().find(|line| line.starts_with("---")).map(|_| inside)
    };
    let jwt =
        block().filter(|jwt| jwt.split('.').count() == 3 && jwt.bytes().all(|c| c.is_ascii_graphic()))?;
    Some((jwt, seed(block()?)?))
}

/// CRC-16/XMODEM.
fn crc16(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |crc, octet| {
        let mut crc = crc ^ (u16::from(*octet) << 8);
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the documentation of NATS ("NKeys").
    const DOCUMENTED: (&str, &str) = (
        "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
        "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
    );

    #[test]
    fn a_seed_tells_its_public_key() {
        let octets = seed(DOCUMENTED.0).unwrap();
        assert_eq!(public(&octets).unwrap(), DOCUMENTED.1);
        assert_eq!(seed(&format!("{}\n", DOCUMENTED.0)), Some(octets));
    }

    #[test]
    fn what_is_no_seed_of_a_user_is_refused() {
        let cut = &DOCUMENTED.0[..DOCUMENTED.0.len() - 1];
        let changed = DOCUMENTED.0.replace("FSN", "FSM");
        for text in ["", "SU", DOCUMENTED.1, cut, &changed, &DOCUMENTED.0.to_lowercase()] {
            assert_eq!(seed(text), None, "{text}");
        }
    }

    #[test]
    fn a_credentials_file_has_a_jwt_and_a_seed() {
        let file = format!(
            "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             -----BEGIN USER NKEY SEED-----\r\n{}\r\n------END USER NKEY SEED------\n",
            DOCUMENTED.0
        );
        assert_eq!(credentials(&file), Some(("a.b.c", seed(DOCUMENTED.0).unwrap())));
        assert_eq!(credentials(&file.replace("a.b.c", "abc")), None);
        assert_eq!(credentials(&file.replace(DOCUMENTED.0, "SUABC")), None);
        assert_eq!(credentials(DOCUMENTED.0), None);
    }
}
