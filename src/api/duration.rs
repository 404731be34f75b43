//! A length of time as Kubernetes writes it: `25s`, `1h30m`, `200ms`.
//!
//! GEP-2257 (Gateway API): one to four numbers of at most five digits, each with a unit `h`, `m`, `s` or `ms`; their
//! sum is the duration. Not ISO 8601, no fractions, no sign, never a bare number.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(test)]
mod tests;

/// A length of time in whole milliseconds, below 100,000 hours.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// GEP-2257: what the API server accepts as a duration.
const PATTERN: &str = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

/// GEP-2257: four parts of five digits and two letters.
const MAX_LENGTH: usize = 28;

/// GEP-2257: a number has at most five digits.
const MAX_DIGITS: usize = 5;

/// The first length that five digits of hours, with minutes, seconds and milliseconds, can't say.
const TOO_LONG_MILLIS: u64 = 100_000 * 3_600_000;

impl Duration {
    /// So many whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }

    /// The same length as the standard library's type.
    #[must_use]
    pub const fn as_std(self) -> std::time::Duration {
        self.0
    }

    /// Whether it is `0s`, which switches most things off.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

/// Why a text is not a [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It does not have the shape of GEP-2257.
    #[error(
        "`{0}` is not a duration: write one to four whole numbers with a unit h, m, s or ms, like 90s, 1h30m or 200ms"
    )]
    Malformed(String),
    /// Its parts add up to more than can be written back.
    #[error("`{0}` is too long for a duration: at most 99999h59m59s999ms")]
    TooLong(String),
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let malformed = || DurationError::Malformed(excerpt(text));
        let mut millis: u64 = 0;
        let mut rest = text;
        for _ in 0..4 {
            let (part, after) = first_part(rest).ok_or_else(malformed)?;
            // Four parts of at most 99,999 hours are far below 2^64 milliseconds.
            millis += part;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        if !rest.is_empty() {
            return Err(malformed());
        }
        if millis >= TOO_LONG_MILLIS {
            return Err(DurationError::TooLong(excerpt(text)));
        }
        Ok(Self::from_millis(millis))
    }
}

/// One number with its unit, in milliseconds, and what follows it.
fn first_part(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > MAX_DIGITS {
        return None;
    }
    let (number, rest) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    UNITS.iter().find_map(|(unit, millis)| rest.strip_prefix(unit).map(|rest| (number * millis, rest)))
}

/// The start of a text, for an error message that can't grow with its input.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let parts = [
            (millis / 3_600_000, "h"),
            (millis / 60_000 % 60, "m"),
            (millis / 1_000 % 60, "s"),
            (millis % 1_000, "ms"),
        ];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MAX_LENGTH, "pattern": PATTERN })
    }
}
