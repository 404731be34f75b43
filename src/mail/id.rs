//! The transaction id: one UUIDv7 (RFC 9562 §5.7) from `Received` to event, log and bounce.

use std::fmt;
use std::time::SystemTime;

use uuid::{Builder, Uuid};

/// Names one transaction everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(Uuid);

impl TransactionId {
    /// Milliseconds of `now`, and ten octets of the caller's randomness.
    pub fn new(now: SystemTime, random: [u8; 10]) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The one that has these octets.
    pub fn from_bytes(octets: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(octets))
    }

    /// The sixteen octets.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ids_sort_by_time() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let (early, late) = (TransactionId::new(at(1), [0xff; 10]), TransactionId::new(at(2), [0; 10]));
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string(), "00000000-0001-7fff-bfff-ffffffffffff");
    }
}
