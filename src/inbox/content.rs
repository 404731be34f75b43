//! What a parser makes of a message: header fields, text, parts.

use mail_parser::decoders::html::html_to_text;
use mail_parser::parsers::MessageStream;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use serde::Serialize;

use super::{html, part};

/// Characters of text that are shown; the rest is in the raw message.
const MAX_TEXT: usize = 256 * 1024;

/// What is in the octets.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    /// Header fields in order.
    pub(super) fields: Vec<HeaderField>,
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
    pub(super) fn of(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(raw) else { return Self::default() };
        let text = text(&message);
        let shown = text.char_indices().nth(MAX_TEXT).map_or(text.as_str(), |(end, _)| &text[..end]);
        Self {
            fields: fields(&message, raw),
            text_truncated: shown.len() < text.len(),
            text: shown.to_owned(),
            has_plain: message.text_bodies().any(|part| matches!(part.body, PartType::Text(_))),
            has_html: message.html_bodies().any(|part| matches!(part.body, PartType::Html(_))),
            links: html::links(&message),
            attachments: attachments(&message, raw),
        }
    }
}

/// All parts that are the text, one behind the other.
fn text(message: &Message<'_>) -> String {
    let mut text = String::new();
    for part in message.text_bodies() {
        let more = match &part.body {
            PartType::Text(plain) => plain.clone(),
            PartType::Html(html) => html_to_text(html).into(),
            _ => continue,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("\r\n");
        }
        text.push_str(&more);
    }
    text
}

fn fields(message: &Message<'_>, raw: &[u8]) -> Vec<HeaderField> {
    let octets = |from: u32, to: u32| raw.get(from as usize..to as usize).unwrap_or_default();
    let fields = message.headers().iter().map(|header| {
        let name = String::from_utf8_lossy(octets(header.offset_field, header.offset_start));
        let octets = octets(header.offset_start, header.offset_end);
        let value = String::from_utf8_lossy(octets).replace("\r\n", "").trim().to_owned();
        let decoded = value.contains("=?").then(|| decoded(octets)).filter(|decoded| *decoded != value);
        HeaderField { name: name.trim_end().trim_end_matches(':').trim().to_owned(), value, decoded }
    });
    fields.collect()
}

fn decoded(value: &[u8]) -> String {
    MessageStream::new(value).parse_unstructured().unwrap_text().into_owned()
}

fn attachments(message: &Message<'_>, raw: &[u8]) -> Vec<Attachment> {
    let parts = message.attachments.iter().filter_map(|&index| Some((index, message.part(index)?)));
    let attachments = parts.map(|(index, part)| Attachment {
        part: index as usize,
        name: part.attachment_name().map(str::to_owned),
        content_type: part::content_type(part),
        size: part::octets(part, raw).len(),
        content_id: part.content_id().map(str::to_owned),
    });
    attachments.collect()
}

#[cfg(test)]
mod tests;
