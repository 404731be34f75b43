//! Parameters of MAIL and RCPT: `SP keyword ["=" value]` (RFC 5321 §4.1.2).

use crate::mail::BodyType;
use crate::smtp::reply::{self, Reply};

/// Most digits of a number: RFC 1870 §4 and RFC 3030 §2 allow 20.
const MAX_DIGITS: usize = 20;

/// What MAIL said beside the path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct MailParameters {
    pub(crate) size: Option<u64>,
    pub(crate) body_type: BodyType,
    pub(crate) smtputf8: bool,
}

impl MailParameters {
    /// Reads what stands behind the path.
    pub(crate) fn parse(rest: &[u8]) -> Result<Self, Reply> {
        let mut parameters = Self::default();
        let mut body = None;
        for (keyword, value) in split(rest) {
            match (&keyword.to_ascii_uppercase()[..], value) {
                (b"SIZE", Some(value)) if parameters.size.is_none() => {
                    parameters.size = Some(number(value).ok_or(reply::BAD_ARGUMENT)?);
                }
                (b"BODY", Some(value)) if body.is_none() => body = Some(body_type(value)?),
                (b"SMTPUTF8", None) if !parameters.smtputf8 => parameters.smtputf8 = true,
                (b"SIZE" | b"BODY" | b"SMTPUTF8", _) => return Err(reply::BAD_ARGUMENT),
                _ => return Err(reply::BAD_PARAMETER),
            }
        }
        parameters.body_type = body.unwrap_or_default();
        Ok(parameters)
    }
}

/// RCPT has no parameters here: all of them are unknown.
pub(super) fn none(rest: &[u8]) -> Result<(), Reply> {
    if split(rest).next().is_none() { Ok(()) } else { Err(reply::BAD_PARAMETER) }
}

fn split(rest: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let words = rest.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    words.map(|word| match word.iter().position(|octet| *octet == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    })
}

fn body_type(value: &[u8]) -> Result<BodyType, Reply> {
    [BodyType::SevenBit, BodyType::EightBitMime, BodyType::BinaryMime]
        .into_iter()
        .find(|known| value.eq_ignore_ascii_case(known.keyword().as_bytes()))
        .ok_or(reply::BAD_ARGUMENT)
}

/// Up to [`MAX_DIGITS`] digits; what passes `u64` is as good as infinite.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value =
        digits.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(value)
}
