//! The text of DATA: where it ends, and what the client meant before it stuffed dots.
//!
//! RFC 5321 §4.5.2. It ends only at CRLF `.` CRLF (or `.` CRLF at once): no other sequence of
//! octets ends it, whatever some other server may think. What comes out are slices of what came in.
//!
//! ```text
//!             '.'            CR           LF
//! LineStart ──────▶ Dot ─────────▶ DotCr ─────▶ end
//!  │  ▲              │ other          │ other: the CR was text
//!  │  │ LF           ▼                ▼
//!  │  Cr ◀───────── Text ◀────────────┘
//!  └─ other ─────────▲
//! ```

use bytes::{Buf, Bytes};
use memchr::memchr2;

/// Where in a line the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Behind CRLF, or at the very beginning.
    LineStart,
    /// Behind a dot that began the line; the dot is held back.
    Dot,
    /// Behind such a dot and a CR; both are held back.
    DotCr,
    /// Inside a line.
    Text,
    /// Behind a CR inside a line.
    Cr,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Octets of the message.
    Text(Bytes),
    /// The end. What follows in the input is the next command.
    End,
}

/// The scanner of one message.
#[derive(Debug)]
pub(super) struct Scanner {
    at: At,
    bare_newline: bool,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { at: At::LineStart, bare_newline: false }
    }

    /// Whether a bare CR or LF has come.
    pub(super) fn bare_newline(&self) -> bool {
        self.bare_newline
    }

    /// The next part, or `None` until more has come; all of `input` is taken by then.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Option<Part> {
        while let Some(&octet) = input.first() {
            match (self.at, octet) {
                (At::LineStart, b'.') => self.hold(At::Dot, input),
                (At::Dot, b'\r') => self.hold(At::DotCr, input),
                (At::DotCr, b'\n') => {
                    self.hold(At::LineStart, input);
                    return Some(Part::End);
                }
                (At::DotCr, _) => {
                    self.at = At::Cr;
                    return Some(Part::Text(Bytes::from_static(b"\r")));
                }
                (At::LineStart | At::Dot | At::Text | At::Cr, _) => {
                    return Some(Part::Text(self.text(input)));
                }
            }
        }
        None
    }

    /// Takes one octet without passing it on.
    fn hold(&mut self, at: At, input: &mut Bytes) {
        input.advance(1);
        self.at = at;
    }

    /// Cuts off the text up to the next dot that begins a line.
    fn text(&mut self, input: &mut Bytes) -> Bytes {
        let octets = &input[..];
        let mut end = 0;
        if self.at != At::Cr {
            self.at = At::Text;
        }
        while end < octets.len() {
            match self.at {
                At::Cr if octets[end] == b'\n' => {
                    end += 1;
                    self.at = At::LineStart;
                }
                At::Cr => {
                    self.bare_newline = true;
                    self.at = At::Text;
                }
                At::LineStart if octets[end] == b'.' => break,
                _ => end = self.line(octets, end),
            }
        }
        input.split_to(end)
    }

    /// Skips to behind the next CR or LF.
    fn line(&mut self, octets: &[u8], from: usize) -> usize {
        self.at = At::Text;
        match memchr2(b'\r', b'\n', &octets[from..]) {
            None => octets.len(),
            Some(found) => {
                if octets[from + found] == b'\r' {
                    self.at = At::Cr;
                } else {
                    self.bare_newline = true;
                }
                from + found + 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Message, whether it had bare newlines, and what is left; `None` where it has not ended.
    fn scan(wire: &[u8], split: usize) -> Option<(Vec<u8>, bool, Vec<u8>)> {
        let (mut scanner, mut message) = (Scanner::new(), Vec::new());
        let mut parts = [&wire[..split], &wire[split..]].map(Bytes::copy_from_slice).into_iter();
        while let Some(mut input) = parts.next() {
            while let Some(part) = scanner.next(&mut input) {
                match part {
                    Part::Text(text) => message.extend_from_slice(&text),
                    Part::End => {
                        let rest = [&input[..], &parts.next().unwrap_or_default()].concat();
                        return Some((message, scanner.bare_newline(), rest));
                    }
                }
            }
            assert!(input.is_empty());
        }
        None
    }

    #[test]
    fn only_one_sequence_ends_it_at_every_split() {
        for (wire, message, bare) in [
            (&b".\r\n"[..], &b""[..], false),
            (b"a\r\n.\r\n", b"a\r\n", false),
            (b"..\r\n...a\r\n.b\r\n.\r\n", b".\r\n..a\r\nb\r\n", false),
            (b"a\n.\n\r\n.\r\n", b"a\n.\n\r\n", true),
            (b"a\n.\r\n\r\n.\r\n", b"a\n.\r\n\r\n", true),
            (b"a\r\n.\n\r\n.\r\n", b"a\r\n\n\r\n", true),
            (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n", true),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", true),
            (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n", true),
            (b"a\r\n\0.\r\n.\0\r\n.\r\n", b"a\r\n\0.\r\n\0\r\n", false),
            (b"a\r\r\n.\r\n", b"a\r\r\n", true),
        ] {
            for split in 0..=wire.len() {
                let wire = [wire, b"QUIT\r\n"].concat();
                let found = scan(&wire, split);
                let expected = Some((message.to_vec(), bare, b"QUIT\r\n".to_vec()));
                assert_eq!(found, expected, "{} split at {split}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn nothing_else_ends_it() {
        for wire in ["\n.\n", "\r.\r", "a\r\n.\n", "a\n.\r\n", "a\r\n.\r", "\0.\r\n", ".\0\r\n", ".\r\r\n"] {
            assert_eq!(scan(wire.as_bytes(), 0), None, "{}", wire.escape_debug());
        }
    }
}
