//! The part for programs: `message/delivery-status` (RFC 3464 §2), and where an address is not ASCII
//! and the relay takes its octets `message/global-delivery-status` (RFC 6533 §4).

use super::{Action, EIGHT_BIT, Notification, Part, Reported, date, fold, visible};
use crate::mail::ForwardPath;

/// Octets of a diagnostic.
const MAX_DIAGNOSTIC: usize = 500;
/// Octets of an address behind its type: with the name of its field it stays within a line (RFC 5322
/// §2.1.1). Only one of ORCPT that had to be written with `\x{HEX}` can be longer; it is left out.
const MAX_ADDRESS: usize = 900;

/// The part.
pub(super) fn part(notification: &Notification<'_>, eight_bit: bool) -> Part {
    let international = notification.recipients.iter().any(is_international);
    let writer = Writer { utf8: international && eight_bit };
    let mut out = String::with_capacity(512);
    let about = &notification.about;
    writer.field("Reporting-MTA", &format!("dns; {}", notification.hostname), &mut out);
    if let Some(id) = about.envelope_id {
        writer.field("Original-Envelope-Id", id, &mut out);
    }
    writer.field("Arrival-Date", &date(about.received_at), &mut out);
    writer.field("X-Mailchute-Transaction-Id", &about.id.to_string(), &mut out);
    for reported in notification.recipients {
        out.push_str("\r\n");
        writer.recipient(reported, &mut out);
    }
    let (content_type, encoding) = match writer.utf8 {
        true => ("message/global-delivery-status", EIGHT_BIT),
        false => ("message/delivery-status", "7bit"),
    };
    Part { content_type, encoding, octets: out.into_bytes() }
}

fn is_international(reported: &Reported<'_>) -> bool {
    let original = reported.original.is_some_and(|original| !original.address.is_ascii());
    !reported.recipient.is_ascii() || original
}

struct Writer {
    /// Whether UTF-8 may stand for itself.
    utf8: bool,
}

impl Writer {
    fn recipient(&self, reported: &Reported<'_>, out: &mut String) {
        if let Some(original) = reported.original {
            let address = self.typed(&original.address_type, &original.address);
            if address.len() <= MAX_ADDRESS {
                self.field("Original-Recipient", &address, out);
            }
        }
        let address = match reported.recipient {
            ForwardPath::Postmaster => "rfc822; Postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => self.typed("rfc822", &mailbox.to_string()),
        };
        self.field("Final-Recipient", &address, out);
        let action = match reported.action {
            Action::Failed => "failed",
            Action::Relayed => "relayed",
        };
        self.field("Action", action, out);
        self.field("Status", &reported.status.to_string(), out);
        if let Some(diagnostic) = reported.diagnostic {
            let kind = if is_reply(diagnostic) { "smtp" } else { "x-mailchute" };
            self.words("Diagnostic-Code", &format!("{kind}; {diagnostic}"), out);
        }
    }

    /// An address behind its type (RFC 3464 §2.1.2). One that is not ASCII is of type `utf-8` (RFC 6533
    /// §3), in which, where UTF-8 may not stand for itself, `\x{HEX}` does for a character.
    fn typed(&self, kind: &str, address: &str) -> String {
        let utf8 = kind.eq_ignore_ascii_case("utf-8");
        if address.is_ascii() && !utf8 {
            return format!("{kind}; {address}");
        }
        if self.utf8 {
            return format!("utf-8; {address}");
        }
        let stays = |c: char| c.is_ascii_graphic() && !r"+=\".contains(c);
        let embedded =
            |c: char| if stays(c) { c.to_string() } else { format!(r"\x{{{:02X}}}", u32::from(c)) };
        format!("utf-8; {}", address.chars().map(embedded).collect::<String>())
    }

    /// One field on one line, as it is.
    fn field(&self, name: &str, content: &str, out: &mut String) {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(content);
        out.push_str("\r\n");
    }

    /// A field of words, folded between them.
    fn words(&self, name: &str, content: &str, out: &mut String) {
        let mut content = visible(content, MAX_DIAGNOSTIC);
        if !self.utf8 && !content.is_ascii() {
            content = content.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        }
        out.push_str(name);
        out.push_str(": ");
        fold(&content, "\t", name.len() + 2, out);
        out.push_str("\r\n");
    }
}

/// Whether a text is an SMTP reply, so that its type is `smtp` (RFC 3464 §2.3.6, RFC 3461 §9.2).
fn is_reply(text: &str) -> bool {
    let (code, behind) = text.split_at_checked(3).unwrap_or_default();
    let digits = code.bytes().all(|octet| octet.is_ascii_digit());
    digits && code.starts_with(['2', '4', '5']) && (behind.is_empty() || behind.starts_with([' ', '-']))
}
