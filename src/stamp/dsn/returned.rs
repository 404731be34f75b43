//! The part that says which message it was: its header, or all of it (RFC 6522 §4, RFC 3461 §4.3).

use bytes::Bytes;

use super::{About, EIGHT_BIT, Part, quoted_printable};
use crate::mail::body::Message;
use crate::mail::header::{Line, LineEnd, Lines, MAX_LINE};

/// Octets of a message that is returned as a whole; of a larger one the header is. RFC 3461 §6.2 leaves
/// that to us.
const MAX_MESSAGE: usize = 1 << 20;
/// Octets of a header that is returned; of a longer one so many.
const MAX_HEADER: usize = 32 * 1024;

/// The part, and the octets that stand in it as they are.
pub(super) struct Returned {
    pub(super) part: Part,
    /// The segments of the message, where it is returned: not copied.
    pub(super) message: Vec<Bytes>,
    /// Whether they have octets outside of ASCII.
    pub(super) high: bool,
}

/// The message where there is one that fits, else its header.
pub(super) fn part(about: &About<'_>, eight_bit: bool) -> Returned {
    let whole = about.message.filter(|message| message.len() <= MAX_MESSAGE);
    let whole = whole.and_then(|message| Some((message, Octets::of(message)?)));
    match whole {
        Some((message, Octets::SevenBit)) => returned(message, "message/rfc822", "7bit"),
        Some((message, Octets::EightBit)) if eight_bit => {
            // RFC 6532 §3.7: a header in UTF-8 makes it a message of the other type.
            let kind = if about.header.is_ascii() { "message/rfc822" } else { "message/global" };
            Returned { high: true, ..returned(message, kind, EIGHT_BIT) }
        }
        Some((_, Octets::EightBit)) | None => header(about.header, eight_bit),
    }
}

fn returned(message: &Message, content_type: &'static str, encoding: &'static str) -> Returned {
    let part = Part { content_type, encoding, octets: Vec::new() };
    Returned { part, message: message.segments().to_vec(), high: false }
}

fn header(header: &[u8], eight_bit: bool) -> Returned {
    let header = cut(header);
    let lines: Message = std::iter::once(Bytes::copy_from_slice(header)).collect();
    let (content_type, encoding) = match Octets::of(&lines) {
        Some(Octets::SevenBit) => ("text/rfc822-headers", "7bit"),
        Some(Octets::EightBit) if eight_bit && std::str::from_utf8(header).is_ok() => {
            ("message/global-headers", EIGHT_BIT)
        }
        _ => ("text/rfc822-headers", "quoted-printable"),
    };
    let mut octets = Vec::with_capacity(header.len());
    if encoding == "quoted-printable" {
        quoted_printable::encode(header, &mut octets);
    } else {
        octets.extend_from_slice(header);
    }
    Returned { part: Part { content_type, encoding, octets }, message: Vec::new(), high: false }
}

/// No more than may be returned, up to the end of a line, without the empty line behind it.
fn cut(header: &[u8]) -> &[u8] {
    let mut header = &header[..header.len().min(MAX_HEADER)];
    if header.len() == MAX_HEADER {
        let end = memchr::memmem::rfind(header, b"\r\n").map_or(header.len(), |at| at + 2);
        header = &header[..end];
    }
    while header.ends_with(b"\r\n\r\n") {
        header = &header[..header.len() - 2];
    }
    header
}

/// What octets ask of a relay that takes lines.
enum Octets {
    SevenBit,
    EightBit,
}

impl Octets {
    /// `None` where only an encoding can carry them: long lines, NUL, bare CR or LF (RFC 2045 §2.7, §2.8).
    fn of(message: &Message) -> Option<Self> {
        let zero = message.segments().iter().any(|segment| memchr::memchr(0, segment).is_some());
        let whole = |line: &Line| {
            matches!(line.ending, LineEnd::Crlf | LineEnd::None) && line.text_end - line.start <= MAX_LINE
        };
        if zero || !Lines::new(message).all(|line| whole(&line)) {
            return None;
        }
        let seven = message.segments().iter().all(|segment| segment.is_ascii());
        Some(if seven { Self::SevenBit } else { Self::EightBit })
    }
}
