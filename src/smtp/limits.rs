//! The limits of a session: each from configuration, with the floor of RFC 5321 §4.5.3.1.

use super::action::Hello;

/// RFC 5321 §4.5.3.1.4: octets of a command line, CRLF included.
pub const COMMAND_LINE: usize = 512;
/// What is always announced adds to MAIL: SIZE 26 (RFC 1870 §3), BODY 17 (RFC 6152, RFC 3030),
/// SMTPUTF8 10 (RFC 6531 §3.4).
pub const MAIL_LINE: usize = COMMAND_LINE + 26 + 17 + 10;
/// RFC 4954 §3: octets that AUTH adds to MAIL.
const MAIL_AUTH: usize = 500;
/// RFC 3461 §4.4: octets of the value of ENVID.
pub const ENVELOPE_ID: usize = 100;
/// RFC 3461 §4.2: octets of the value of ORCPT.
pub const ORIGINAL_RECIPIENT: usize = 500;
/// RFC 4954 §4: octets of a line of the AUTH dialogue.
pub const AUTH_LINE: usize = 12_288;
/// Octets of an XCLIENT line. XCLIENT_README asks clients to stay within 512, which a name and a HELO
/// of 255 octets each pass; Postfix itself reads so many.
pub const XCLIENT_LINE: usize = 2048;
/// Refused data is read on up to this many times the message limit, then the connection closes.
pub const DRAIN_FACTOR: u64 = 4;
/// Recipients refused for good in a session with none accepted: then it is ended.
pub const REFUSED_RECIPIENTS: u32 = 100;

/// Octets of a command line, CRLF included, by its first octets and by what was announced.
pub(super) fn command_line(line: &[u8], announced: Hello) -> usize {
    let verb = |name: &[u8]| line.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let if_announced = |announced, octets| if announced { octets } else { 0 };
    if verb(b"MAIL") {
        let dsn = " RET=HDRS".len() + " ENVID=".len() + ENVELOPE_ID;
        MAIL_LINE
            + if_announced(!announced.auth.is_empty(), MAIL_AUTH)
            + if_announced(announced.prdr, " PRDR".len())
            + if_announced(announced.dsn, dsn)
    } else if verb(b"RCPT") {
        let dsn = " NOTIFY=SUCCESS,FAILURE,DELAY".len() + " ORCPT=".len() + ORIGINAL_RECIPIENT;
        COMMAND_LINE + if_announced(announced.dsn, dsn)
    } else if verb(b"AUTH") && !announced.auth.is_empty() {
        AUTH_LINE
    } else if verb(b"XCLIENT") && announced.xclient {
        XCLIENT_LINE
    } else {
        COMMAND_LINE
    }
}

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
