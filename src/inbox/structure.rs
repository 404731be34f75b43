//! Where the parts of a message begin and end (RFC 2045, RFC 2046), in one pass over its lines.
//!
//! Anyone may have written it, so time and memory are linear in its octets, and nothing here calls itself: there are at
//! most [`MAX_PARTS`] parts, in at most [`MAX_DEPTH`] multiparts, and a multipart that is deeper is a file. A message in
//! a message is a file too; nobody looks into it here.
//!
//! A delimiter counts where it is a line of its own, of whichever multipart that is open: that closes what is open
//! within. RFC 2046 §5.1.1 would have it count with anything behind the boundary, but then a boundary that begins with
//! another would end it.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{ContentType, Encoding};
use memchr::memchr;

use super::bodies::Bodies;
use super::field::Description;

/// Parts that are told of, multiparts among them.
pub(crate) const MAX_PARTS: usize = 1000;
/// Multiparts in each other.
pub(crate) const MAX_DEPTH: usize = 32;

/// The parts of a message.
#[derive(Debug)]
pub(crate) struct Structure {
    /// In order, each multipart before what is in it. The first is the message itself.
    pub(crate) parts: Vec<Part>,
    /// Parts that are the text, by number.
    pub(crate) text: Vec<usize>,
    /// Parts that are the HTML, by number.
    pub(crate) html: Vec<usize>,
    /// Whether there are more parts.
    pub(crate) is_truncated: bool,
}

/// What a part is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Multipart,
    Plain,
    Html,
    /// An image, sound or film.
    Media,
    /// A message in the message.
    Message,
    Other,
}

/// One part of a message.
#[derive(Debug)]
pub(crate) struct Part {
    /// Octets of its header, without the line that ends it.
    pub(crate) header: Range<usize>,
    /// Octets of its body, as they are encoded.
    pub(crate) body: Range<usize>,
    pub(crate) kind: Kind,
    /// Whether it is shown as a file.
    pub(crate) is_file: bool,
    description: Description,
}

impl Structure {
    /// Reads octets, whatever they are.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let mut walk = Walk {
            raw,
            parts: Vec::new(),
            open: Vec::new(),
            place: Place::Between,
            bodies: Bodies::new(),
            is_truncated: false,
        };
        walk.all();
        let Walk { parts, bodies, is_truncated, .. } = walk;
        Self { parts, text: bodies.text, html: bodies.html, is_truncated }
    }

    /// The text, part by part.
    pub(super) fn text_bodies(&self) -> impl Iterator<Item = &Part> {
        self.text.iter().filter_map(|&number| self.parts.get(number))
    }

    /// The HTML, part by part.
    pub(super) fn html_bodies(&self) -> impl Iterator<Item = &Part> {
        self.html.iter().filter_map(|&number| self.parts.get(number))
    }
}

impl Part {
    /// What the sender put in, exactly: text too, in whatever charset. What can't be decoded is as it came.
    pub(crate) fn octets<'a>(&self, raw: &'a [u8]) -> Cow<'a, [u8]> {
        let body = raw.get(self.body.clone()).unwrap_or_default();
        let decoded = match self.description.encoding {
            Encoding::None => None,
            Encoding::Base64 => base64_decode(body),
            Encoding::QuotedPrintable => quoted_printable_decode(body),
        };
        decoded.map_or(Cow::Borrowed(body), Cow::Owned)
    }

    /// Its octets in their charset.
    pub(super) fn text(&self, raw: &[u8]) -> String {
        let octets = self.octets(raw);
        match self.attribute("charset").and_then(|charset| charset_decoder(charset.as_bytes())) {
            Some(decode) => decode(&octets),
            None => String::from_utf8_lossy(&octets).into_owned(),
        }
    }

    /// Type and subtype, as RFC 2045 §5.2 has it where a part does not say.
    pub(super) fn content_type(&self) -> String {
        let otherwise = match self.kind {
            Kind::Message => "message/rfc822",
            Kind::Plain => "text/plain",
            _ => "application/octet-stream",
        };
        self.description.content_type.as_ref().map_or_else(
            || otherwise.to_owned(),
            |of| of.subtype().map_or_else(|| of.ctype().to_owned(), |sub| format!("{}/{sub}", of.ctype())),
        )
    }

    /// The name of the file, as the sender has it.
    pub(super) fn name(&self) -> Option<&str> {
        let named = self.description.disposition.as_ref().and_then(|of| of.attribute("filename"));
        named.or_else(|| self.attribute("name"))
    }

    /// What HTML refers to it by.
    pub(super) fn content_id(&self) -> Option<&str> {
        self.description.content_id.as_deref()
    }

    /// What stands between its parts.
    pub(crate) fn boundary(&self) -> Option<&[u8]> {
        self.description.boundary()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.description.content_type.as_ref()?.attribute(name)
    }

    fn subtype(&self) -> Option<&str> {
        self.description.content_type.as_ref()?.subtype()
    }
}

