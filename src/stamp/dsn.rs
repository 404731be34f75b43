//! Delivery status notifications: what became of a message, told to its sender (RFC 3461 §6, RFC 3464).
//!
//! A `multipart/report` (RFC 6522) of three parts: a text for a person, the same for programs, and the
//! header of the message, or all of it where its sender asked for that and it fits. Pure: the moment
//! and the id are arguments. Not here: whether a notification may be sent at all, and sending it.
//!
//! What a stranger has said (addresses, replies, the message) may end no line, field or part: control
//! characters go, lines are folded and cut, and the boundary is made of an id that was not known when the
//! message came.
//!
//! Addresses stand as they were said in RCPT, before any rewriting: what they become here is not the
//! sender's to know. Nor is which server they are on, so there is no `Remote-MTA` (RFC 3464 §2.3.5).

use std::time::SystemTime;

use bytes::Bytes;

use super::date;
use crate::mail::body::Message;
use crate::mail::header::Header;
use crate::mail::{BodyType, ForwardPath, Mailbox, OriginalRecipient, TransactionId};

mod fields;
mod quoted_printable;
mod returned;
mod status;
#[cfg(test)]
mod tests;
mod text;

pub use status::{Class, Status};

/// RFC 5322 §2.1.1: characters that a line should not pass.
const FOLD: usize = 76;
/// Octets of a Message-ID that is referred to.
const MAX_MESSAGE_ID: usize = 900;
/// The encoding of a part in which octets stand for themselves (RFC 2045 §6.2).
const EIGHT_BIT: &str = "8bit";
/// The local part that notifications are from; nothing that is sent there is read.
pub const DAEMON: &str = "MAILER-DAEMON";

/// One notification about one message.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    /// The gateway's public host name, in ASCII: `Reporting-MTA`, and the domain that it is from.
    pub hostname: &'a str,
    /// Names the notification. It must not have been known before the message was complete.
    pub id: TransactionId,
    /// `Date`.
    pub written_at: SystemTime,
    /// The message.
    pub about: About<'a>,
    /// What became of whom; others have nothing to hear.
    pub recipients: &'a [Reported<'a>],
}

/// The message that a notification is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its transaction.
    pub id: TransactionId,
    /// When its final dot was read.
    pub received_at: SystemTime,
    /// Its reverse-path: whom the notification is for.
    pub sender: &'a Mailbox,
    /// `ENVID`, decoded.
    pub envelope_id: Option<&'a str>,
    /// Fields of its header, as they came: all, or those that were kept.
    pub header: &'a [u8],
    /// The message, where its sender asked for all of it (`RET=FULL`) and it is at hand.
    pub message: Option<&'a Message>,
}

/// What became of one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Reported<'a> {
    /// As it was said in RCPT.
    pub recipient: &'a ForwardPath,
    /// `ORCPT`.
    pub original: Option<&'a OriginalRecipient>,
    /// What became of it.
    pub action: Action,
    /// Why, as a code.
    pub status: Status,
    /// Why, in words: an SMTP reply, or any text.
    pub diagnostic: Option<&'a str>,
}

/// RFC 3464 §2.3.3, as far as we ever say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was not delivered, and nobody tries any more.
    Failed,
    /// It was handed to a system that does not tell of its delivery.
    Relayed,
}

/// A notification, ready to be sent from the null reverse-path.
#[derive(Debug, Clone)]
pub struct Written {
    /// Header and body.
    pub message: Message,
    /// What its octets ask of a relay.
    pub body_type: BodyType,
    /// Whether its header asks for SMTPUTF8 of a relay.
    pub smtputf8: bool,
}

