//! A number of bytes as Kubernetes writes it: `25Mi`, `512Ki`, `10485760`.
//!
//! An integer, or a string of an integer and one of the suffixes of a Kubernetes quantity (`Ki Mi Gi Ti` are powers of
//! 1024, `k M G T` powers of 1000). No fractions, exponents or signs: they would only hide how many bytes are meant.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::duration::excerpt;

#[cfg(test)]
mod tests;

/// A number of bytes: at least one, at most 2^53.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// The suffixes of a Kubernetes quantity that make sense for bytes; largest first among the binary ones, which are the
/// form we write.
const SUFFIXES: [(&str, u64); 8] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];

/// What the API server accepts where a size is written as a string.
const PATTERN: &str = "^0*[1-9][0-9]{0,15}(Ki|Mi|Gi|Ti|k|M|G|T)?$";

/// A number of sixteen digits, its suffix, and some leading zeros.
const MAX_LENGTH: usize = 24;

/// Beyond 2^53 JSON numbers are no longer exact.
const MAX: u64 = 1 << 53;

impl Size {
    /// So many KiB (1024 bytes).
    #[must_use]
    pub const fn from_kib(kib: u32) -> Self {
        Self((kib as u64) << 10)
    }

    /// So many MiB (1024² bytes).
    #[must_use]
    pub const fn from_mib(mib: u32) -> Self {
        Self((mib as u64) << 20)
    }

    /// So many bytes: none where that is zero or beyond 2^53.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes == 0 || bytes > MAX { None } else { Some(Self(bytes)) }
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a text or number is not a [`Size`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It is not an integer with a known suffix.
    #[error(
        "`{0}` is not a size: write a whole number of bytes, with a suffix Ki, Mi, Gi, Ti, k, M, G or T if you like (25Mi)"
    )]
    Malformed(String),
    /// It is zero, or beyond what can be written exactly.
    #[error("`{0}` is out of range: a size is at least 1 byte and at most 8Pi (2^53) bytes")]
    OutOfRange(String),
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (digits, unit) = SUFFIXES
            .iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|digits| (digits, *unit)))
            .unwrap_or((text, 1));
        if digits.is_empty() || text.len() > MAX_LENGTH || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SizeError::Malformed(excerpt(text)));
        }
        let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        bytes.and_then(Self::from_bytes).ok_or_else(|| SizeError::OutOfRange(excerpt(text)))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = SUFFIXES.iter().take(4).find(|(_, unit)| self.0.is_multiple_of(*unit));
        match binary {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrString)
    }
}

struct IntOrString;

impl de::Visitor<'_> for IntOrString {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size in bytes, like 25Mi or 10485760")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
        Size::from_bytes(bytes).ok_or_else(|| E::custom(SizeError::OutOfRange(bytes.to_string())))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
        let size = u64::try_from(bytes).ok().and_then(Size::from_bytes);
        size.ok_or_else(|| E::custom(SizeError::OutOfRange(bytes.to_string())))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    /// `nullable: false` is written out, since kube's generator would otherwise let null through where a default
    /// stands, and a null would then meet no default.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "nullable": false,
            "minimum": 1,
            "maximum": MAX,
            "maxLength": MAX_LENGTH,
            "pattern": PATTERN,
        })
    }
}
