//! A message as people and programs are shown it: JSON shapes, decoded text.

use std::collections::BTreeMap;

use mail_parser::{Message, MessageParser, MimeHeaders};
use serde::Serialize;

use super::mail::Mail;

/// Characters of text that are shown; the rest is in the raw message.
const MAX_TEXT: usize = 64 * 1024;

/// One line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    id: &'a str,
    time: &'a str,
    mail_from: &'a str,
    rcpt_to: &'a [String],
    subject: &'a str,
    size: usize,
    route: Option<&'a str>,
    repeat: bool,
    deliveries: u32,
}

impl<'a> Summary<'a> {
    pub(super) fn of(mail: &'a Mail) -> Self {
        Self {
            id: &mail.id,
            time: &mail.time,
            mail_from: &mail.mail_from,
            rcpt_to: &mail.rcpt_to,
            subject: &mail.subject,
            size: mail.raw.len(),
            route: mail.event.get("route").map(String::as_str),
            repeat: mail.repeat,
            deliveries: mail.deliveries,
        }
    }
}

/// All of one message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    event: &'a BTreeMap<String, String>,
    request: Vec<Field<'a>>,
    #[serde(flatten)]
    pub(super) content: &'a Content,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Whole<'a> {
    pub(super) fn of(mail: &'a Mail, content: &'a Content) -> Self {
        let request = mail.headers.iter().map(|(name, value)| Field { name, value }).collect();
        Self { summary: Summary::of(mail), event: &mail.event, request, content }
    }
}

/// What a parser makes of the octets.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    /// Header fields in order, unfolded but not decoded.
    pub(super) fields: Vec<HeaderField>,
    /// The text, or the text of the HTML.
    pub(super) text: String,
    /// Whether there is more text.
    pub(super) text_truncated: bool,
    /// Parts that are files.
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
pub(super) struct HeaderField {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attachment {
    pub(super) name: Option<String>,
    pub(super) content_type: String,
    pub(super) size: usize,
}

impl Content {
    /// Reads a message. What is no message has no fields and no text.
    pub(super) fn of(raw: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(raw) else { return Self::default() };
        let text = message.body_text(0).unwrap_or_default();
        let shown: String = text.chars().take(MAX_TEXT).collect();
        Self {
            fields: fields(&message, raw),
            text_truncated: shown.len() < text.len(),
            text: shown,
            attachments: message.attachments().map(attachment).collect(),
        }
    }
}

fn fields(message: &Message<'_>, raw: &[u8]) -> Vec<HeaderField> {
    let text =
        |from: u32, to: u32| String::from_utf8_lossy(raw.get(from as usize..to as usize).unwrap_or_default());
    let fields = message.headers().iter().map(|header| HeaderField {
        name: text(header.offset_field, header.offset_start)
            .trim_end()
            .trim_end_matches(':')
            .trim()
            .to_owned(),
        value: text(header.offset_start, header.offset_end).replace("\r\n", "").trim().to_owned(),
    });
    fields.collect()
}

fn attachment(part: &mail_parser::MessagePart<'_>) -> Attachment {
    let content_type = part.content_type().map(|of| match of.subtype() {
        Some(subtype) => format!("{}/{subtype}", of.ctype()),
        None => of.ctype().to_owned(),
    });
    Attachment {
        name: part.attachment_name().map(str::to_owned),
        content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        size: part.len(),
    }
}
