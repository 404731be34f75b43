//! The inbox for people: HTML made here, so that all escaping is in one function.
//!
//! The page works without its script, which only fetches the list anew and tells times in the reader's
//! own zone. Nothing a sender wrote is ever markup; HTML mail is shown as its text.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use http::StatusCode;

use super::mail::Mail;
use super::store::Store;
use super::view::Content;
use crate::admin::answer::{self, Answer};

/// Messages on the page; the API has the rest.
const ROWS: usize = 200;

/// Recipients in a row of the list; the message's own page has the rest.
const NAMED: usize = 3;

const HTML: &str = "text/html; charset=utf-8";

/// A file of the page, by its name.
pub(super) fn file(name: &str) -> Option<Answer> {
    let (content_type, body) = match name {
        "inbox.css" => ("text/css; charset=utf-8", include_str!("page/inbox.css")),
        "inbox.js" => ("text/javascript; charset=utf-8", include_str!("page/inbox.js")),
        "favicon.svg" => ("image/svg+xml", include_str!("page/favicon.svg")),
        _ => return None,
    };
    Some(answer::new(StatusCode::OK, content_type, body))
}

/// The list.
pub(super) fn list(store: &Store, smtp: SocketAddr) -> Answer {
    let (count, revision) = store.count();
    let mails = store.newest(ROWS);
    let mut main = String::new();
    let written = match mails.as_slice() {
        [] => empty(&mut main, smtp),
        mails => table(&mut main, mails.iter().map(AsRef::as_ref), count),
    };
    respond(StatusCode::OK, written, "Inbox", &format!("{revision}-{count}"), &main)
}

/// One message.
pub(super) fn message(mail: &Mail, content: &Content) -> Answer {
    let mut main = String::new();
    let written = whole(&mut main, mail, content);
    respond(StatusCode::OK, written, subject(mail), "", &main)
}

/// A message that is not here.
pub(super) fn missing() -> Answer {
    let main = "<p><a href=\"/\">← Inbox</a></p><h2>No such message</h2>\
                <p>It never came, or it made room for newer ones.</p>";
    respond(StatusCode::NOT_FOUND, Ok(()), "No such message", "", main)
}

fn respond(status: StatusCode, written: fmt::Result, title: &str, live: &str, main: &str) -> Answer {
    let mut html = String::new();
    match written.and_then(|()| frame(&mut html, title, live, main)) {
        Ok(()) => answer::new(status, HTML, html),
        Err(_) => {
            answer::new(StatusCode::INTERNAL_SERVER_ERROR, answer::PLAIN, "the page can't be written\n")
        }
    }
}

fn frame(html: &mut String, title: &str, live: &str, main: &str) -> fmt::Result {
    write!(
        html,
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Mailchute</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/inbox.css">
<script src="/inbox.js" defer></script>
</head>
<body>
<header><h1><a href="/"><img src="/favicon.svg" alt="" width="24" height="24"> Mailchute</a></h1>
<p id="state" role="status"></p></header>
<main data-live="{live}">
{main}
</main>
</body>
</html>
"#,
        title = Escaped(title),
        live = Escaped(live),
    )
}

fn empty(main: &mut String, smtp: SocketAddr) -> fmt::Result {
    write!(
        main,
        r#"<section class="empty">
<h2>Nothing has come yet</h2>
<p>Mail sent by SMTP to <code>{smtp}</code> shows here at once. A first one, with swaks:</p>
<pre><code>swaks --server {smtp} --from me@example.com --to you@example.org</code></pre>
<p>or with curl:</p>
<pre><code>printf 'Subject: Hello\r\n\r\nIt works.\r\n' |
  curl smtp://{smtp} --upload-file - \
    --mail-from me@example.com --mail-rcpt you@example.org</code></pre>
</section>
"#
    )
}

fn table<'a>(main: &mut String, mails: impl Iterator<Item = &'a Mail>, count: usize) -> fmt::Result {
    let what = if count == 1 { "message" } else { "messages" };
    write!(main, "<h2>{count} {what}</h2>\n<table class=\"list\">\n<thead><tr>")?;
    for head in ["Time", "From", "To", "Subject", "Size"] {
        write!(main, "<th scope=\"col\">{head}</th>")?;
    }
    main.push_str("</tr></thead>\n<tbody>\n");
    for mail in mails {
        row(main, mail)?;
    }
    main.push_str("</tbody>\n</table>\n");
    if count > ROWS {
        write!(
            main,
            "<p>The newest {ROWS} of {count}. The rest: <a href=\"/api/v1/messages?limit={count}\">API</a></p>"
        )?;
    }
    Ok(())
}

fn row(main: &mut String, mail: &Mail) -> fmt::Result {
    let (time, id) = (Escaped(&mail.time), Escaped(&mail.id));
    write!(main, "<tr><td class=\"time\"><time datetime=\"{time}\">{time}</time></td><td><bdi>")?;
    write!(main, "{}</bdi></td><td>", Escaped(&mail.mail_from))?;
    let named = mail.rcpt_to.len().min(NAMED);
    addresses(main, &mail.rcpt_to[..named])?;
    if mail.rcpt_to.len() > named {
        write!(main, " and {} more", mail.rcpt_to.len() - named)?;
    }
    write!(
        main,
        "</td><td class=\"subject\"><a href=\"/messages/{id}\"><bdi>{}</bdi></a>",
        Escaped(subject(mail))
    )?;
    badges(main, mail)?;
    writeln!(main, "</td><td class=\"size\">{}</td></tr>", Size(mail.raw.len()))
}

