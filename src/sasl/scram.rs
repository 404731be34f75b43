//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
//!
//! ```text
//! First ─ client-first ─▶ Final ─ client-final with the proof ─▶ Proved ─ nothing ─▶ signed in
//!          ◀ server-first         ◀ server-final
//! ```
//!
//! A failure ends the exchange without a server-final message: RFC 5802 §5.1, "a server implementation
//! MAY conclude the SASL exchange with a failure without sending the server-final-message". SMTP has no
//! data with success, so the server's signature is a challenge that is answered with nothing.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::credentials::Credentials;
use super::exchange::Failed;
use super::hash::{DIGEST, Keys, mac, sha256};
use super::name;

/// What a client-first message has been answered with.
pub(super) struct Challenged {
    keys: Keys,
    /// `None`: there is no such user, and the proof can't hold.
    user: Option<Arc<str>>,
    /// The channel binding that the client has to repeat.
    gs2_header: Box<str>,
    nonce: Box<str>,
    /// `client-first-message-bare "," server-first-message`.
    said: String,
}

impl fmt::Debug for Challenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenged(…)")
    }
}

/// Takes client-first-message; gives server-first-message.
pub(super) fn first(
    message: &[u8],
    nonce: &str,
    credentials: &Credentials,
) -> Result<(String, Challenged), Failed> {
    let message = std::str::from_utf8(message).map_err(|_| Failed)?;
    let First { gs2_header, authzid, bare, name, client_nonce } = First::parse(message).ok_or(Failed)?;
    let name = name::prepare(name.as_bytes()).ok_or(Failed)?;
    if authzid.is_some_and(|authzid| name::prepare(authzid.as_bytes()).as_deref() != Some(name.as_str())) {
        return Err(Failed);
    }
    let (keys, user) = credentials.keys(&name).ok_or(Failed)?;
    let nonce: Box<str> = format!("{client_nonce}{nonce}").into();
    let challenge = format!("r={nonce},s={},i={}", STANDARD.encode(&keys.salt), keys.iterations);
    let said = format!("{bare},{challenge}");
    let gs2_header = gs2_header.into();
    Ok((challenge, Challenged { keys, user, gs2_header, nonce, said }))
}

impl Challenged {
    /// Takes client-final-message; gives server-final-message and who has proved to be who.
    pub(super) fn finish(self, message: &[u8]) -> Result<(String, Arc<str>), Failed> {
        let Self { keys, user, gs2_header, nonce, said } = self;
        let message = std::str::from_utf8(message).map_err(|_| Failed)?;
        // RFC 5802 §7: the proof is the last attribute; all before it is signed.
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Failed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes.next().and_then(|attribute| attribute.strip_prefix("c="));
        let repeated = attributes.next().and_then(|attribute| attribute.strip_prefix("r="));
        let bound = binding.is_some_and(|binding| binding == STANDARD.encode(&*gs2_header));
        if !bound || repeated != Some(&*nonce) {
            return Err(Failed);
        }
        let proof: [u8; DIGEST] =
            STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok()).ok_or(Failed)?;
        let said = format!("{said},{without_proof}");
        let signature = mac(&keys.stored, said.as_bytes());
        let client_key: [u8; DIGEST] = std::array::from_fn(|at| proof[at] ^ signature[at]);
        let proved = bool::from(sha256(&client_key).ct_eq(&keys.stored));
        let user = user.filter(|_| proved).ok_or(Failed)?;
        Ok((format!("v={}", STANDARD.encode(mac(&keys.server, said.as_bytes()))), user))
    }
}

/// RFC 5802 §7: `client-first-message = gs2-header client-first-message-bare`.
struct First<'a> {
    gs2_header: &'a str,
    authzid: Option<String>,
    bare: &'a str,
    name: String,
    client_nonce: &'a str,
}

impl<'a> First<'a> {
    fn parse(message: &'a str) -> Option<Self> {
        let (flag, rest) = message.split_once(',')?;
        // `p=…` asks for a channel binding, which is not on offer. `y`: the client could have done with
        // one and thinks that we can't, which is so.
        if !matches!(flag, "n" | "y") {
            return None;
        }
        let (authzid, bare) = rest.split_once(',')?;
        let authzid = match authzid {
            "" => None,
            _ => Some(unescape(authzid.strip_prefix("a=")?)?),
        };
        let gs2_header = message.get(..message.len() - bare.len())?;
        // `m=` here would be an extension that we have to know; the others are ignored.
        let mut attributes = bare.split(',');
        let name = unescape(attributes.next()?.strip_prefix("n=")?)?;
        let client_nonce = attributes.next()?.strip_prefix("r=")?;
        let printable =
            |nonce: &str| !nonce.is_empty() && nonce.bytes().all(|octet| octet.is_ascii_graphic());
        printable(client_nonce).then_some(Self { gs2_header, authzid, bare, name, client_nonce })
    }
}

/// RFC 5802 §5.1: `,` is `=2C` and `=` is `=3D`; another `=` is an error.
fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.get(..2)? {
            "2C" => (',', &part[2..]),
            "3D" => ('=', &part[2..]),
            _ => return None,
        };
        text.push(character);
        text.push_str(rest);
    }
    Some(text)
}
