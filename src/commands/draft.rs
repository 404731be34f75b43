//! What `probe` and `send` send: addresses off the command line, and a message that is written for them.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Failure;
use crate::mail::{ForwardPath, Mailbox, ReversePath};

/// RFC 2047 §2: "An 'encoded-word' may not be more than 75 characters long"; of these octets of text, 60 are made.
const ENCODED_OCTETS: usize = 45;
/// Octets of a line that only fills, its end included: RFC 5322 §2.1.1 wants 78 characters at most.
const FILL: usize = 78;

/// The sender that stands behind a flag.
pub(super) fn sender(flag: &str, text: &str) -> Result<ReversePath, Failure> {
    match text {
        "" | "<>" => Ok(ReversePath::Null),
        text => Ok(ReversePath::Mailbox(mailbox(flag, text)?)),
    }
}

/// A recipient that stands behind a flag.
pub(super) fn recipient(flag: &str, text: &str) -> Result<ForwardPath, Failure> {
    if text.eq_ignore_ascii_case("postmaster") {
        return Ok(ForwardPath::Postmaster);
    }
    Ok(ForwardPath::Mailbox(mailbox(flag, text)?))
}

fn mailbox(flag: &str, text: &str) -> Result<Mailbox, Failure> {
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    Mailbox::parse(bare.as_bytes(), true).map_err(|error| Failure::Usage(format!("{flag} {text}: {error}")))
}

/// The fields of a message that says of itself that nobody need answer it (RFC 3834 §5).
pub(super) struct Draft {
    date: String,
    from: String,
    to: String,
    id: String,
}

impl Draft {
    pub(super) fn new(sender: &ReversePath, recipients: &[ForwardPath], now: SystemTime) -> Self {
        let now = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&now).unwrap_or_default();
        let from = match sender {
            ReversePath::Null => "probe@mailchute.invalid".to_owned(),
            ReversePath::Mailbox(mailbox) => mailbox.to_string(),
        };
        let mailboxes = recipients.iter().filter_map(|recipient| match recipient {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(mailbox) => Some(mailbox.to_string()),
        });
        let to = match mailboxes.collect::<Vec<_>>() {
            none if none.is_empty() => "undisclosed-recipients:;".to_owned(),
            some => some.join(",\r\n "),
        };
        Self { date, from, to, id: format!("<{}@mailchute.invalid>", uuid::Uuid::now_v7()) }
    }

    /// The Message-ID, in its brackets.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The whole message. Line ends of the text become CRLF, and it has one at its end.
    pub(super) fn written(&self, subject: &str, text: &str) -> Vec<u8> {
        let Self { date, from, to, id } = self;
        let subject = subject_of(subject);
        let mut message = format!(
            "Date: {date}\r\nFrom: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n\
             Message-ID: {id}\r\nAuto-Submitted: auto-generated\r\n"
        );
        if !text.is_ascii() {
            message.push_str("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
            message.push_str("Content-Transfer-Encoding: 8bit\r\n");
        }
        message.push_str("\r\n");
        for line in text.lines() {
            message.extend([line, "\r\n"]);
        }
        message.into_bytes()
    }
}

/// Adds lines until a message, which ends by CRLF, has as many octets as are asked for. One that has more
/// stays as it is. No line has one octet: that goes to the end of the last line that is not empty, as a header may be.
pub(super) fn fill(message: &mut Vec<u8>, size: usize) {
    let mut missing = size.saturating_sub(message.len());
    message.reserve_exact(missing);
    if missing == 1 {
        let (end, octet) = if message.ends_with(b"\r\n\r\n") { (4, b' ') } else { (2, b'.') };
        message.insert(message.len().saturating_sub(end), octet);
        return;
    }
    while missing > 0 {
        // A line has two octets at least.
        let octets = if missing == FILL + 1 { FILL - 1 } else { missing.min(FILL) };
        message.extend((b'0'..=b'9').cycle().take(octets - 2));
        message.extend_from_slice(b"\r\n");
        missing -= octets;
    }
}

/// A subject in one line; what is not ASCII as encoded words, one to a line (RFC 2047 §2).
fn subject_of(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    if text.is_ascii() {
        return text;
    }
    let mut words: Vec<String> = vec![String::new()];
    for character in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + character.len_utf8() <= ENCODED_OCTETS => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str) -> ForwardPath {
        recipient("--rcpt", text).unwrap()
    }

    fn written(recipients: &[ForwardPath], subject: &str, text: &str) -> String {
        let draft = Draft::new(&ReversePath::Null, recipients, SystemTime::UNIX_EPOCH);
        String::from_utf8(draft.written(subject, text)).unwrap()
    }

    #[test]
    fn the_message_is_whole() {
        let text = written(&[to("a@b.test"), to("postmaster"), to("<c@b.test>")], "hi", "one\ntwo\r\n");
        assert!(text.starts_with("Date: Thu, 1 Jan 1970 00:00:00 "), "{text}");
        assert!(text.contains("\r\nTo: a@b.test,\r\n c@b.test\r\nSubject: hi\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\none\r\ntwo\r\n") && !text.contains("MIME-Version"), "{text}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert!(written(&[to("Postmaster")], "", "").contains("\r\nTo: undisclosed-recipients:;\r\n"));
    }

    #[test]
    fn what_is_not_ascii_says_so() {
        let text = written(&[to("a@b.test")], "Grüße\r\nBcc: x", "Grüße");
        assert!(text.contains("\r\nSubject: =?utf-8?B?R3LDvMOfZSAgQmNjOiB4?=\r\n"), "{text}");
        assert!(text.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{text}");
        let long = subject_of(&"ü".repeat(50));
        assert_eq!(long.split("\r\n ").count(), 3);
        assert!(long.split("\r\n ").all(|word| word.len() <= 75), "{long}");
    }

    #[test]
    fn a_message_without_text_keeps_the_end_of_its_header() {
        for size in 0..100 {
            let mut message = b"Subject: x\r\n\r\n".to_vec();
            fill(&mut message, size);
            let text = String::from_utf8(message).unwrap();
            assert!(text.starts_with("Subject: x\r\n\r\n") || text == "Subject: x \r\n\r\n", "{text:?}");
        }
    }

    #[test]
    fn a_message_is_filled_to_the_octet() {
        for size in 0..700 {
            let mut message = b"Subject: x\r\n\r\nbody\r\n".to_vec();
            let before = message.len();
            fill(&mut message, size);
            assert_eq!(message.len(), size.max(before));
            let lines = message.strip_suffix(b"\r\n").unwrap().split(|octet| *octet == b'\n');
            assert!(lines.map(<[u8]>::len).all(|octets| octets < FILL), "{size}");
        }
    }
}
