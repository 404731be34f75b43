//! The views of what is in a message: text, HTML, header fields, attachments, source.

use std::fmt::{self, Write};

use super::escaped::{Escaped, Size};
use crate::inbox::content::{Attachment, Content};
use crate::inbox::entry::Entry;

/// Octets of the source that are shown.
const MAX_SOURCE: usize = 256 * 1024;

pub(super) fn text(main: &mut String, entry: &Entry, content: &Content) -> fmt::Result {
    if content.text.trim().is_empty() {
        main.push_str("<p class=\"quiet\">No text.</p>\n");
    } else {
        let text = Escaped(&content.text);
        writeln!(main, "<pre class=\"prose\" dir=\"auto\" tabindex=\"0\">{text}</pre>")?;
    }
    if content.text_truncated {
        more(main, entry)?;
    }
    if content.attachments.is_empty() {
        return Ok(());
    }
    main.push_str("<h3>Attachments</h3>\n");
    attachments(main, entry, content)
}

pub(super) fn html(main: &mut String, entry: &Entry, content: &Content) -> fmt::Result {
    if !content.has_html {
        main.push_str("<p class=\"quiet\">The message has no HTML.</p>\n");
        return Ok(());
    }
    let id = Escaped(&entry.id);
    main.push_str(
        "<p class=\"quiet\">Shown without scripts. Remote content is not loaded, and links open nothing.</p>\n",
    );
    writeln!(main, "<iframe sandbox src=\"/messages/{id}/html\" title=\"The message as HTML\"></iframe>")?;
    if content.links.is_empty() {
        return Ok(());
    }
    main.push_str("<h3>Where its links lead</h3>\n<ul class=\"links\">\n");
    for link in &content.links {
        let link = Escaped(link);
        writeln!(
            main,
            "<li><a href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer\"><bdi>{link}</bdi></a></li>"
        )?;
    }
    main.push_str("</ul>\n");
    Ok(())
}

pub(super) fn headers(main: &mut String, content: &Content) -> fmt::Result {
    if content.fields.is_empty() {
        main.push_str("<p class=\"quiet\">No header fields.</p>\n");
        return Ok(());
    }
    main.push_str("<table class=\"facts\"><tbody>\n");
    for field in &content.fields {
        write!(main, "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>", Escaped(&field.name))?;
        if let Some(decoded) = &field.decoded {
            write!(main, "<bdi>{}</bdi><br><small>", Escaped(decoded))?;
        }
        write!(main, "<bdi>{}</bdi>", Escaped(&field.value))?;
        main.push_str(if field.decoded.is_some() { "</small></td></tr>\n" } else { "</td></tr>\n" });
    }
    main.push_str("</tbody></table>\n");
    if content.fields_truncated {
        main.push_str("<p class=\"quiet\">There are more in the source.</p>\n");
    }
    Ok(())
}

pub(super) fn attachments(main: &mut String, entry: &Entry, content: &Content) -> fmt::Result {
    if content.attachments.is_empty() {
        main.push_str("<p class=\"quiet\">No attachments.</p>\n");
        return Ok(());
    }
    main.push_str("<ul class=\"attachments\">\n");
    for attachment in &content.attachments {
        let Attachment { part, content_type, size, .. } = attachment;
        let name = attachment.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("(no name)");
        let (id, name, content_type) = (Escaped(&entry.id), Escaped(name), Escaped(content_type));
        write!(main, "<li><a href=\"/messages/{id}/parts/{part}\" download><bdi>{name}</bdi></a> ")?;
        writeln!(main, "<span class=\"quiet\">{content_type}, {}</span></li>", Size(*size))?;
    }
    main.push_str("</ul>\n");
    if content.attachments_truncated {
        main.push_str("<p class=\"quiet\">There are more in the source.</p>\n");
    }
    Ok(())
}

pub(super) fn source(main: &mut String, entry: &Entry) -> fmt::Result {
    let Some(raw) = &entry.raw else {
        main.push_str("<p class=\"quiet\">No message is kept of this transaction: none came, or no backend was handed it.</p>\n");
        return Ok(());
    };
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(MAX_SOURCE)]);
    writeln!(main, "<pre class=\"source\" tabindex=\"0\">{}</pre>", Escaped(&shown))?;
    if raw.len() > MAX_SOURCE { more(main, entry) } else { Ok(()) }
}

fn more(main: &mut String, entry: &Entry) -> fmt::Result {
    let id = Escaped(&entry.id);
    writeln!(main, "<p class=\"quiet\">There is more: <a href=\"/messages/{id}/raw\">download it</a>.</p>")
}

/// A table of names and what they stand for.
pub(super) fn facts<'a>(
    main: &mut String,
    title: &str,
    facts: impl Iterator<Item = (&'a str, &'a str)>,
) -> fmt::Result {
    writeln!(main, "<details open><summary>{title}</summary><table class=\"facts\"><tbody>")?;
    for (name, value) in facts {
        write!(main, "<tr><th scope=\"row\">{}</th>", Escaped(name))?;
        writeln!(main, "<td><bdi>{}</bdi></td></tr>", Escaped(value))?;
    }
    main.push_str("</tbody></table></details>\n");
    Ok(())
}
