//! Lines of a rope of octets, by offset, without copying.
//!
//! Every one of CRLF, bare LF and bare CR ends a line here, and each line says which it was: the
//! readers above decide what counts.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;

use super::MAX_LINE;
use crate::mail::body::Message;

/// What ends a line, the weakest first: each kind is seen by all the parsers that see a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineEnd {
    /// A CR that no LF follows.
    Cr,
    /// An LF that no CR precedes.
    Lf,
    /// The end of the message.
    None,
    /// Both, as RFC 5322 §2.1 asks.
    Crlf,
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its first octet.
    pub start: usize,
    /// Behind its text, where its line end begins.
    pub text_end: usize,
    /// Behind its line end.
    pub end: usize,
    /// What ends it.
    pub ending: LineEnd,
}

/// What a line in a header section is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// No text.
    Empty,
    /// It begins with a space or tab: it continues the field before it (RFC 5322 §2.2.3).
    Folded,
    /// It begins a field: offsets of the end of its name, and of its content, from its start.
    Field {
        /// Octets of the name.
        name: usize,
        /// Octets up to the content: name, white space, colon.
        content: usize,
    },
    /// Anything else.
    Text,
}

/// Goes through the lines of a message.
#[derive(Debug)]
pub struct Lines<'a> {
    segments: &'a [Bytes],
    len: usize,
    at: usize,
    /// The segment that was looked at last, and the offset of its first octet.
    index: usize,
    base: usize,
}

impl<'a> Lines<'a> {
    /// Begins at the first octet.
    pub fn new(message: &'a Message) -> Self {
        Self { segments: message.segments(), len: message.len(), at: 0, index: 0, base: 0 }
    }

    /// The octets of a range: a copy only where they lie in several segments.
    pub fn octets(&mut self, range: Range<usize>) -> Cow<'a, [u8]> {
        let range = range.start..range.end.min(self.len);
        if range.is_empty() {
            return Cow::Borrowed(&[]);
        }
        let head = self.from(range.start);
        let wanted = range.len();
        if head.len() >= wanted {
            return Cow::Borrowed(&head[..wanted]);
        }
        let mut copy = Vec::with_capacity(wanted);
        let mut next = self.index;
        let mut piece = head;
        while copy.len() < wanted {
            copy.extend_from_slice(&piece[..piece.len().min(wanted - copy.len())]);
            next += 1;
            piece = self.segments.get(next).map_or(&[], |segment| &segment[..]);
        }
        Cow::Owned(copy)
    }

    /// What a line is. A name of more than [`MAX_LINE`] octets is none.
    pub fn kind(&mut self, line: &Line) -> LineKind {
        if line.text_end == line.start {
            return LineKind::Empty;
        }
        let quick = self.kind_within(line, 64);
        quick.or_else(|| self.kind_within(line, MAX_LINE)).unwrap_or(LineKind::Text)
    }

    /// `None` where the first `limit` octets do not tell.
    fn kind_within(&mut self, line: &Line, limit: usize) -> Option<LineKind> {
        let head = self.octets(line.start..line.text_end.min(line.start + limit));
        if matches!(head.first(), Some(b' ' | b'\t')) {
            return Some(LineKind::Folded);
        }
        let name = head.iter().position(|octet| !is_ftext(*octet));
        let Some(name) = name.filter(|name| *name > 0) else {
            let all_is_name = name.is_none() && line.text_end > line.start + limit;
            return (!all_is_name).then_some(LineKind::Text);
        };
        // RFC 5322 §4.5: obsolete fields may have white space before the colon.
        let colon = self.behind_blanks(line.start + name, line.text_end);
        let is_field = self.octets(colon..colon + 1).first() == Some(&b':') && colon < line.text_end;
        let field = LineKind::Field { name, content: colon + 1 - line.start };
        Some(if is_field { field } else { LineKind::Text })
    }

    /// The first octet in `at..end` that is no space or tab, else `end`.
    fn behind_blanks(&mut self, mut at: usize, end: usize) -> usize {
        while at < end {
            let rest = self.from(at);
            match rest.iter().position(|octet| !matches!(octet, b' ' | b'\t')) {
                Some(found) => return end.min(at + found),
                None => at += rest.len(),
            }
        }
        end
    }

    /// The octets of one segment from `at` on, which is within the message.
    fn from(&mut self, at: usize) -> &'a [u8] {
        while at < self.base {
            self.index -= 1;
            self.base -= self.segments[self.index].len();
        }
        while at >= self.base + self.segments[self.index].len() {
            self.base += self.segments[self.index].len();
            self.index += 1;
        }
        &self.segments[self.index][at - self.base..]
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.at >= self.len {
            return None;
        }
        let start = self.at;
        let mut at = start;
        let (text_end, ending) = loop {
            if at >= self.len {
                break (at, LineEnd::None);
            }
            let rest = self.from(at);
            let Some(found) = memchr2(b'\r', b'\n', rest) else {
                at += rest.len();
                continue;
            };
            at += found;
            if rest[found] == b'\n' {
                break (at, LineEnd::Lf);
            }
            let followed_by_lf = at + 1 < self.len && self.from(at + 1)[0] == b'\n';
            break (at, if followed_by_lf { LineEnd::Crlf } else { LineEnd::Cr });
        };
        let octets = match ending {
            LineEnd::None => 0,
            LineEnd::Cr | LineEnd::Lf => 1,
            LineEnd::Crlf => 2,
        };
        self.at = text_end + octets;
        Some(Line { start, text_end, end: self.at, ending })
    }
}

/// RFC 5322 §3.6.8: `ftext`, printable US-ASCII but the colon.
fn is_ftext(octet: u8) -> bool {
    matches!(octet, 33..=57 | 59..=126)
}

/// The parts of a message that lie in a range, as slices of its segments.
pub fn slices(message: &Message, range: Range<usize>) -> impl Iterator<Item = Bytes> {
    let mut base = 0;
    message.segments().iter().filter_map(move |segment| {
        let (from, to) = (range.start.max(base), range.end.min(base + segment.len()));
        let part = (from < to).then(|| segment.slice(from - base..to - base));
        base += segment.len();
        part
    })
}
