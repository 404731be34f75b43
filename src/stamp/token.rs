//! The bounce token: all that a notification about a message needs, so that no pod has to remember it.
//!
//! It goes to the backend with the message, which gives it back with the recipients that it could not
//! serve after all. Sealed: nobody else can make one, change one, or read in it what the event does not
//! say. As text it is base64url without padding (RFC 4648 §5).
//!
//! | what it holds | for |
//! | --- | --- |
//! | transaction id and the moment of the final dot | `Arrival-Date`, the text, how long it is good |
//! | reverse-path, `ENVID`, whether the sender is vouched for, whether the message is an answer itself | to whom, and whether at all |
//! | each recipient: what the backend was told, what RCPT said, `NOTIFY`, `ORCPT` | about whom |
//! | a few fields of the header | by which a person knows the message again |
//!
//! The gateway is not in it but sealed with it: a token of another one does not open.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::mail::body::Message;
use crate::mail::header::Fields;
use crate::mail::{Recipient, ReversePath, TransactionId};

pub(crate) mod content;
mod seal;
#[cfg(test)]
mod tests;

pub use seal::{KeyTooShort, MIN_KEY_OCTETS, Seal};

/// How long a token is good: as long as mail servers try (RFC 5321 §4.5.4.1: "at least 4-5 days").
pub const GOOD_FOR: Duration = Duration::from_secs(5 * 24 * 3600);
/// Octets of a token that are looked at.
pub const MAX_TOKEN: usize = 64 * 1024;
/// Octets of all fields of the header that are kept, and of each.
const MAX_EXCERPT: usize = 640;
const MAX_FIELD: usize = 320;
/// Fields that are kept, the most telling first.
const EXCERPT: [&str; 5] = ["Message-ID", "Subject", "Date", "From", "To"];

/// What is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The transaction of the message.
    pub id: TransactionId,
    /// When its final dot was read, in whole seconds.
    pub received_at: SystemTime,
    /// Whom a notification would be for.
    pub reverse_path: ReversePath,
    /// Whether somebody vouches for the sender.
    pub vouched: bool,
    /// Whether the message is itself an automatic answer.
    pub answer: bool,
    /// `ENVID`, decoded.
    pub envelope_id: Option<Box<str>>,
    /// Those fields of the header that fit, see [`excerpt`].
    pub header: Vec<u8>,
    /// Those whom the backend was told of, in its order.
    pub recipients: Vec<Recipient>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is cut, garbled, or of a version that is not known.
    #[error("this is not a bounce token")]
    Malformed,
    /// None of our keys has sealed it for this gateway, or it was changed.
    #[error("this token was not sealed by this gateway, or was changed")]
    Foreign,
    /// It is older than [`GOOD_FOR`].
    #[error("this token has expired")]
    Expired,
}

impl Token {
    /// Seals it for a gateway; `random` must never have been used before.
    pub fn seal(&self, seal: &Seal, gateway: &str, random: [u8; seal::SALT]) -> String {
        let mut plain = Vec::with_capacity(512);
        content::write(self, &mut plain);
        URL_SAFE_NO_PAD.encode(seal.seal(gateway, &plain, random))
    }

    /// Opens a token of this gateway.
    pub fn open(token: &str, seal: &Seal, gateway: &str, now: SystemTime) -> Result<Self, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Malformed);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refused::Malformed)?;
        let plain = seal.open(gateway, &sealed)?;
        // Sealed by ourselves and not readable: by a version that wrote it differently.
        let token = content::read(&plain).ok_or(Refused::Malformed)?;
        let age = now.duration_since(token.received_at).unwrap_or_default();
        if age > GOOD_FOR { Err(Refused::Expired) } else { Ok(token) }
    }
}

/// Octets of the token of an envelope, at most.
pub fn octets<'a>(
    reverse_path: &ReversePath,
    envelope_id: Option<&str>,
    recipients: impl Iterator<Item = &'a Recipient>,
) -> usize {
    let recipients: usize = recipients.map(content::recipient_octets).sum();
    let plain =
        content::FIXED + reverse_path.len() + envelope_id.map_or(0, str::len) + MAX_EXCERPT + recipients;
    base64::encoded_len(seal::OVERHEAD + plain, false).unwrap_or(usize::MAX)
}

/// Those of a few fields that are short, as they came, within a few hundred octets.
pub fn excerpt(message: &Message) -> Vec<u8> {
    let mut found: [Option<Vec<u8>>; EXCERPT.len()] = Default::default();
    for field in Fields::new(message) {
        let place = EXCERPT.iter().position(|name| field.is(name));
        let Some(place) = place.filter(|place| found[*place].is_none() && field.range.len() <= MAX_FIELD)
        else {
            continue;
        };
        let octets: Vec<Bytes> = crate::mail::header::slices(message, field.range).collect();
        found[place] = Some(octets.concat());
    }
    let mut kept = Vec::new();
    for field in found.into_iter().flatten() {
        let ends = if field.ends_with(b"\n") { 0 } else { 2 };
        if kept.len() + field.len() + ends > MAX_EXCERPT {
            continue;
        }
        kept.extend_from_slice(&field);
        kept.extend_from_slice(&b"\r\n"[..ends]);
    }
    kept
}
