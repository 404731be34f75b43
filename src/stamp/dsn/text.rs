//! The part for a person: what became of which message for whom, why, and what to do.

use mail_parser::{HeaderName, MessageParser};

use super::{Action, FOLD, Notification, Part, Reported, date, fold, quoted_printable, visible};

/// Recipients told of one by one; of others only the number is.
const TOLD: usize = 50;
/// Octets of a subject and of a diagnostic that are shown.
const SHOWN: usize = 300;

/// The part; in UTF-8 where it has to be.
pub(super) fn part(notification: &Notification<'_>) -> Part {
    let text = text(notification);
    let mut octets = Vec::with_capacity(text.len());
    if text.is_ascii() {
        octets.extend_from_slice(text.as_bytes());
        return Part { content_type: "text/plain; charset=us-ascii", encoding: "7bit", octets };
    }
    quoted_printable::encode(text.as_bytes(), &mut octets);
    Part { content_type: "text/plain; charset=utf-8", encoding: "quoted-printable", octets }
}

fn text(notification: &Notification<'_>) -> String {
    let mut out = String::with_capacity(1024);
    paragraph(&format!("This is the mail system of {}.", notification.hostname), "", &mut out);
    let of = |action| notification.recipients.iter().filter(move |reported| reported.action == action);
    if of(Action::Failed).next().is_some() {
        out.push_str("\r\nYour message could not be delivered to:\r\n");
        told(of(Action::Failed), &mut out);
        out.push_str("\r\n");
        let rest =
            "It is not kept for them, and will not be tried again. This says nothing of other recipients.";
        paragraph(rest, "", &mut out);
    }
    if of(Action::Relayed).next().is_some() {
        out.push_str("\r\nYour message was passed on for:\r\n");
        told(of(Action::Relayed), &mut out);
        out.push_str("\r\n");
        let rest = "The system that has it now does not tell of its delivery, so this is the last that you hear \
                    of it from here.";
        paragraph(rest, "", &mut out);
    }
    message(notification, &mut out);
    out
}

/// Which message it was.
fn message(notification: &Notification<'_>, out: &mut String) {
    let about = &notification.about;
    out.push_str("\r\nThe message:\r\n\r\n");
    // No other field is parsed: with some of them a sender could keep the parser busy for long.
    let parser = MessageParser::new().header_text(HeaderName::Subject).default_header_ignore();
    let parsed = parser.parse_headers(about.header);
    let subject = parsed.as_ref().and_then(|parsed| parsed.subject());
    if let Some(subject) =
        subject.map(|subject| visible(subject, SHOWN)).filter(|text| !text.trim().is_empty())
    {
        paragraph(&format!("Subject: {subject}"), "  ", out);
    }
    paragraph(&format!("Received here: {}", date(about.received_at)), "  ", out);
    paragraph(&format!("Known here as: {}", about.id), "  ", out);
}

fn told<'a>(all: impl Iterator<Item = &'a Reported<'a>>, out: &mut String) {
    let mut more = 0_usize;
    for (at, reported) in all.enumerate() {
        if at < TOLD {
            one(reported, out);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        paragraph(&format!("and {more} more, which the next part names."), "  ", out);
    }
}

fn one(reported: &Reported<'_>, out: &mut String) {
    out.push_str(&format!("\r\n  {}\r\n", visible(&reported.recipient.to_string(), FOLD * 8)));
    if reported.action == Action::Relayed {
        return;
    }
    let meaning = reported.status.meaning();
    paragraph(&format!("{} ({})", meaning.what, reported.status), "    ", out);
    if let Some(diagnostic) =
        reported.diagnostic.map(|text| visible(text, SHOWN)).filter(|text| !text.is_empty())
    {
        paragraph(&format!("The answer was: {diagnostic}"), "    ", out);
    }
    paragraph(meaning.advice, "    ", out);
}

/// Text on lines that all begin with `indent`.
fn paragraph(text: &str, indent: &str, out: &mut String) {
    out.push_str(indent);
    fold(text, indent, indent.len(), out);
    out.push_str("\r\n");
}
