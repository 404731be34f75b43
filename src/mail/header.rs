//! The header section of a message (RFC 5322 §2.1): where its fields begin and end.
//!
//! Nothing is decoded or unfolded, and no field is copied unless it lies across two segments; only
//! offsets are kept, so memory does not grow with the header. Not here: whether a message is
//! refused for what its header says, and which fields are removed (`stamp::removal`).
//!
//! **Line ends.** CRLF ends a line. A bare LF ends one too: it may be there by BDAT or
//! `bareNewlines: Pass`, and nearly every parser behind us takes it so. A bare CR does not: broken
//! clients write `CR CR LF`, and to see an empty line there would cut their headers short. What is
//! read here only counts, finds and names; `stamp::removal` is stricter and looks with the eyes of
//! every kind of parser.
//!
//! The section ends at the first empty line, at the first line that is no field (from there on all
//! is body), or with the message.

use std::borrow::Cow;
use std::ops::Range;

use super::body::Message;

mod lines;
#[cfg(test)]
mod tests;
mod words;

pub use lines::{Line, LineEnd, LineKind, Lines, slices};
pub use words::{Cfws, skip_cfws};

/// RFC 5322 §2.1.1: octets of a line without its CRLF. No field name is looked for beyond.
pub const MAX_LINE: usize = 998;
/// So much of a `Received` field is searched for its `by`.
const RECEIVED_HEAD: usize = 4096;

/// With what a message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A header field.
    Field,
    /// An empty line: a header section without fields.
    EmptyLine,
    /// A space or tab: the line would fold into the field before it, which is ours.
    Folded,
    /// Any other line: there is no header section.
    Text,
    /// Nothing: the message has no octets.
    Nothing,
}

impl Start {
    /// Looks at the first line.
    pub fn of(message: &Message) -> Self {
        let mut fields = Fields::new(message);
        let Some(line) = fields.next_line() else { return Self::Nothing };
        match fields.lines.kind(&line) {
            LineKind::Field { .. } => Self::Field,
            LineKind::Empty => Self::EmptyLine,
            LineKind::Folded => Self::Folded,
            LineKind::Text => Self::Text,
        }
    }

    /// Whether there is a header section, even one without fields.
    pub fn has_section(self) -> bool {
        matches!(self, Self::Field | Self::EmptyLine)
    }
}

/// One field as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, in the spelling of the message.
    pub name: Cow<'a, [u8]>,
    /// The whole field: name, colon, content, folded lines, last line end.
    pub range: Range<usize>,
    /// What stands behind the colon, without the last line end.
    pub content: Range<usize>,
}

impl Field<'_> {
    /// Whether it is the field of this name, whatever the case (RFC 5322 §1.2.2).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Reads the fields in order, each once, in time linear in the header section.
#[derive(Debug)]
pub struct Fields<'a> {
    lines: Lines<'a>,
    peeked: Option<Line>,
    end: usize,
    body: Option<usize>,
}

impl<'a> Fields<'a> {
    /// Begins at the first octet.
    pub fn new(message: &'a Message) -> Self {
        Self { lines: Lines::new(message), peeked: None, end: 0, body: None }
    }

    /// The next line, which CRLF, a bare LF or the end of the message ends.
    fn next_line(&mut self) -> Option<Line> {
        if let Some(line) = self.peeked.take() {
            return Some(line);
        }
        let mut line = self.lines.next()?;
        while line.ending == LineEnd::Cr {
            let Some(more) = self.lines.next() else { break };
            line = Line { start: line.start, ..more };
        }
        if line.ending == LineEnd::Cr {
            line = Line { text_end: line.end, ending: LineEnd::None, ..line };
        }
        Some(line)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.body.is_some() {
            return None;
        }
        let Some(first) = self.next_line() else {
            self.body = Some(self.end);
            return None;
        };
        let LineKind::Field { name, content } = self.lines.kind(&first) else {
            let is_empty = first.text_end == first.start;
            self.body = Some(if is_empty { first.end } else { first.start });
            return None;
        };
        let name = self.lines.octets(first.start..first.start + name);
        let content = first.start + content;
        let (mut text_end, mut end) = (first.text_end, first.end);
        while let Some(line) = self.next_line() {
            if self.lines.kind(&line) != LineKind::Folded {
                self.peeked = Some(line);
                break;
            }
            (text_end, end) = (line.text_end, line.end);
        }
        self.end = end;
        Some(Field { name, range: first.start..end, content: content..text_end })
    }
}

/// What is known of a header section: counts, and where the fields are that matter to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// With what the message begins.
    pub start: Start,
    /// `Received` fields.
    pub received: usize,
    /// Those whose `by` is our own host name: times the message has been here before.
    pub received_here: usize,
    /// Content of the first `Message-ID`, raw.
    pub message_id: Option<Range<usize>>,
    /// The same without angle brackets and line ends, as text; `None` where it is absent or empty.
    pub message_id_text: Option<String>,
    /// Content of the first `Date`, raw.
    pub date: Option<Range<usize>>,
    /// Content of the first `From`, raw.
    pub from: Option<Range<usize>>,
    /// Where the last field ends.
    pub end: usize,
    /// Where the body begins: behind the empty line, if there is one.
    pub body: usize,
}

impl Header {
    /// Reads the header section of a message that came to the gateway `hostname`.
    pub fn read(message: &Message, hostname: &str) -> Self {
        let mut header = Self {
            start: Start::of(message),
            received: 0,
            received_here: 0,
            message_id: None,
            message_id_text: None,
            date: None,
            from: None,
            end: 0,
            body: 0,
        };
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next() {
            if field.is("Received") {
                header.received += 1;
                let head = field.content.start..field.content.end.min(field.content.start + RECEIVED_HEAD);
                let ours = words::names_host(&fields.lines.octets(head), hostname);
                header.received_here += usize::from(ours);
            } else if field.is("Message-ID") {
                header.message_id.get_or_insert(field.content);
            } else if field.is("Date") {
                header.date.get_or_insert(field.content);
            } else if field.is("From") {
                header.from.get_or_insert(field.content);
            }
        }
        let id = header.message_id.clone();
        header.message_id_text = id.and_then(|content| Self::id_text(message, content));
        header.end = fields.end;
        header.body = fields.body.unwrap_or(fields.end);
        header
    }

    /// An id without angle brackets and line ends, as text; `None` where it is empty.
    fn id_text(message: &Message, content: Range<usize>) -> Option<String> {
        let head = content.start..content.end.min(content.start + MAX_LINE);
        let raw = Lines::new(message).octets(head);
        let mut text = String::from_utf8_lossy(&raw);
        if text.contains(char::is_control) {
            text.to_mut().retain(|c| !c.is_control());
        }
        let inner = text.split_once('<').map_or(&*text, |(_, rest)| rest);
        let inner = inner.split_once('>').map_or(inner, |(id, _)| id).trim();
        (!inner.is_empty()).then(|| inner.to_owned())
    }
}
