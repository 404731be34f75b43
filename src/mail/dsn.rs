//! What a client asks of delivery status notifications (RFC 3461 §4).
//!
//! Words only: parameters are parsed in `smtp::command`, notifications are written elsewhere.

use std::fmt;

/// MAIL's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SenderDsn {
    /// `RET`; not given, the reporting server chooses.
    pub returned: Option<Returned>,
    /// `ENVID`, decoded: printable ASCII.
    pub envelope_id: Option<Box<str>>,
}

/// How much of the message a failure report returns (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// `FULL`: the message.
    Full,
    /// `HDRS`: its header.
    Headers,
}

impl Returned {
    /// The value of `RET`.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }
}

/// RCPT's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecipientDsn {
    /// `NOTIFY`; not given, failures are reported, and delays if the reporting server does that.
    pub notify: Option<Notify>,
    /// `ORCPT`.
    pub original: Option<OriginalRecipient>,
}

/// Of what the sender is told (RFC 3461 §4.1). None of them: `NEVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notify {
    /// `SUCCESS`.
    pub success: bool,
    /// `FAILURE`.
    pub failure: bool,
    /// `DELAY`.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
}

/// As the value of `NOTIFY`.
impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("NEVER");
        }
        let words = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let mut separator = "";
        for (_, word) in words.into_iter().filter(|(asked, _)| *asked) {
            write!(f, "{separator}{word}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// To whom the message was sent at first (RFC 3461 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// The registered address type, as given, e.g. `rfc822`.
    pub address_type: Box<str>,
    /// The address, decoded.
    pub address: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_is_written_as_it_is_read() {
        let all = Notify { success: true, failure: true, delay: true };
        assert_eq!(all.to_string(), "SUCCESS,FAILURE,DELAY");
        assert_eq!(Notify { failure: true, ..Notify::NEVER }.to_string(), "FAILURE");
        assert_eq!(Notify::NEVER.to_string(), "NEVER");
    }
}
