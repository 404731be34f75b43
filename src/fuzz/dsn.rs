//! A notification (`stamp::dsn`), whatever strangers have said.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::data::pieces;
use super::input::Input;
use crate::mail::body::Message;
use crate::mail::header::{Header, MAX_LINE, slices};
use crate::mail::{BodyType, ForwardPath, Mailbox, OriginalRecipient, TransactionId};
use crate::stamp::dsn::{About, Action, Notification, Reported, Status, Written};

/// Flags, then behind their lengths the sender, two recipients, an original one, a diagnostic, an
/// envelope id, sizes of segments; then the message.
pub fn dsn(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.octet();
    let mailbox = |text: &[u8]| Mailbox::parse(text, true).ok();
    let sender = mailbox(input.short());
    let recipients = [input.short(), input.short()].map(|text| mailbox(text).map(ForwardPath::Mailbox));
    let original =
        text(input.short()).map(|address| OriginalRecipient { address_type: "utf-8".into(), address });
    let diagnostic = String::from_utf8_lossy(input.short());
    let envelope_id = text(input.short()).filter(|text| text.is_ascii());
    let sizes = input.short();
    let message: Message = pieces(input.rest(), sizes).map(Bytes::copy_from_slice).collect();
    let header: Vec<Bytes> = slices(&message, 0..Header::read(&message, "").end).collect();
    let Some(sender) = sender else { return };
    let reported: Vec<Reported<'_>> = recipients
        .iter()
        .map(|path| Reported {
            recipient: path.as_ref().unwrap_or(&ForwardPath::Postmaster),
            original: original.as_ref().filter(|_| flags & 1 > 0),
            action: if flags & 2 > 0 { Action::Relayed } else { Action::Failed },
            status: Status::parse("5.1.1").unwrap_or_else(|| unreachable!("it is one")),
            diagnostic: (flags & 4 > 0).then_some(&*diagnostic),
        })
        .collect();
    let id = |octet| TransactionId::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1), [octet; 10]);
    let notification = Notification {
        hostname: "mx.example.org",
        id: id(0xa7),
        written_at: SystemTime::UNIX_EPOCH,
        about: About {
            id: id(1),
            received_at: SystemTime::UNIX_EPOCH,
            sender: &sender,
            envelope_id: envelope_id.as_deref(),
            header: &header.concat(),
            message: (flags & 16 > 0).then_some(&message),
        },
        recipients: &reported,
    };
    for octets in [BodyType::SevenBit, BodyType::EightBitMime] {
        check(&notification.write(octets), octets, &notification);
    }
}

/// As ORCPT and ENVID are when they come here.
fn text(octets: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(octets).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.into())
}

fn check(written: &Written, octets: BodyType, notification: &Notification<'_>) {
    let text = written.message.to_vec();
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| unreachable!("a line ends by itself"));
        assert!(line.len() <= MAX_LINE, "{}", line.escape_ascii());
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", line.escape_ascii());
    }
    let sender = notification.about.sender;
    assert_eq!(written.smtputf8, !sender.is_ascii());
    assert!(octets == BodyType::EightBitMime || text.is_ascii() || !sender.is_ascii());
    assert!(written.body_type == BodyType::EightBitMime || text.is_ascii());
    let boundary = format!("\r\n--=_{}", notification.id);
    let parts: Vec<&[u8]> = split(&text, boundary.as_bytes());
    assert_eq!(parts.len(), 5, "a header, three parts, and the end");
    assert_eq!(parts[4], b"--\r\n");
    let status = String::from_utf8_lossy(parts[2]);
    let begun = |name: &str| status.split("\r\n").filter(|line| line.starts_with(name)).count();
    let recipients = notification.recipients.len();
    for name in ["Final-Recipient: ", "Action: ", "Status: "] {
        assert_eq!(begun(name), recipients, "{status}");
    }
    assert_eq!(
        status.split("\r\n\r\n").count(),
        2 + recipients,
        "its header, the message, the recipients: {status}"
    );
}

fn split<'a>(text: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, by) {
        parts.push(&rest[..at]);
        rest = &rest[at + by.len()..];
    }
    parts.push(rest);
    parts
}
