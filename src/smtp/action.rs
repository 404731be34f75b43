//! What the engine asks of the outside, and what it hears back.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::heard::Heard;
use super::mechanism::{Mechanism, Mechanisms};
use super::reply::Reply;
use crate::mail::{
    BodyType, ForwardPath, Greeting, GreetingName, Protocol, RecipientDsn, ReversePath, SenderDsn,
};

/// What the outside must do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Queue this reply; it leaves with the next flush.
    Reply {
        /// The command it answers.
        verb: Verb,
        /// What to say.
        reply: Reply,
    },
    /// Decide, then call `answer`.
    Ask(Question),
    /// Tell this to who watches: a sender or recipient is refused, with this reply, without being asked about.
    Refused(Box<Question>, Reply),
    /// The next octets of the message, dot-unstuffed.
    Body(Bytes),
    /// Count this; it has been dealt with.
    Violation(Violation),
    /// Tell this to who watches; only where [`Session::narrate`](super::Session::narrate) was called.
    Heard(Heard),
    /// The transaction is gone: forget its envelope and body.
    Reset,
    /// Flush, then do the TLS handshake and call `tls`.
    StartTls,
    /// Flush, shut down writing, read on for a moment, close.
    Close,
}

/// What only the outside can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// May this client be served at all? Asked before the greeting.
    Connect,
    /// HELO, EHLO or LHLO with this name.
    Hello(Greeting),
    /// MAIL: may this sender begin?
    Sender(Sender),
    /// RCPT: is this a recipient, and does it fit this transaction?
    Recipient(Recipient),
    /// XCLIENT: a trusted peer says who the client really is.
    Xclient(Xclient),
    /// The next step of an AUTH exchange.
    Auth(AuthStep),
    /// The message is complete; deliver it.
    Message,
}

/// One step of an AUTH exchange (RFC 4954 §4), decoded from base64. Its `Debug` tells no secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthStep {
    /// AUTH with a mechanism that was announced, and the initial response where there was one.
    Begin(Mechanism, Option<Bytes>),
    /// The answer to a challenge.
    Response(Bytes),
    /// The client has cancelled with `*`: forget the exchange. The answer is not looked at.
    Cancel,
}

impl fmt::Debug for AuthStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(mechanism, initial) => {
                let initial = if initial.is_some() { " with an initial response" } else { "" };
                write!(f, "{}{initial}", mechanism.as_str())
            }
            Self::Response(_) => f.write_str("a response"),
            Self::Cancel => f.write_str("cancelled"),
        }
    }
}

/// What XCLIENT says of the client (Postfix XCLIENT_README). `None`: not said, so as it was;
/// `Some(None)`: `[UNAVAILABLE]` or `[TEMPUNAVAIL]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Xclient {
    /// `ADDR`.
    pub address: Option<Option<IpAddr>>,
    /// `PORT`.
    pub port: Option<Option<u16>>,
    /// `NAME`: the client's host name.
    pub name: Option<Option<Arc<str>>>,
    /// `HELO`.
    pub helo: Option<Option<GreetingName>>,
    /// `PROTO`: SMTP or ESMTP.
    pub protocol: Option<Protocol>,
    /// `LOGIN`: who has signed in.
    pub login: Option<Option<Arc<str>>>,
}

/// MAIL's argument and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// `SIZE=` (RFC 1870), octets.
    pub size: Option<u64>,
    /// `BODY=`.
    pub body_type: BodyType,
    /// `SMTPUTF8`.
    pub smtputf8: bool,
    /// `PRDR` (draft-hall-prdr): the message is answered by [`Answer::Each`], where verdicts differ.
    pub prdr: bool,
    /// `RET` and `ENVID`.
    pub dsn: SenderDsn,
}

/// RCPT's argument and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// RCPT TO.
    pub forward_path: ForwardPath,
    /// `NOTIFY` and `ORCPT`.
    pub dsn: RecipientDsn,
}

