//! What a parser makes of a message: header fields, text, parts.

use mail_parser::decoders::html::html_to_text;
use serde::Serialize;

use super::field::{self, Field, Fields};
use super::html;
use super::structure::{Kind, Structure};

/// Characters of text that are shown; the rest is in the raw message.
const MAX_TEXT: usize = 256 * 1024;
/// Header fields that are shown, and their octets; the rest is in the raw message.
const MAX_FIELDS: usize = 1000;
const MAX_FIELD_OCTETS: usize = 1 << 20;

/// What is in the octets.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Content {
    /// Header fields in order.
    pub(super) fields: Vec<HeaderField>,
    /// Whether there are more.
    pub(super) fields_truncated: bool,
    /// The text, or the text of the HTML.
    pub(super) text: String,
    /// Whether there is more text.
    pub(super) text_truncated: bool,
    /// Whether there is text that is no HTML.
    pub(super) has_plain: bool,
    /// Whether there is HTML.
    pub(super) has_html: bool,
    /// Where links of the HTML lead to on the web.
    pub(super) links: Vec<String>,
    /// Parts that are files, or neither text nor HTML of the message.
    pub(super) attachments: Vec<Attachment>,
    /// Whether there are more parts.
    pub(super) attachments_truncated: bool,
}

/// One header field.
#[derive(Debug, Serialize)]
pub(super) struct HeaderField {
    pub(super) name: String,
    /// Unfolded, but not decoded.
    pub(super) value: String,
    /// With its encoded words (RFC 2047) decoded, where that makes a difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decoded: Option<String>,
}

/// A part that is shown as a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment {
    /// Which part of the message it is, as its path says.
    pub(super) part: usize,
    /// As the sender has it.
    pub(super) name: Option<String>,
    pub(super) content_type: String,
    /// Octets of what is downloaded.
    pub(super) size: usize,
    /// What HTML refers to it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_id: Option<String>,
}

impl Content {
    /// Reads a message. What is no message has no fields and no text.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let structure = Structure::of(raw);
        let text = text(&structure, raw);
        let shown = text.char_indices().nth(MAX_TEXT).map_or(text.as_str(), |(end, _)| &text[..end]);
        let (fields, fields_truncated) = fields(&structure, raw);
        Self {
            fields,
            fields_truncated,
            text_truncated: shown.len() < text.len(),
            text: shown.to_owned(),
            has_plain: structure.text_bodies().any(|part| part.kind == Kind::Plain),
            has_html: structure.html_bodies().any(|part| part.kind == Kind::Html),
            links: html::links(&structure, raw),
            attachments: attachments(&structure, raw),
            attachments_truncated: structure.is_truncated,
        }
    }
}

/// All parts that are the text, one behind the other, and no more of them than it takes to have more than is shown.
fn text(structure: &Structure, raw: &[u8]) -> String {
    let mut text = String::new();
    for part in structure.text_bodies() {
        if text.len() > MAX_TEXT * char::MAX_LEN_UTF8 {
            break;
        }
        let more = match part.kind {
            Kind::Plain => part.text(raw),
            Kind::Html => html_to_text(&part.text(raw)),
            _ => continue,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("\r\n");
        }
        text.push_str(&more);
    }
    text
}

/// The first header fields, and whether there are more.
fn fields(structure: &Structure, raw: &[u8]) -> (Vec<HeaderField>, bool) {
    let header = structure.parts.first().and_then(|message| raw.get(message.header.clone()));
    let mut fields = Vec::new();
    let mut room = MAX_FIELD_OCTETS;
    for Field { name, value } in Fields(header.unwrap_or_default()) {
        let size = name.len() + value.len();
        if fields.len() == MAX_FIELDS || size > room {
            return (fields, true);
        }
        room -= size;
        let name = String::from_utf8_lossy(name).into_owned();
        let octets = value;
        let value = String::from_utf8_lossy(octets).replace("\r\n", "").trim().to_owned();
        let decoded =
            value.contains("=?").then(|| field::decoded(octets)).filter(|decoded| *decoded != value);
        fields.push(HeaderField { name, value, decoded });
    }
    (fields, false)
}

fn attachments(structure: &Structure, raw: &[u8]) -> Vec<Attachment> {
    let files = structure.parts.iter().enumerate().filter(|(_, part)| part.is_file);
    let attachments = files.map(|(number, part)| Attachment {
        part: number,
        name: part.name().map(str::to_owned),
        content_type: part.content_type(),
        size: part.octets(raw).len(),
        content_id: part.content_id().map(str::to_owned),
    });
    attachments.collect()
}

#[cfg(test)]
mod tests;
