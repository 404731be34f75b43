//! Octets → command lines, in bounded memory (RFC 5321 §2.3.8, §4.1.1).
//!
//! RFC 5321 §2.3.8: implementations "MUST NOT recognize or generate any other character or
//! character sequence as a line terminator" than CRLF. A line with a bare LF is told so at once, one
//! with a bare CR or a NUL at its end; one over its limit is dropped. Of all of them nothing is run,
//! up to their CRLF, and each has one reply.

use bytes::{Buf, Bytes};
use memchr::{memchr, memchr2, memmem};

use super::action::Hello;
use super::limits::{self, AUTH_LINE};

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A command line, without CRLF and trailing white space.
    Command(Bytes),
    /// Bare CR or LF, or NUL.
    Bad,
    /// Over its limit.
    TooLong,
    /// The client speaks HTTP or TLS.
    CrossProtocol,
}

/// What kind of line is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaited {
    /// A command of a session to which this was announced.
    Command(Hello),
    /// The answer to a challenge of AUTH.
    Response,
}

/// Cuts lines off the input.
#[derive(Debug, Default)]
pub(super) struct Lines {
    place: Place,
}

/// Where in a line the input begins.
#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// In one over its limit, which is told so at its end.
    TooLong,
    /// Behind a bare LF, which has its reply.
    Answered,
}

impl Lines {
    /// The next line, or `None` until more has come. What is incomplete stays in `input`.
    pub(super) fn next(&mut self, input: &mut Bytes, awaited: Awaited) -> Option<Line> {
        while self.place != Place::Start {
            let Some(end) = memmem::find(input, b"\r\n") else {
                keep_cr(input);
                return None;
            };
            input.advance(end + 2);
            if std::mem::take(&mut self.place) == Place::TooLong {
                return Some(Line::TooLong);
            }
        }
        if is_cross_protocol(input) {
            input.clear();
            return Some(Line::CrossProtocol);
        }
        let limit = match awaited {
            Awaited::Command(announced) => limits::command_line(input, announced),
            Awaited::Response => AUTH_LINE,
        };
        match memchr(b'\n', &input[..input.len().min(limit)]) {
            Some(end) if input[..end].ends_with(b"\r") => Some(read(input.split_to(end + 1))),
            Some(end) => {
                input.advance(end + 1);
                self.place = Place::Answered;
                Some(Line::Bad)
            }
            None if input.len() >= limit => {
                self.place = Place::TooLong;
                self.next(input, awaited)
            }
            None => None,
        }
    }
}

/// Drops all of the input but a CR at its end, whose LF may come next.
fn keep_cr(input: &mut Bytes) {
    let dropped = input.len() - usize::from(input.ends_with(b"\r"));
    input.advance(dropped);
}

/// A line that ends in CRLF.
fn read(mut line: Bytes) -> Line {
    line.truncate(line.len() - 2);
    if memchr2(b'\r', 0, &line).is_some() {
        return Line::Bad;
    }
    let text = line.trim_ascii_end().len();
    line.truncate(text);
    Line::Command(line)
}

/// `GET `, `POST `, or the head of a TLS record with a handshake (RFC 8446 §5.1).
fn is_cross_protocol(line: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"\x16\x03"].iter().any(|head| line.starts_with(head))
}

/// Keeps what is left of a large read in memory of its own size.
pub(super) fn compact(input: &mut Bytes) {
    if input.has_remaining() {
        *input = Bytes::copy_from_slice(input);
    } else {
        *input = Bytes::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::limits::COMMAND_LINE;

    fn command() -> Awaited {
        Awaited::Command(Hello::default())
    }

    fn lines(input: &[u8], split: usize) -> Vec<Line> {
        let (mut lines, mut found, mut buffer) = (Lines::default(), Vec::new(), Bytes::new());
        for part in [&input[..split], &input[split..]] {
            buffer = Bytes::from([&buffer[..], part].concat());
            while let Some(line) = lines.next(&mut buffer, command()) {
                found.push(line);
            }
        }
        found
    }

    fn check(input: &[u8], expected: &[Line]) {
        for split in 0..=input.len() {
            assert_eq!(lines(input, split), expected, "split at {split}");
        }
    }

    #[test]
    fn lines_are_told_apart_at_every_split() {
        let command = |text: &'static [u8]| Line::Command(Bytes::from_static(text));
        check(b"NOOP\r\nQUIT \t\r\n", &[command(b"NOOP"), command(b"QUIT")]);
        check(b"NO\rOP\r\nNO\0OP\r\n\r\n", &[Line::Bad, Line::Bad, command(b"")]);
        check(b"RSET\nQUIT\n\nDATA\r\nNOOP\r\n", &[Line::Bad, command(b"NOOP")]);
        check(b"NOOP\n", &[Line::Bad]);
        check(b"NOOP\n\r\nNOOP\r\n", &[Line::Bad, command(b"NOOP")]);
        check(b"NOOP\r", &[]);
    }

    #[test]
    fn long_lines_are_dropped_in_bounded_memory() {
        let fits = [b"NOOP ", &[b'x'; COMMAND_LINE - 7][..], b"\r\n"].concat();
        let long = [b"NOOP ", &[b'x'; COMMAND_LINE - 6][..], b"\r\n"].concat();
        assert!(matches!(lines(&fits, 0)[..], [Line::Command(_)]));
        check(&long, &[Line::TooLong]);
        let bare = [&[b'x'; COMMAND_LINE][..], b"\nQUIT\r\r\n"].concat();
        check(&bare, &[Line::TooLong]);
        let (mut lines, mut buffer) = (Lines::default(), Bytes::new());
        for _ in 0..100 {
            buffer = Bytes::from([&buffer[..], &[b'x'; 400]].concat());
            assert_eq!(lines.next(&mut buffer, command()), None);
            assert!(buffer.len() < COMMAND_LINE);
        }
        buffer = Bytes::from_static(b"\r\nNOOP\r\n");
        assert_eq!(lines.next(&mut buffer, command()), Some(Line::TooLong));
        assert_eq!(lines.next(&mut buffer, command()), Some(Line::Command(Bytes::from_static(b"NOOP"))));
    }

    #[test]
    fn a_response_may_be_as_long_as_an_auth_line() {
        let (mut lines, mut buffer) = (Lines::default(), Bytes::from(vec![b'x'; AUTH_LINE - 1]));
        assert_eq!(lines.next(&mut buffer, Awaited::Response), None);
        buffer = Bytes::from([&vec![b'x'; AUTH_LINE - 2][..], b"\r\n"].concat());
        assert!(matches!(lines.next(&mut buffer, Awaited::Response), Some(Line::Command(_))));
        buffer = Bytes::from([&vec![b'x'; AUTH_LINE - 1][..], b"\r\n"].concat());
        assert_eq!(lines.next(&mut buffer, Awaited::Response), Some(Line::TooLong));
    }

    #[test]
    fn http_and_tls_are_known_at_once() {
        for head in [&b"GET /"[..], b"POST /", b"\x16\x03\x01"] {
            assert!(lines(head, 1).contains(&Line::CrossProtocol));
        }
        check(b"GETTY\r\n", &[Line::Command(Bytes::from_static(b"GETTY"))]);
    }
}