/// What the outside has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Go on. To [`Question::Auth`]: the client is who it says.
    Accept,
    /// To [`Question::Hello`]: go on, with this announced.
    Capabilities(Hello),
    /// To [`Question::Auth`]: the exchange goes on with this, before base64.
    Challenge(Bytes),
    /// No, with this reply.
    Refuse(Reply),
    /// To [`Question::Message`]: every accepted recipient is confirmed; the reply says so.
    Delivered(Reply),
    /// To [`Question::Message`]: the reply of each accepted recipient, in order. LMTP and PRDR can tell
    /// them apart; to others it is one reply, where they agree, or `451`.
    Each(Vec<Reply>),
}

/// What EHLO announces beyond what the engine always speaks. What is not announced is not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hello {
    /// STARTTLS is on offer (RFC 3207). Not inside TLS.
    pub starttls: bool,
    /// Nothing else is until the client has used it (RFC 3207 §4: `530`). Not inside TLS.
    pub tls_required: bool,
    /// Mechanisms on offer (RFC 4954).
    pub auth: Mechanisms,
    /// PRDR is on offer (draft-hall-prdr).
    pub prdr: bool,
    /// DSN is on offer (RFC 3461).
    pub dsn: bool,
    /// XCLIENT is on offer: the peer is trusted to say who the client is.
    pub xclient: bool,
}

/// A command, as metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the verb it is named after")]
pub enum Verb {
    Helo,
    Ehlo,
    Lhlo,
    Mail,
    Rcpt,
    /// DATA to its `354`.
    Data,
    /// A chunk that is not the last.
    Bdat,
    /// The final dot, or BDAT LAST, to the reply.
    Message,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    Starttls,
    Auth,
    Xclient,
    /// No command: the greeting, or an unasked `421`.
    Connect,
    /// Any other word.
    Other,
}

impl Verb {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helo => "HELO",
            Self::Ehlo => "EHLO",
            Self::Lhlo => "LHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::Message => "MESSAGE",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Starttls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Xclient => "XCLIENT",
            Self::Connect => "CONNECT",
            Self::Other => "OTHER",
        }
    }
}

/// A breach of the protocol that is counted, whatever was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Violation {
    /// Bare CR or LF in DATA.
    BareNewline,
    /// Input behind DATA, EHLO, HELO or AUTH.
    UnauthorisedPipelining,
    /// Plaintext behind STARTTLS.
    StarttlsInjection,
    /// A command line over its limit.
    LineTooLong,
    /// HTTP or TLS on a plain port.
    CrossProtocol,
    /// The client spoke before the greeting.
    EarlyTalker,
    /// A deadline or the minimum rate was missed.
    TooSlow,
    /// A command line that is none: bare CR or LF, NUL, stray 8-bit.
    BadLine,
    /// The limit of errors was reached.
    TooManyErrors,
    /// Harvesting: the limit of refused recipients was reached.
    TooManyRefused,
    /// A PROXY header was due and did not come, not whole, or not as the protocol asks.
    ProxyHeader,
    /// A peer whose PROXY header is not believed called where only proxies may.
    UntrustedProxy,
    /// Refused data went on past the drain limit.
    DrainLimit,
}

impl Violation {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BareNewline => "bare_newline",
            Self::UnauthorisedPipelining => "unauthorised_pipelining",
            Self::StarttlsInjection => "starttls_injection",
            Self::LineTooLong => "line_too_long",
            Self::CrossProtocol => "cross_protocol",
            Self::EarlyTalker => "early_talker",
            Self::TooSlow => "too_slow",
            Self::BadLine => "bad_line",
            Self::TooManyErrors => "too_many_errors",
            Self::TooManyRefused => "too_many_refused",
            Self::ProxyHeader => "proxy_header",
            Self::UntrustedProxy => "untrusted_proxy",
            Self::DrainLimit => "drain_limit",
        }
    }
}
