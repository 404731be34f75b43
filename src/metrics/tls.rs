//! Counting TLS: handshakes, and when certificates expire.

use std::time::Duration;

use super::{ListenerMetrics, Metrics};

/// Upper bounds of a handshake's duration, seconds: from 500 µs (resumed, from next door) by way of
/// several round trips to 30 s, its deadline.
pub const HANDSHAKE_SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
    /// The handshake did not come so far.
    Unknown,
}

impl TlsVersion {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Tls12, Self::Tls13, Self::Unknown];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
            Self::Unknown => "unknown",
        }
    }
}

/// How a TLS handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandshakeOutcome {
    /// TLS, with everything negotiated anew.
    Full,
    /// TLS, with an earlier session resumed.
    Resumed,
    /// No version, cipher or signature that both sides have.
    Incompatible,
    /// The client ended it with an alert: it does not believe our certificate, say.
    Declined,
    /// What the client sent is no TLS, or wrong.
    Broken,
    /// What the client sent is another protocol, such as HTTP.
    CrossProtocol,
    /// The deadline was missed.
    TimedOut,
    /// The client went away.
    Disconnected,
}

impl HandshakeOutcome {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Full,
        Self::Resumed,
        Self::Incompatible,
        Self::Declined,
        Self::Broken,
        Self::CrossProtocol,
        Self::TimedOut,
        Self::Disconnected,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Incompatible => "incompatible",
            Self::Declined => "declined",
            Self::Broken => "broken",
            Self::CrossProtocol => "cross_protocol",
            Self::TimedOut => "timed_out",
            Self::Disconnected => "disconnected",
        }
    }
}

impl Metrics {
    /// When the first of a listener's certificates expires, seconds since 1970; `None`: it has none.
    pub fn certificate_expiry(&self, listener: &str, at: Option<i64>) {
        match at {
            Some(at) => self.families.certificate_expiry.get(&[listener]).set(at),
            None => self.families.certificate_expiry.retain("listener", |held| held != listener),
        }
    }
}

impl ListenerMetrics {
    /// A handshake ended, `took` after it began.
    pub fn handshake(&self, version: TlsVersion, outcome: HandshakeOutcome, took: Duration) {
        let (families, listener) = self.place();
        families.handshakes.get(&[listener, version.as_str(), outcome.as_str()]).inc();
        families.handshake_seconds.get(&[listener]).observe(took.as_secs_f64());
    }
}
