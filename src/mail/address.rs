//! Mailboxes and paths: RFC 5321 §4.1.2, with the UTF-8 forms of RFC 6531 §3.3.
//!
//! Parsed once, at the border. The spelling is kept for the envelope; comparison goes through
//! [`AddressKey`], which folds what is the same address to us. Not here: how a path stands in a
//! command (that is `smtp::command`).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

mod grammar;
#[cfg(test)]
mod tests;

/// RFC 5321 §4.5.3.1.1: octets of a local part.
pub const MAX_LOCAL_PART: usize = 64;
/// RFC 5321 §4.5.3.1.2: octets of a domain.
pub const MAX_DOMAIN: usize = 255;
/// RFC 5321 §4.5.3.1.3: octets of a path, with its punctuation.
pub const MAX_PATH: usize = 256;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It breaks the grammar or a length limit of RFC 5321.
    #[error("not an address of RFC 5321")]
    Syntax,
    /// It is well-formed UTF-8 of RFC 6531, which the client has not asked for.
    #[error("an internationalized address needs SMTPUTF8")]
    NeedsUtf8,
}

/// What stands behind the `@`, as it was spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name, with or without U-labels.
    Domain(Box<str>),
    /// An address literal, brackets included, e.g. `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Literal(Box<str>),
}

impl Host {
    /// Parses the domain or address literal of a mailbox or of EHLO (RFC 5321 §4.1.2, §4.1.3).
    pub fn parse(text: &[u8], utf8: bool) -> Result<Self, AddressError> {
        grammar::host(text, utf8)
    }

    /// The text as it was spelled.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Domain(text) | Self::Literal(text) => text,
        }
    }

    /// The form that is compared: A-labels in lower case (RFC 5891); `None` where IDNA refuses it.
    pub fn folded(&self) -> Option<String> {
        match self {
            Self::Domain(text) => fold_domain(text),
            Self::Literal(text) => Some(text.to_ascii_lowercase()),
        }
    }
}

/// A domain in the form that is compared: A-labels in lower case, no trailing dot.
pub fn fold_domain(text: &str) -> Option<String> {
    if text.is_ascii() && !text.as_bytes().windows(4).any(|w| w.eq_ignore_ascii_case(b"xn--")) {
        return Some(text.to_ascii_lowercase());
    }
    idna::domain_to_ascii(text).ok().filter(|ascii| !ascii.is_empty())
}

/// A mailbox: local part and host, as they were spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local_part: Box<str>,
    host: Host,
}

impl Mailbox {
    /// Parses `local@host`; with `utf8` the internationalized forms of RFC 6531 are admitted.
    pub fn parse(text: &[u8], utf8: bool) -> Result<Self, AddressError> {
        grammar::mailbox(text, utf8)
    }

    /// The local part as it was spelled, quotes included.
    pub fn local_part(&self) -> &str {
        &self.local_part
    }

    /// What stands behind the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The form that is compared, or `None` where the domain is no valid IDNA name.
    pub fn key(&self) -> Option<AddressKey> {
        let mut local_part = grammar::unquote(&self.local_part).into_owned();
        local_part.make_ascii_lowercase();
        Some(AddressKey { local_part, domain: self.host.folded()? })
    }

    /// Whether local part and domain are ASCII only.
    pub fn is_ascii(&self) -> bool {
        self.local_part.is_ascii() && self.host.as_str().is_ascii()
    }

    /// Octets as it was spelled.
    #[expect(clippy::len_without_is_empty, reason = "a mailbox always has a host")]
    pub fn len(&self) -> usize {
        self.local_part.len() + 1 + self.host.as_str().len()
    }

    /// Whether this is the postmaster of its domain (RFC 5321 §4.5.1).
    pub fn is_postmaster(&self) -> bool {
        grammar::unquote(&self.local_part).eq_ignore_ascii_case("postmaster")
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.host.as_str())
    }
}

/// An address as it is compared: the local part unquoted and in ASCII lower case, the domain in
/// lower-case A-labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey {
    /// Unquoted, ASCII letters in lower case.
    pub local_part: String,
    /// A-labels in lower case.
    pub domain: String,
}

/// The argument of MAIL: where bounces go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: this message is never bounced (RFC 5321 §4.5.5).
    Null,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Octets as it was spelled; those of `<>` for the null path.
    #[expect(clippy::len_without_is_empty, reason = "a path always has octets")]
    pub fn len(&self) -> usize {
        match self {
            Self::Null => 2,
            Self::Mailbox(mailbox) => mailbox.len(),
        }
    }

    /// Whether the path is ASCII only.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

/// As it stands between the angle brackets: empty for the null path.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// The argument of RCPT.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain (RFC 5321 §4.1.1.3).
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// Octets as it was spelled.
    #[expect(clippy::len_without_is_empty, reason = "a path always has octets")]
    pub fn len(&self) -> usize {
        match self {
            Self::Postmaster => "Postmaster".len(),
            Self::Mailbox(mailbox) => mailbox.len(),
        }
    }

    /// Whether the path is ASCII only.
    pub fn is_ascii(&self) -> bool {
        match self {
            Self::Postmaster => true,
            Self::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("Postmaster"),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}
