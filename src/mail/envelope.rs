//! The envelope: what the SMTP dialogue says of a message, apart from the message.

use std::net::IpAddr;

use super::address::{ForwardPath, Host, Mailbox, ReversePath};
use super::dsn::{RecipientDsn, SenderDsn};

/// MAIL's `BODY=` (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyType {
    /// Not given, or `7BIT`.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
    /// `BINARYMIME`.
    BinaryMime,
}

impl BodyType {
    /// The keyword of RFC 6152 §2 and RFC 3030 §3.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// With which verb the client greeted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// HELO.
    Smtp,
    /// EHLO.
    Esmtp,
    /// LHLO (RFC 2033).
    Lmtp,
}

/// The name given in HELO, EHLO or LHLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// With which verb.
    pub protocol: Protocol,
    /// As given. Real clients send names that are no host: those stand here as text.
    pub name: GreetingName,
}

/// A greeting's argument: a host as RFC 5321 asks, or whatever else was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GreetingName {
    /// A domain or address literal.
    Host(Host),
    /// Anything else, as sent, printable or not.
    Other(Box<[u8]>),
}

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The true address: of the socket, or as a trusted proxy says.
    pub address: IpAddr,
    /// The source port.
    pub port: u16,
}

/// One accepted recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// As the client said it in RCPT.
    pub original: ForwardPath,
    /// What the backend is told: the same, unless a rule or the postmaster setting rewrote it.
    pub rewritten: Mailbox,
    /// What RCPT asked of notifications.
    pub dsn: RecipientDsn,
}

/// A transaction's envelope at the moment the message is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// Accepted RCPT TOs, in order.
    pub recipients: Vec<Recipient>,
    /// MAIL's BODY parameter.
    pub body_type: BodyType,
    /// Whether MAIL had SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// What MAIL asked of notifications.
    pub dsn: SenderDsn,
}
