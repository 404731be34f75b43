//! Every reply there is, and the one encoder.
//!
//! Code: RFC 5321 §4.2. Enhanced code: RFC 3463, on every `2xx`, `4xx` and `5xx` line but the
//! greeting and the answer to HELO, EHLO and LHLO; never on `3xx` (RFC 2034 §4).

use std::borrow::Cow;
use std::fmt;

use super::limits::AUTH_LINE;

/// RFC 5321 §4.5.3.1.5: octets of a reply line, CRLF included.
pub const MAX_LINE: usize = 512;

/// `class.subject.detail` of RFC 3463 without the class, which the reply code gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// What it is about: address, mailbox, network, protocol, content, policy.
    pub subject: u16,
    /// What about it.
    pub detail: u16,
}

/// A reply to one command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    /// Lines are separated by `\n`; the encoder makes a multi-line reply of them.
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply with an enhanced code `X.subject.detail`, where X is the class of `code`.
    pub const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Self { code, enhanced: Some(Enhanced { subject, detail }), text: Cow::Borrowed(text) }
    }

    /// A reply without an enhanced code: greeting, HELO, EHLO, LHLO, `3xx`.
    pub const fn plain(code: u16, text: Cow<'static, str>) -> Self {
        Self { code, enhanced: None, text }
    }

    /// The same codes with another text; control characters but `\n` are dropped.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        text.retain(|c| !c.is_control() || c == '\n');
        self.text = Cow::Owned(text);
        self
    }

    /// A reply whose codes were read from elsewhere: a backend's verdict, a relay, configuration.
    ///
    /// `None` where `code` is not a completion reply (`2xx`, `4xx`, `5xx`).
    pub fn from_parts(code: u16, enhanced: Option<Enhanced>, text: impl Into<String>) -> Option<Self> {
        matches!(code / 100, 2 | 4 | 5).then(|| {
            let enhanced = enhanced.unwrap_or(Enhanced { subject: 0, detail: 0 });
            Self { code, enhanced: Some(enhanced), text: Cow::Borrowed("") }.with_text(text)
        })
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The first digit's meaning.
    pub fn class(&self) -> Class {
        match self.code / 100 {
            2 => Class::Positive,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }

    /// The text without codes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The enhanced code as `X.Y.Z`, where the reply has one.
    pub fn enhanced(&self) -> Option<String> {
        self.enhanced.map(|Enhanced { subject, detail }| format!("{}.{subject}.{detail}", self.code / 100))
    }

    /// Whether the connection ends after this reply: RFC 5321 §3.8 ties `421` (and `221`) to closing.
    pub fn closes(&self) -> bool {
        matches!(self.code, 221 | 421)
    }

    /// The same words by a code that doesn't end the session: `451` for `421`.
    #[must_use]
    pub fn without_closing(mut self) -> Self {
        if self.code == 421 {
            self.code = 451;
        }
        self
    }

    /// Appends the reply's lines to `out`; each is cut at [`MAX_LINE`] octets, and a challenge of AUTH at
    /// what RFC 4954 §4 lets its lines have.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let limit = if self.code == CHALLENGE { AUTH_LINE } else { MAX_LINE };
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { b'-' } else { b' ' };
            let start = out.len();
            digits(self.code, out);
            out.push(separator);
            if let Some(Enhanced { subject, detail }) = self.enhanced {
                for (part, end) in [(self.code / 100, b'.'), (subject, b'.'), (detail, b' ')] {
                    digits(part, out);
                    out.push(end);
                }
            }
            let room = limit - 2 - (out.len() - start);
            let cut = line.floor_char_boundary(room.min(line.len()));
            out.extend_from_slice(&line.as_bytes()[..cut]);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A number of at most five digits, without an allocation: replies are the bulk of what we say.
fn digits(number: u16, out: &mut Vec<u8>) {
    let first = [10_000, 1000, 100, 10].into_iter().position(|place| number >= place).unwrap_or(4);
    for place in &[10_000, 1000, 100, 10, 1][first..] {
        out.extend(u8::try_from(number / place % 10).map(|digit| b'0' + digit));
    }
}

/// As on one line, without CRLF.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced() {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.replace('\n', " "))
    }
}

