//! The limits of a session: each from configuration, with the floor of RFC 5321 §4.5.3.1.

/// RFC 5321 §4.5.3.1.4: octets of a command line, CRLF included.
pub const COMMAND_LINE: usize = 512;
/// What the announced extensions add to MAIL: SIZE 26 (RFC 1870 §3), BODY 17 (RFC 6152, RFC 3030),
/// SMTPUTF8 10 (RFC 6531 §3.4), AUTH 500 (RFC 4954 §3).
pub const MAIL_LINE: usize = COMMAND_LINE + 26 + 17 + 10 + 500;
/// RFC 4954 §4: octets of a line of the AUTH dialogue.
pub const AUTH_LINE: usize = 12_288;
/// Refused data is read on up to this many times the message limit, then the connection closes.
pub const DRAIN_FACTOR: u64 = 4;
/// Recipients refused for good in a session with none accepted: then it is ended.
pub const REFUSED_RECIPIENTS: u32 = 100;

/// What a listener allows one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a message; announced by SIZE (RFC 1870).
    pub message_bytes: u64,
    /// Recipients of a transaction; announced by LIMITS RCPTMAX (RFC 9422).
    pub recipients: u32,
    /// Messages of a session, 0 for any number; announced by LIMITS MAILMAX when set.
    pub messages: u32,
    /// Syntax and sequence errors since the last accepted message.
    pub errors: u32,
}

/// What bare CR and LF in DATA get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareNewlines {
    /// The whole message is read, then refused by `550 5.6.11`.
    #[default]
    Reject,
    /// Delivered byte for byte.
    Pass,
}