impl Notification<'_> {
    /// Writes it, for a relay that takes `octets` of this type at most: with [`BodyType::SevenBit`] no
    /// octet has its highest bit set, but for those of an address in `To`.
    pub fn write(&self, octets: BodyType) -> Written {
        let eight_bit = octets != BodyType::SevenBit;
        let boundary = format!("=_{}", self.id);
        let returned = returned::part(&self.about, eight_bit);
        let parts = [text::part(self), fields::part(self, eight_bit), returned.part];
        let mut out = Vec::with_capacity(4096);
        self.header((&boundary, &parts), &mut out);
        for part in &parts {
            part.open(&boundary, &mut out);
            out.extend_from_slice(&part.octets);
        }
        let high = out.iter().any(|octet| !octet.is_ascii()) || returned.high;
        let behind = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        let message = std::iter::once(Bytes::from(out)).chain(returned.message).chain([behind]).collect();
        let body_type = if high { BodyType::EightBitMime } else { BodyType::SevenBit };
        Written { message, body_type, smtputf8: !self.about.sender.is_ascii() }
    }

    fn header(&self, (boundary, parts): (&str, &[Part]), out: &mut Vec<u8>) {
        let (host, sender) = (self.hostname, self.about.sender);
        let subject =
            if self.failed() { "Your message could not be delivered" } else { "Your message was passed on" };
        let mut add = |name: &str, content: &str| super::field(out, name, content);
        add("Date", &date(self.written_at));
        add("From", &format!("Mail Delivery System <{DAEMON}@{host}>"));
        add("To", &format!("<{sender}>"));
        add("Subject", subject);
        add("Message-ID", &format!("<{}@{host}>", self.id));
        if let Some(id) = self.about.message_id() {
            add("In-Reply-To", &format!("<{id}>"));
            add("References", &format!("<{id}>"));
        }
        // RFC 3834 §5: so that no responder answers it.
        add("Auto-Submitted", "auto-replied");
        add("MIME-Version", "1.0");
        add(
            "Content-Type",
            &format!("multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\""),
        );
        // RFC 2045 §6.1: '"Content-Transfer-Encoding: 7BIT" is assumed if the Content-Transfer-Encoding header field
        // is not present', of all that stands inside.
        if parts.iter().any(|part| part.encoding == EIGHT_BIT) {
            add("Content-Transfer-Encoding", EIGHT_BIT);
        }
        out.extend_from_slice(b"\r\nThis is a delivery status notification in MIME format (RFC 3464).\r\n");
    }

    fn failed(&self) -> bool {
        self.recipients.iter().any(|reported| reported.action == Action::Failed)
    }
}

impl About<'_> {
    /// The message's id, where it can stand in a field of ours.
    fn message_id(&self) -> Option<String> {
        let header = std::iter::once(Bytes::copy_from_slice(self.header)).collect();
        let id = Header::read(&header, "").message_id_text?;
        let fits = |octet: u8| octet.is_ascii_graphic() && !b"<>".contains(&octet);
        (id.len() <= MAX_MESSAGE_ID && id.bytes().all(fits)).then_some(id)
    }
}

/// A part of the report, without the message.
struct Part {
    content_type: &'static str,
    encoding: &'static str,
    octets: Vec<u8>,
}

impl Part {
    /// The line that parts it from what was before, and its header.
    fn open(&self, boundary: &str, out: &mut Vec<u8>) {
        let Self { content_type, encoding, .. } = self;
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        out.extend_from_slice(head.as_bytes());
    }
}

/// Text as it may stand on a line of ours: no control character, nothing that turns the direction of
/// writing or ends a line in Unicode, no more than `octets`.
fn visible(text: &str, octets: usize) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut clean: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    clean.retain(|c| !unseen(c));
    clean.truncate(clean.floor_char_boundary(octets.min(clean.len())));
    clean
}

/// Words of a text, behind what stands on the line already; lines that begin anew begin with `indent`.
/// A word that is longer than a line stands on one alone.
fn fold(text: &str, indent: &str, column: usize, out: &mut String) {
    let mut column = column;
    for (at, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > FOLD {
            out.push_str("\r\n");
            out.push_str(indent);
            column = indent.len();
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
}
