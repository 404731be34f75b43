//! The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. Pure.
//!
//! ```text
//! client-first ─▶ ◀─ server-first   client-final, with the proof ─▶ ◀─ server-final, with its signature
//! ```
//!
//! The password is hashed as its octets stand: SASLprep (RFC 4013) changes nothing of ASCII.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;

use super::login::Login;

/// `n,,`: no channel binding, no authzid.
const GS2_HEADER: &str = "n,,";
/// Iterations that a server may ask for: more would hold up a thread for too long.
const MAX_ITERATIONS: u32 = 600_000;

/// An exchange under way.
pub(super) struct Scram(State);

enum State {
    /// client-first was said.
    First { login: Login, bare: String, nonce: String },
    /// client-final was said; this is what the server has to sign.
    Final { signature: hmac::Tag },
}

/// What comes next.
pub(super) enum Next {
    /// client-final-message.
    Proof(String, Scram),
    /// The server knows the password.
    Proved,
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scram(…)")
    }
}

impl Scram {
    /// Gives client-first-message.
    pub(super) fn begin(login: Login, nonce: &str) -> (String, Self) {
        // RFC 5802 §5.1: "," and "=" in the name.
        let name = login.user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={nonce}");
        let first = format!("{GS2_HEADER}{bare}");
        (first, Self(State::First { login, bare, nonce: nonce.to_owned() }))
    }

    /// Answers what the server says; `None` where that can't be right.
    pub(super) fn respond(self, challenge: &[u8]) -> Option<Next> {
        let challenge = std::str::from_utf8(challenge).ok()?;
        match self.0 {
            State::First { login, bare, nonce } => prove(&login, &bare, &nonce, challenge),
            State::Final { signature } => {
                let told = STANDARD.decode(challenge.strip_prefix("v=")?).ok()?;
                bool::from(signature.as_ref().ct_eq(&told)).then_some(Next::Proved)
            }
        }
    }
}

fn prove(login: &Login, bare: &str, nonce: &str, challenge: &str) -> Option<Next> {
    let mut attributes = challenge.split(',');
    // RFC 5802 §5.1: an extension that has to be known comes first, as `m=`.
    let combined = attributes.next()?.strip_prefix("r=")?;
    let salt = STANDARD.decode(attributes.next()?.strip_prefix("s=")?).ok()?;
    let iterations: NonZeroU32 = attributes.next()?.strip_prefix("i=")?.parse().ok()?;
    if !combined.starts_with(nonce) || combined == nonce || iterations.get() > MAX_ITERATIONS {
        return None;
    }
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    let password = login.password.reveal();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password, &mut salted);
    let client_key = mac(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let without_proof = format!("c={},r={combined}", STANDARD.encode(GS2_HEADER));
    let said = format!("{bare},{challenge},{without_proof}");
    let signature = mac(stored_key.as_ref(), said.as_bytes());
    let proof: Vec<u8> =
        client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, signed)| key ^ signed).collect();
    let server_key = mac(&salted, b"Server Key");
    let signature = mac(server_key.as_ref(), said.as_bytes());
    let last = format!("{without_proof},p={}", STANDARD.encode(proof));
    Some(Next::Proof(last, Scram(State::Final { signature })))
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Secret;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn begun() -> (String, Scram) {
        Scram::begin(Login { user: "user".to_owned(), password: Secret::new(b"pencil") }, NONCE)
    }

    /// RFC 7677 §3.
    #[test]
    fn the_example_of_the_rfc() {
        let (first, scram) = begun();
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let Some(Next::Proof(last, scram)) = scram.respond(FIRST.as_bytes()) else { panic!("no proof") };
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(last, expected);
        let told = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(matches!(scram.respond(told), Some(Next::Proved)));
    }

    #[test]
    fn a_server_that_can_not_be_right_is_left() {
        for challenge in [
            "",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            &FIRST.replace("i=4096", "i=0"),
            &FIRST.replace("i=4096", "i=600001"),
            &format!("m=x,{FIRST}"),
        ] {
            assert!(begun().1.respond(challenge.as_bytes()).is_none(), "{challenge}");
        }
        let Some(Next::Proof(_, scram)) = begun().1.respond(FIRST.as_bytes()) else { panic!("no proof") };
        assert!(scram.respond(b"v=AAAA").is_none());
    }

    #[test]
    fn a_name_is_escaped() {
        let login = Login { user: "a,b=c".to_owned(), password: Secret::new(b"x") };
        assert_eq!(Scram::begin(login, "n").0, "n,,n=a=2Cb=3Dc,r=n");
    }
}
