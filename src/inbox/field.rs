//! Header fields as they stand in the octets (RFC 5322 §2.2), and what those of MIME say of a part (RFC 2045).
//!
//! The values are read by mail-parser, which is not linear in all of them: it gets those alone that are needed here,
//! each up to a bound.

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, Encoding, HeaderValue};
use memchr::memchr;

/// Octets of a value of MIME's that are read; what is longer is cut.
const MAX_VALUE: usize = 8192;

/// One field of a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    /// With its folds and the end of its line.
    pub(super) value: &'a [u8],
}

/// The fields of a header in order. Lines that are none are passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while !self.0.is_empty() {
            let (field, rest) = self.0.split_at(unfolded(self.0));
            self.0 = rest;
            let Some(colon) = memchr(b':', field) else { continue };
            let name = field[..colon].trim_ascii();
            if !name.is_empty() && memchr(b'\n', name).is_none() {
                return Some(Field { name, value: &field[colon + 1..] });
            }
        }
        None
    }
}

/// Where a line ends with those that go on with it.
fn unfolded(octets: &[u8]) -> usize {
    let mut end = 0;
    while let Some(line) = memchr(b'\n', &octets[end..]) {
        end += line + 1;
        if !matches!(octets.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
    octets.len()
}

/// What the fields of a part say of it; of several that are the same the last counts.
#[derive(Debug, Default)]
pub(super) struct Description {
    pub(super) content_type: Option<ContentType<'static>>,
    pub(super) disposition: Option<ContentType<'static>>,
    pub(super) encoding: Encoding,
    pub(super) content_id: Option<String>,
}

impl Description {
    pub(super) fn of(header: &[u8]) -> Self {
        let mut description = Self::default();
        for Field { name, value } in Fields(header) {
            if name.eq_ignore_ascii_case(b"Content-Type") {
                description.content_type = content_type(value);
            } else if name.eq_ignore_ascii_case(b"Content-Disposition") {
                description.disposition = content_type(value);
            } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
                description.encoding = encoding(value);
            } else if name.eq_ignore_ascii_case(b"Content-ID") {
                let id = read(value, |stream| stream.parse_id().into_owned());
                description.content_id = id.as_text().map(str::to_owned);
            }
        }
        description
    }

    /// What stands between the parts, if they are several (RFC 2046 §5.1.1).
    pub(super) fn boundary(&self) -> Option<&[u8]> {
        let content_type = self.content_type.as_ref().filter(|of| of.ctype() == "multipart")?;
        let boundary = content_type.attribute("boundary")?.as_bytes().trim_ascii_end();
        (!boundary.is_empty()).then_some(boundary)
    }
}

/// Lets a parser read a value, which it expects to end with its line.
fn read<T>(value: &[u8], parse: impl FnOnce(&mut MessageStream<'_>) -> T) -> T {
    let line = [&value[..value.len().min(MAX_VALUE)], b"\r\n"].concat();
    parse(&mut MessageStream::new(&line))
}

fn content_type(value: &[u8]) -> Option<ContentType<'static>> {
    match read(value, |stream| stream.parse_content_type().into_owned()) {
        HeaderValue::ContentType(content_type) => Some(content_type),
        _ => None,
    }
}

fn encoding(value: &[u8]) -> Encoding {
    let name = read(value, |stream| stream.parse_unstructured().into_owned());
    match name.as_text() {
        Some(name) if name.eq_ignore_ascii_case("base64") => Encoding::Base64,
        Some(name) if name.eq_ignore_ascii_case("quoted-printable") => Encoding::QuotedPrintable,
        _ => Encoding::None,
    }
}

/// A value with its encoded words (RFC 2047) decoded.
pub(super) fn decoded(value: &[u8]) -> String {
    let line = [value, b"\r\n"].concat();
    let decoded = MessageStream::new(&line).parse_unstructured();
    decoded.as_text().unwrap_or_default().to_owned()
}
