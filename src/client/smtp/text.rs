//! A message on its way out: what is in it, and how it stands in DATA (RFC 5321 §4.5.2). Pure.

use bytes::Bytes;
use memchr::{memchr, memchr_iter};

/// A message in the segments it is held in.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    segments: Vec<Bytes>,
    len: usize,
}

/// What decides whether a relay can take a message as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// Octets above 127.
    pub(crate) eight_bit: bool,
    /// A CR or LF that stands alone.
    pub(crate) bare_newline: bool,
}

impl Text {
    pub(crate) fn new(segments: impl IntoIterator<Item = Bytes>) -> Self {
        let segments: Vec<Bytes> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        let len = segments.iter().map(Bytes::len).sum();
        Self { segments, len }
    }

    /// Octets.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// In order.
    pub(crate) fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// Reads all of it.
    pub(crate) fn content(&self) -> Content {
        let (mut content, mut behind_cr) = (Content::default(), false);
        let (mut ends, mut returns) = (0, 0);
        for segment in &self.segments {
            content.eight_bit |= !segment.is_ascii();
            for at in memchr_iter(b'\n', segment) {
                let before = at.checked_sub(1).map_or(behind_cr, |before| segment[before] == b'\r');
                content.bare_newline |= !before;
                ends += 1;
            }
            returns += memchr_iter(b'\r', segment).count();
            behind_cr = segment.ends_with(b"\r");
        }
        // Where each LF has a CR before it, more CRs than LFs is one that stands alone.
        content.bare_newline |= returns != ends;
        content
    }
}

/// Puts "one additional period" at the beginning of each line that begins with one, and a line with a
/// period alone at the end.
#[derive(Debug)]
pub(crate) struct Stuffing {
    line_start: bool,
    empty: bool,
}

impl Default for Stuffing {
    fn default() -> Self {
        Self { line_start: true, empty: true }
    }
}

impl Stuffing {
    /// The next octets of the message. Lines end by CRLF; elsewhere stands neither CR nor LF.
    pub(crate) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some(first) = rest.first() {
            if self.line_start && *first == b'.' {
                out.push(b'.');
            }
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, behind) = rest.split_at(end);
            out.extend_from_slice(line);
            self.line_start = line.ends_with(b"\n");
            self.empty = false;
            rest = behind;
        }
    }

    /// The end. A last line that has no end gets one: the period has to stand alone.
    pub(crate) fn end(self, out: &mut Vec<u8>) {
        if !self.line_start && !self.empty {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message cut at each place.
    fn cuts(message: &'static [u8]) -> impl Iterator<Item = [Bytes; 2]> {
        (0..=message.len()).map(|at| [&message[..at], &message[at..]].map(Bytes::from_static))
    }

    #[test]
    fn periods_are_stuffed_at_every_cut() {
        for (message, expected) in [
            (&b""[..], &b".\r\n"[..]),
            (b".", b"..\r\n.\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
            (b"a.b\r\n..c\r\n\r\n.", b"a.b\r\n...c\r\n\r\n..\r\n.\r\n"),
        ] {
            for parts in cuts(message) {
                let (mut stuffing, mut out) = (Stuffing::default(), Vec::new());
                parts.iter().for_each(|part| stuffing.push(part, &mut out));
                stuffing.end(&mut out);
                assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
            }
        }
    }

    #[test]
    fn content_is_told_at_every_cut() {
        let content = |eight_bit, bare_newline| Content { eight_bit, bare_newline };
        for (message, expected) in [
            (&b"a\r\n\r\nb"[..], content(false, false)),
            (b"a\r\nb\n", content(false, true)),
            (b"a\r\rb\r\n", content(false, true)),
            (b"a\r", content(false, true)),
            (b"\n", content(false, true)),
            (b"a\r\n\xc3\xbc\r\n", content(true, false)),
            (b"a\r\r\n", content(false, true)),
        ] {
            for parts in cuts(message) {
                assert_eq!(Text::new(parts).content(), expected, "{}", message.escape_ascii());
            }
        }
    }
}