impl Kind {
    fn of(content_type: Option<&ContentType<'_>>, is_in_digest: bool) -> Self {
        let Some(of) = content_type else {
            // RFC 2046 §5.1.5.
            return if is_in_digest { Self::Message } else { Self::Plain };
        };
        match (of.ctype(), of.subtype()) {
            ("multipart", _) => Self::Multipart,
            ("text", Some("plain")) => Self::Plain,
            ("text", Some("html")) => Self::Html,
            ("image" | "audio" | "video", _) => Self::Media,
            ("message", Some("rfc822" | "global")) => Self::Message,
            _ => Self::Other,
        }
    }
}

/// Where the next line is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the header of this part.
    Header(usize),
    /// In the body of this part.
    Body(usize),
    /// Before, behind or between parts.
    Between,
}

/// A multipart whose end has not come.
#[derive(Debug)]
struct Open {
    part: usize,
    boundary: Vec<u8>,
    has_parts: bool,
}

/// What a line can be to a multipart.
#[derive(Debug, Clone, Copy)]
enum Delimiter {
    Next,
    Last,
}

struct Walk<'a> {
    raw: &'a [u8],
    parts: Vec<Part>,
    /// The outermost first.
    open: Vec<Open>,
    place: Place,
    bodies: Bodies,
    is_truncated: bool,
}

impl Walk<'_> {
    fn all(&mut self) {
        let mut start = 0;
        let mut going = ControlFlow::Continue(());
        self.begin(start);
        while going.is_continue() && start < self.raw.len() {
            let end = memchr(b'\n', &self.raw[start..]).map_or(self.raw.len(), |at| start + at + 1);
            going = self.line(start..end);
            start = end;
        }
        if going.is_continue() {
            self.close(0, self.raw.len());
        }
    }

    fn line(&mut self, line: Range<usize>) -> ControlFlow<()> {
        let octets = &self.raw[line.clone()];
        if let Some((depth, delimiter)) = self.delimiter(octets) {
            let end = self.before(line.start);
            self.close(depth + 1, end);
            return match delimiter {
                Delimiter::Next if self.parts.len() == MAX_PARTS => {
                    self.is_truncated = true;
                    self.close(0, end);
                    ControlFlow::Break(())
                }
                Delimiter::Next => {
                    self.open[depth].has_parts = true;
                    self.begin(line.end);
                    ControlFlow::Continue(())
                }
                Delimiter::Last => {
                    self.open[depth].has_parts = true;
                    self.close(depth, line.end);
                    if self.open.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                }
            };
        }
        if let Place::Header(part) = self.place
            && matches!(octets, b"\n" | b"\r\n")
        {
            self.parts[part].header.end = line.start;
            self.end_header(part, line.end);
        }
        ControlFlow::Continue(())
    }

    /// What a line is to which of the multiparts that are open.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, Delimiter)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(depth, open)| {
            match line.strip_prefix(open.boundary.as_slice())? {
                b"" => Some((depth, Delimiter::Next)),
                b"--" => Some((depth, Delimiter::Last)),
                _ => None,
            }
        })
    }

    /// RFC 2046 §5.1.1: the end of the line before a delimiter is the delimiter's.
    fn before(&self, start: usize) -> usize {
        let before = &self.raw[..start];
        let before =
            before.strip_suffix(b"\n").map_or(before, |line| line.strip_suffix(b"\r").unwrap_or(line));
        before.len()
    }

    fn begin(&mut self, start: usize) {
        self.place = Place::Header(self.parts.len());
        self.parts.push(Part {
            header: start..start,
            body: start..start,
            kind: Kind::Other,
            is_file: false,
            description: Description::default(),
        });
    }

    fn end_header(&mut self, number: usize, body: usize) {
        let digest = |open: &Open| self.parts[open.part].subtype() == Some("digest");
        let is_in_digest = self.open.last().is_some_and(digest);
        let part = &mut self.parts[number];
        part.body = body..body;
        part.description = Description::of(&self.raw[part.header.clone()]);
        part.kind = Kind::of(part.description.content_type.as_ref(), is_in_digest);
        if part.kind == Kind::Multipart {
            if let Some(boundary) = part.boundary().filter(|_| self.open.len() < MAX_DEPTH) {
                self.open.push(Open { part: number, boundary: boundary.to_vec(), has_parts: false });
                self.bodies.enter(part.subtype());
                self.place = Place::Between;
                return;
            }
            part.kind = Kind::Other;
        }
        let is_attachment = part.description.disposition.as_ref().is_some_and(ContentType::is_attachment);
        let is_named = part.attribute("name").is_some();
        part.is_file = self.bodies.add(number, part.kind, is_attachment, is_named);
        self.place = Place::Body(number);
    }

    /// Ends the part that is read, and the multiparts from this depth on.
    fn close(&mut self, depth: usize, end: usize) {
        if let Place::Header(part) = self.place {
            let header = &mut self.parts[part].header;
            header.end = end.max(header.start);
            let end = header.end;
            self.end_header(part, end);
        }
        if let Place::Body(part) = self.place {
            let body = &mut self.parts[part].body;
            body.end = end.max(body.start);
        }
        self.place = Place::Between;
        while self.open.len() > depth
            && let Some(open) = self.open.pop()
        {
            let part = &mut self.parts[open.part];
            part.body.end = end.max(part.body.start);
            self.bodies.leave();
            if !open.has_parts {
                // Its delimiter never came.
                part.kind = Kind::Other;
                part.is_file = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