fn addresses(main: &mut String, addresses: &[String]) -> fmt::Result {
    for (index, address) in addresses.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(main, "{comma}<bdi>{}</bdi>", Escaped(address))?;
    }
    Ok(())
}

fn badges(main: &mut String, mail: &Mail) -> fmt::Result {
    if mail.repeat {
        main.push_str(" <span class=\"badge\" title=\"Its dedupe key was here before\">repeat</span>");
    }
    if mail.deliveries > 1 {
        write!(
            main,
            " <span class=\"badge\" title=\"The same event again\">posted {} times</span>",
            mail.deliveries
        )?;
    }
    Ok(())
}

fn whole(main: &mut String, mail: &Mail, content: &Content) -> fmt::Result {
    let (id, time) = (Escaped(&mail.id), Escaped(&mail.time));
    write!(main, "<p><a href=\"/\">← Inbox</a></p>\n<h2><bdi>{}</bdi>", Escaped(subject(mail)))?;
    badges(main, mail)?;
    write!(main, "</h2>\n<table class=\"facts\"><tbody>\n<tr><th scope=\"row\">From</th><td><bdi>")?;
    write!(main, "{}</bdi></td></tr>\n<tr><th scope=\"row\">To</th><td>", Escaped(&mail.mail_from))?;
    addresses(main, &mail.rcpt_to)?;
    write!(
        main,
        "</td></tr>\n<tr><th scope=\"row\">Time</th><td><time datetime=\"{time}\">{time}</time></td></tr>\n"
    )?;
    write!(
        main,
        "<tr><th scope=\"row\">Size</th><td>{}</td></tr>\n</tbody></table>\n",
        Size(mail.raw.len())
    )?;
    write!(main, "<p class=\"links\"><a href=\"/api/v1/messages/{id}/raw\">Raw message</a> ")?;
    writeln!(main, "<a href=\"/api/v1/messages/{id}\">JSON</a></p>")?;
    text(main, content)?;
    let event = mail.event.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    facts(main, "Event", event)?;
    facts(
        main,
        "Header fields",
        content.fields.iter().map(|field| (field.name.as_str(), field.value.as_str())),
    )?;
    facts(main, "Request", mail.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn text(main: &mut String, content: &Content) -> fmt::Result {
    if content.text.trim().is_empty() {
        main.push_str("<p class=\"quiet\">No text.</p>\n");
    } else {
        writeln!(main, "<pre class=\"text\" dir=\"auto\">{}</pre>", Escaped(&content.text))?;
    }
    if content.text_truncated {
        main.push_str("<p class=\"quiet\">There is more: see the raw message.</p>\n");
    }
    if content.attachments.is_empty() {
        return Ok(());
    }
    main.push_str("<h3>Attachments</h3>\n<ul>\n");
    for file in &content.attachments {
        let name = file.name.as_deref().unwrap_or("(no name)");
        write!(main, "<li><bdi>{}</bdi> <span class=\"quiet\">", Escaped(name))?;
        writeln!(main, "{}, {}</span></li>", Escaped(&file.content_type), Size(file.size))?;
    }
    main.push_str("</ul>\n");
    Ok(())
}

fn facts<'a>(main: &mut String, title: &str, facts: impl Iterator<Item = (&'a str, &'a str)>) -> fmt::Result {
    writeln!(main, "<details open><summary>{title}</summary><table class=\"facts\"><tbody>")?;
    for (name, value) in facts {
        write!(main, "<tr><th scope=\"row\">{}</th>", Escaped(name))?;
        writeln!(main, "<td><bdi>{}</bdi></td></tr>", Escaped(value))?;
    }
    main.push_str("</tbody></table></details>\n");
    Ok(())
}

fn subject(mail: &Mail) -> &str {
    if mail.subject.trim().is_empty() { "(no subject)" } else { &mail.subject }
}

/// Text that is text, in an element or a quoted attribute. Control characters that HTML has no place for
/// show as U+FFFD.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\r' | '\t' => f.write_char(character)?,
                character if character.is_control() => f.write_char('\u{fffd}')?,
                character => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Octets, for people.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            octets @ ..1024 => write!(f, "{octets} B"),
            octets @ ..1_048_576 => write!(f, "{:.1} KiB", octets as f64 / 1024.0),
            octets => write!(f, "{:.1} MiB", octets as f64 / 1_048_576.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let hostile = "<script>alert(1)</script> & \" ' \u{0} \u{1b} \u{9f} ü\n";
        let shown = Escaped(hostile).to_string();
        assert_eq!(
            shown,
            "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot; &#39; \u{fffd} \u{fffd} \u{fffd} ü\n"
        );
    }

    #[test]
    fn sizes_are_for_people() {
        let sizes = [0, 1023, 1024, 1_572_864].map(|octets| Size(octets).to_string());
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
    }
}
