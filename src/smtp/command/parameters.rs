//! Parameters of MAIL and RCPT: `SP keyword ["=" value]` (RFC 5321 §4.1.2).

use super::{dsn, xtext};
use crate::mail::{BodyType, RecipientDsn, SenderDsn};
use crate::smtp::action::Hello;
use crate::smtp::reply::{self, Reply};

/// Most digits of a number: RFC 1870 §4 and RFC 3030 §2 allow 20.
const MAX_DIGITS: usize = 20;

/// What MAIL said beside the path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct MailParameters {
    pub(crate) size: Option<u64>,
    pub(crate) body_type: BodyType,
    pub(crate) smtputf8: bool,
    pub(crate) prdr: bool,
    pub(crate) dsn: SenderDsn,
}

impl MailParameters {
    /// Reads what stands behind the path. What was not announced is unknown.
    pub(crate) fn parse(rest: &[u8], announced: Hello) -> Result<Self, Reply> {
        let mut parameters = Self::default();
        let (mut body, mut auth) = (None, false);
        for (keyword, value) in split(rest) {
            let keyword = keyword.to_ascii_uppercase();
            let known = match &keyword[..] {
                b"SIZE" | b"BODY" | b"SMTPUTF8" => true,
                b"PRDR" => announced.prdr,
                b"RET" | b"ENVID" => announced.dsn,
                b"AUTH" => !announced.auth.is_empty(),
                _ => false,
            };
            if !known {
                return Err(reply::BAD_PARAMETER);
            }
            let taken = match (&keyword[..], value) {
                (b"SIZE", Some(value)) => once(&mut parameters.size, number(value)),
                (b"BODY", Some(value)) => once(&mut body, body_type(value)),
                (b"SMTPUTF8", None) => flag(&mut parameters.smtputf8),
                (b"PRDR", None) => flag(&mut parameters.prdr),
                (b"RET", Some(value)) => once(&mut parameters.dsn.returned, dsn::returned(value)),
                (b"ENVID", Some(value)) => once(&mut parameters.dsn.envelope_id, dsn::envelope_id(value)),
                // RFC 4954 §5: a server that does not trust its client to say who wrote a message
                // behaves "as if the AUTH=<> parameter was supplied". None is trusted to.
                (b"AUTH", Some(value)) => xtext::printable(value, false).and_then(|_| flag(&mut auth)),
                _ => None,
            };
            taken.ok_or(reply::BAD_ARGUMENT)?;
        }
        parameters.body_type = body.unwrap_or_default();
        Ok(parameters)
    }
}

/// Reads what stands behind RCPT's path.
pub(super) fn rcpt(rest: &[u8], announced: Hello, smtputf8: bool) -> Result<RecipientDsn, Reply> {
    let mut parameters = RecipientDsn::default();
    for (keyword, value) in split(rest) {
        let taken = match (&keyword.to_ascii_uppercase()[..], value) {
            (b"NOTIFY", Some(value)) if announced.dsn => once(&mut parameters.notify, dsn::notify(value)),
            (b"ORCPT", Some(value)) if announced.dsn => {
                once(&mut parameters.original, dsn::original_recipient(value, smtputf8))
            }
            (b"NOTIFY" | b"ORCPT", None) if announced.dsn => None,
            _ => return Err(reply::BAD_PARAMETER),
        };
        taken.ok_or(reply::BAD_ARGUMENT)?;
    }
    Ok(parameters)
}

/// Takes a value that is well formed, the first time.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> Option<()> {
    if place.is_some() {
        return None;
    }
    *place = Some(value?);
    Some(())
}

fn flag(place: &mut bool) -> Option<()> {
    (!std::mem::replace(place, true)).then_some(())
}

fn split(rest: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    let words = rest.split(|octet| *octet == b' ').filter(|word| !word.is_empty());
    words.map(|word| match word.iter().position(|octet| *octet == b'=') {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    })
}

fn body_type(value: &[u8]) -> Option<BodyType> {
    let known = [BodyType::SevenBit, BodyType::EightBitMime, BodyType::BinaryMime];
    known.into_iter().find(|known| value.eq_ignore_ascii_case(known.keyword().as_bytes()))
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
