//! The list: a page of it, and a row alone, as it is told to pages that are open.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use http::StatusCode;

use super::escaped::{Escaped, Size};
use super::{Page, respond};
use crate::admin::answer::Answer;
use crate::inbox::Inbox;
use crate::inbox::entry::Entry;
use crate::inbox::query::{Query, encoded};
use crate::inbox::store;
use crate::metrics::MessageOutcome;

/// Recipients in a row of the list; the message's own page has the rest.
const NAMED: usize = 3;
/// Messages on a page at most.
const ROWS: usize = 200;

/// The newest that fit, or those behind a place.
pub(in crate::inbox) fn list(inbox: &Inbox, query: &Query) -> Answer {
    let query = Query { limit: query.limit.min(ROWS), ..query.clone() };
    let found = inbox.store.list(&query);
    let mut main = String::new();
    let written = match found.count {
        0 => empty(&mut main, inbox.smtp),
        _ => whole(&mut main, &found, &query),
    };
    let mut data = format!(" data-seen=\"{}\"", inbox.seen(found.revision));
    // Only where the list begins new messages have a place.
    if query.before.is_none() {
        // Writing to a String does not fail.
        let _ = write!(data, " data-list=\"{}\"", query.limit);
    }
    let title = if query.text.is_empty() { "Inbox" } else { &query.text };
    respond(StatusCode::OK, written, &Page { title, data: &data, search: &query.text, main: &main })
}

/// One row.
pub(in crate::inbox) fn row_of(entry: &Entry) -> Result<String, fmt::Error> {
    let mut html = String::new();
    row(&mut html, entry)?;
    Ok(html)
}

fn empty(main: &mut String, smtp: SocketAddr) -> fmt::Result {
    write!(
        main,
        r#"<section class="empty">
<h2>Nothing has come yet</h2>
<p>Mail sent by SMTP to <code>{smtp}</code> shows here at once. A first one, with swaks:</p>
<pre tabindex="0"><code>swaks --server {smtp} --from me@example.com --to you@example.org</code></pre>
<p>or with curl:</p>
<pre tabindex="0"><code>printf 'Subject: Hello\r\n\r\nIt works.\r\n' |
  curl smtp://{smtp} --upload-file - \
    --mail-from me@example.com --mail-rcpt you@example.org</code></pre>
</section>
"#
    )
}

fn whole(main: &mut String, found: &store::Page, query: &Query) -> fmt::Result {
    let what = if found.count == 1 { "message" } else { "messages" };
    write!(main, "<div class=\"bar\"><h2><span id=\"count\">{}</span> ", found.count)?;
    write!(main, "<span id=\"noun\">{what}</span></h2>")?;
    if !query.text.is_empty() {
        write!(main, "<p>with <b><bdi>{}</bdi></b> · <a href=\"/\">all</a></p>", Escaped(&query.text))?;
    }
    if query.before.is_some() {
        write!(main, "<p><a href=\"/{}\" rel=\"first\">newest</a></p>", Link { query, before: None })?;
    }
    main.push_str("<button id=\"clear\" type=\"button\" hidden>Clear all</button></div>\n");
    if found.entries.is_empty() {
        main.push_str("<p class=\"quiet\" id=\"none\">None fits.</p>\n");
    }
    main.push_str("<table class=\"list\">\n<thead><tr>");
    for head in ["Time", "From", "To", "Subject", "Size"] {
        write!(main, "<th scope=\"col\">{head}</th>")?;
    }
    main.push_str("</tr></thead>\n<tbody id=\"rows\">\n");
    for entry in &found.entries {
        row(main, entry)?;
    }
    main.push_str("</tbody>\n</table>\n");
    if let Some(last) = found.entries.last().filter(|_| found.more) {
        let link = Link { query, before: Some(last.place) };
        writeln!(main, "<p class=\"older\"><a href=\"/{link}\" rel=\"next\">Older</a></p>")?;
    }
    main.push_str(CLEAR);
    Ok(())
}

/// Asks once more.
const CLEAR: &str = r#"<dialog id="clearing" aria-labelledby="clearing-title">
<h2 id="clearing-title">Clear all messages?</h2>
<p>They are nowhere else.</p>
<form method="dialog"><button value="clear" class="grave">Clear all</button> <button value="" autofocus>Keep them</button></form>
</dialog>
"#;

/// Another page of the same search.
struct Link<'a> {
    query: &'a Query,
    before: Option<u64>,
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = '?';
        if !self.query.text.is_empty() {
            write!(f, "{separator}q={}", encoded(&self.query.text))?;
            separator = '&';
        }
        match self.before {
            Some(before) => write!(f, "{separator}before={before}"),
            None => Ok(()),
        }
    }
}

fn row(main: &mut String, entry: &Entry) -> fmt::Result {
    let (time, id) = (Escaped(&entry.time), Escaped(&entry.id));
    write!(main, "<tr id=\"m-{id}\" data-place=\"{}\"><td class=\"time\">", entry.place)?;
    write!(main, "<time datetime=\"{time}\">{time}</time></td><td class=\"from\"><bdi>")?;
    write!(main, "{}</bdi></td><td class=\"to\">", Escaped(&entry.sender))?;
    let named = entry.recipients.len().min(NAMED);
    addresses(main, &entry.recipients[..named])?;
    match entry.recipients.len() - named + entry.unnamed {
        0 => {}
        unnamed => write!(main, " and {unnamed} more")?,
    }
    main.push_str("</td><td class=\"subject\">");
    badges(main, entry)?;
    write!(main, "<a href=\"/messages/{id}\"><bdi>{}</bdi></a>", Escaped(subject(entry)))?;
    main.push_str("</td><td class=\"size\">");
    if let Some(size) = entry.size {
        write!(main, "{}", Size(size))?;
    }
    main.push_str("</td></tr>\n");
    Ok(())
}

/// Each isolated, so that none turns the direction of another.
pub(super) fn addresses(main: &mut String, addresses: &[String]) -> fmt::Result {
    for (index, address) in addresses.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(main, "{comma}<bdi>{}</bdi>", Escaped(address))?;
    }
    Ok(())
}

/// What is unusual about it.
pub(super) fn badges(main: &mut String, entry: &Entry) -> fmt::Result {
    if let Some(event) = entry.event().filter(|event| event.outcome != MessageOutcome::Delivered) {
        let grave = match event.outcome {
            MessageOutcome::Refused | MessageOutcome::Rejected => " grave",
            _ => " warning",
        };
        let told = entry.refusal().unwrap_or_default();
        write!(
            main,
            " <span class=\"badge{grave}\" title=\"{}\">{}",
            Escaped(&told),
            event.outcome.as_str()
        )?;
        if let Some(code) = event.code {
            write!(main, " {code}")?;
        }
        main.push_str("</span> ");
    }
    if entry.repeat {
        main.push_str("<span class=\"badge\" title=\"Its dedupe key was here before\">repeat</span> ");
    }
    if entry.deliveries > 1 {
        let times = entry.deliveries;
        write!(main, "<span class=\"badge\" title=\"The same event again\">posted {times} times</span> ")?;
    }
    Ok(())
}

/// What a message is called; what never became one, by what its sender was told.
pub(super) fn subject(entry: &Entry) -> &str {
    match entry.subject.trim() {
        "" if entry.raw.is_some() => "(no subject)",
        "" => entry.reply().unwrap_or("(no message)"),
        _ => &entry.subject,
    }
}