/// RFC 5321 §4.2.1: the first digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `2xx`.
    Positive,
    /// `3xx`.
    Intermediate,
    /// `4xx`: the client should try again.
    Transient,
    /// `5xx`: the client should not.
    Permanent,
}

/// The greeting (RFC 5321 §3.1): host name first.
pub fn greeting(text: String) -> Reply {
    Reply::plain(220, Cow::Owned(text))
}

/// The answer to HELO, EHLO and LHLO: host name, then a line for each extension.
pub fn hello(text: String) -> Reply {
    Reply::plain(250, Cow::Owned(text))
}

/// DATA may begin.
pub const START_INPUT: Reply = Reply::plain(354, Cow::Borrowed("End data with <CR><LF>.<CR><LF>"));

/// The message is answered for each recipient (draft-hall-prdr).
pub const EACH_FOLLOWS: Reply = Reply::plain(353, Cow::Borrowed("A reply for each recipient follows"));

/// AUTH goes on (RFC 4954 §4).
const CHALLENGE: u16 = 334;

/// A challenge of AUTH, in base64.
pub fn challenge(text: String) -> Reply {
    Reply::plain(CHALLENGE, Cow::Owned(text))
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $subject:literal, $detail:literal, $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Reply = Reply::fixed($code, $subject, $detail, $text);)*
        /// All of the catalogue, for the test that walks it.
        pub const CATALOGUE: &[(&str, Reply)] = &[$((stringify!($name), $name)),*];
    };
}

catalogue! {
    /// MAIL accepted.
    SENDER_OK = 250, 1, 0, "Sender ok";
    /// RCPT accepted.
    RECIPIENT_OK = 250, 1, 5, "Recipient ok";
    /// RSET.
    RESET = 250, 0, 0, "Ok";
    /// NOOP.
    NOOP = 250, 0, 0, "Ok";
    /// A chunk of BDAT that is not the last.
    CHUNK_OK = 250, 0, 0, "Chunk ok";
    /// The message is confirmed by its backend: built only where the receipt is at hand.
    DELIVERED = 250, 0, 0, "Ok";
    /// QUIT.
    BYE = 221, 0, 0, "Bye";
    /// VRFY (RFC 5321 §3.5.3: neither confirmed nor denied).
    CANNOT_VERIFY = 252, 5, 1, "Cannot VRFY user; try RCPT to attempt delivery";
    /// HELP.
    HELP = 214, 0, 0, "See RFC 5321; HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY";
    /// STARTTLS.
    START_TLS = 220, 0, 0, "Ready to start TLS";

    /// AUTH has succeeded (RFC 4954 §6).
    AUTHENTICATED = 235, 7, 0, "Authentication succeeded";

    /// The service goes away.
    SHUTTING_DOWN = 421, 3, 2, "Service shutting down, try again";
    /// More sessions than the front-end or the listener takes.
    TOO_MANY_SESSIONS = 421, 3, 2, "Too many sessions, try again later";
    /// More sessions than one client may have.
    TOO_MANY_SESSIONS_FROM_CLIENT = 421, 7, 0, "Too many sessions from your address, try again later";
    /// Too many syntax or sequence errors.
    TOO_MANY_ERRORS = 421, 7, 0, "Too many errors, closing connection";
    /// Too many refused recipients.
    TOO_MANY_REFUSED = 421, 7, 0, "Too many refused recipients, closing connection";
    /// More connections a minute than one client may make.
    TOO_MANY_CONNECTIONS_FROM_CLIENT = 421, 7, 0, "Too many connections from your address, try again later";
    /// `messagesPerSession` is reached.
    TOO_MANY_MESSAGES = 421, 7, 0, "Too many messages in one session, open another";
    /// A deadline or the minimum data rate was missed.
    TOO_SLOW = 421, 4, 2, "Timeout, closing connection";
    /// A panic of ours.
    INTERNAL_ERROR = 421, 3, 0, "Internal error, try again";

    /// Not a command line: bare CR or LF, NUL, too long, not UTF-8.
    BAD_LINE = 500, 5, 2, "Syntax error";
    /// A line over its limit.
    LINE_TOO_LONG = 500, 5, 2, "Line too long";
    /// No such user, or not the user's password (RFC 4954 §6).
    AUTH_FAILED = 535, 7, 8, "Authentication credentials invalid";
    /// Too many failures of AUTH in one session.
    TOO_MANY_AUTH_FAILURES = 421, 7, 0, "Too many authentication failures, closing connection";
    /// Too many failures of AUTH by one client, in any number of sessions.
    TOO_MANY_AUTH_FAILURES_FROM_CLIENT =
        421, 7, 0, "Too many authentication failures from your address, try again later";
    /// What is no base64 in AUTH (RFC 4954 §4).
    BAD_BASE64 = 501, 5, 2, "Cannot decode base64";
    /// The client has cancelled AUTH (RFC 4954 §4).
    AUTH_CANCELLED = 501, 7, 0, "Authentication cancelled";
    /// A mechanism that was not announced (RFC 4954 §4).
    UNKNOWN_MECHANISM = 504, 5, 4, "Unrecognized authentication mechanism";
    /// AUTH can't be decided now (RFC 4954 §6).
    AUTH_UNAVAILABLE = 454, 7, 0, "Temporary authentication failure";
    /// A verb that we don't know.
    UNKNOWN_COMMAND = 500, 5, 1, "Command unrecognized";
    /// An argument that does not fit the command.
    BAD_ARGUMENT = 501, 5, 4, "Syntax error in parameters or arguments";
    /// STARTTLS inside TLS.
    TLS_ACTIVE = 503, 5, 1, "TLS already active";
    /// A second AUTH (RFC 4954 §4).
    ALREADY_AUTHENTICATED = 503, 5, 1, "Already authenticated";
    /// A sender that is not an address.
    BAD_SENDER = 501, 1, 7, "Bad sender address syntax";
    /// A recipient that is not an address.
    BAD_RECIPIENT = 501, 1, 3, "Bad recipient address syntax";
    /// EHLO, HELO or LHLO without a name.
    NEEDS_NAME = 501, 5, 4, "Syntax: EHLO hostname";
    /// EXPN, and what is known but not offered.
    NOT_IMPLEMENTED = 502, 5, 1, "Command not implemented";
    /// A command out of order.
    BAD_SEQUENCE = 503, 5, 1, "Bad sequence of commands";
    /// MAIL before EHLO.
    NEEDS_HELLO = 503, 5, 1, "Send EHLO first";
    /// RCPT or DATA before MAIL.
    NEEDS_SENDER = 503, 5, 1, "Send MAIL first";
    /// DATA or BDAT before an accepted RCPT.
    NO_RECIPIENTS = 503, 5, 1, "No valid recipients";
    /// A transaction is open already.
    SENDER_GIVEN = 503, 5, 1, "Sender already given";
    /// DATA for BINARYMIME (RFC 3030 §3), or DATA after BDAT.
    NEEDS_BDAT = 503, 5, 1, "Use BDAT";
    /// Unauthorised pipelining (RFC 2920 §3.1).
    PIPELINING = 503, 5, 0, "Improper pipelining, closing connection";
    /// The client spoke before the greeting.
    EARLY_TALKER = 554, 5, 0, "Client spoke before the greeting";
    /// A MAIL or RCPT parameter that we don't know or don't offer.
    BAD_PARAMETER = 555, 5, 4, "Parameter not recognized or not implemented";
    /// UTF-8 without SMTPUTF8 (RFC 6531 §3.5).
    NEEDS_SMTPUTF8 = 553, 6, 7, "Internationalized address needs SMTPUTF8";

    /// An address that may not connect.
    ACCESS_DENIED = 554, 7, 1, "Access denied for your address";
    /// More messages a minute than one client may send.
    TOO_MANY_MESSAGES_FROM_CLIENT = 451, 7, 1, "Too many messages from your address, try again later";
    /// More messages a minute than one sender may send.
    TOO_MANY_MESSAGES_FROM_SENDER = 451, 7, 1, "Too many messages from this sender, try again later";

    /// Over the byte budget.
    NO_MEMORY = 452, 3, 1, "Insufficient system storage, try again later";
    /// The backend has no room for the message.
    BACKEND_FULL = 452, 3, 1, "Backend has no room, try again later";
    /// More recipients than allowed.
    TOO_MANY_RECIPIENTS = 452, 5, 3, "Too many recipients";
    /// A recipient of another delivery group.
    OTHER_GROUP = 452, 5, 3, "Recipient needs its own transaction";
    /// Declared or sent size over a limit.
    TOO_LARGE = 552, 3, 4, "Message exceeds the size limit";
    /// A message of 8-bit octets, or a binary one, for a server that does not take such (RFC 6152 §3, RFC 3030).
    NOT_CONVERTED = 554, 6, 3, "Message needs conversion, and the destination can't take it as it is";
    /// An internationalized message for a server without SMTPUTF8 (RFC 6531 §3.6).
    NOT_INTERNATIONAL = 550, 6, 7, "The destination does not take internationalized addresses";
    /// Bare CR or LF in DATA.
    BARE_NEWLINE = 550, 6, 11, "Bare CR or LF in message";
    /// The first line begins with white space.
    BAD_FIRST_LINE = 550, 6, 0, "Message begins with white space";
    /// Too many Received fields, or our own too often.
    MAIL_LOOP = 554, 4, 6, "Routing loop detected";

    /// TLS is required (RFC 3207 §4).
    NEEDS_TLS = 530, 7, 0, "Must issue a STARTTLS command first";
    /// Signing in is required (RFC 4954 §6).
    NEEDS_AUTH = 530, 7, 0, "Authentication required";

    /// A sender whose domain is a local name (RFC 6409 §4.2).
    SENDER_NOT_QUALIFIED = 554, 1, 8, "Sender domain must be fully qualified";
    /// A recipient whose domain is a local name.
    RECIPIENT_NOT_QUALIFIED = 554, 1, 2, "Recipient domain must be fully qualified";

    /// No such recipient.
    NO_SUCH_USER = 550, 1, 1, "No such recipient here";
    /// A domain that is not the gateway's.
    NOT_OURS = 550, 7, 1, "We do not relay for this domain";
    /// Our own configuration does not say where it goes.
    MISCONFIGURED = 451, 3, 5, "Configuration problem here, try again later";
    /// It can't be found out whether a recipient exists.
    NOT_VERIFIED = 451, 3, 0, "Recipient can't be verified now, try again later";
    /// A backend asked for less, is at its cap, or its circuit is open.
    BACKEND_BUSY = 451, 3, 2, "Destination is not accepting messages now, try again later";
    /// A backend failed, or its verdict is unreadable.
    BACKEND_FAILED = 451, 3, 0, "Destination failed, try again later";
    /// A backend can't be reached.
    BACKEND_UNREACHABLE = 451, 4, 1, "Destination unreachable, try again later";
    /// A backend did not answer in full and in time.
    BACKEND_SILENT = 451, 4, 2, "Destination did not answer, try again later";
    /// The last reply of PRDR: every recipient was refused for good.
    REFUSED_BY_ALL = 550, 0, 0, "Message refused for every recipient";
    /// The last reply of PRDR: no recipient has taken it, and some may yet.
    TAKEN_BY_NONE = 450, 0, 0, "Message accepted for no recipient, try again";
    /// A mix of verdicts that one reply can't tell.
    MIXED = 451, 3, 0, "Recipients were answered differently, try again";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_of_the_catalogue_is_well_formed() {
        for (name, reply) in CATALOGUE {
            let mut wire = Vec::new();
            reply.encode(&mut wire);
            let wire = String::from_utf8(wire).unwrap();
            let line = wire.strip_suffix("\r\n").unwrap();
            assert!(line.is_ascii() && line.len() <= MAX_LINE - 2, "{name}: {line}");
            assert!(matches!(reply.code(), 200..300 | 400..600), "{name}: 3xx has no enhanced code");
            assert_eq!(line[..1], line[4..5], "{name}: the classes differ");
        }
    }

    #[test]
    fn lines_are_cut_and_joined() {
        let reply = Reply::fixed(550, 1, 1, "").with_text(format!("one\n{}\u{7}\r", "é".repeat(600)));
        let mut wire = Vec::new();
        reply.encode(&mut wire);
        let wire = String::from_utf8(wire).unwrap();
        let lines: Vec<&str> = wire.split_terminator("\r\n").collect();
        assert_eq!(lines[0], "550-5.1.1 one");
        assert!(lines[1].starts_with("550 5.1.1 é") && lines[1].len() <= MAX_LINE - 2);
    }
}
