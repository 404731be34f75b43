//! The page of one message: what it is, and one of its views.

use std::fmt::{self, Write};
use std::sync::Arc;

use http::StatusCode;

use super::escaped::{Escaped, Size};
use super::list::{addresses, badges, subject};
use super::view::View;
use super::{Page, delivery, panel, respond};
use crate::admin::answer::Answer;
use crate::inbox::Inbox;
use crate::inbox::content::Content;
use crate::inbox::entry::Entry;

/// Ids of the next newer and the next older message.
type Beside = (Option<Arc<str>>, Option<Arc<str>>);

/// One message, and what has been seen with it.
pub(in crate::inbox) fn message(
    inbox: &Inbox,
    (entry, revision): (&Entry, u64),
    content: &Content,
    view: Option<View>,
) -> Answer {
    let view = view.unwrap_or_else(|| View::first(entry, content));
    let mut main = String::new();
    let written = head(&mut main, entry, view, &inbox.store.beside(entry.place))
        .and_then(|()| tabs(&mut main, entry, content, view))
        .and_then(|()| shown(&mut main, entry, content, view));
    let (id, place, seen) = (Escaped(&entry.id), entry.place, inbox.seen(revision));
    let data = format!(" data-message=\"{id}\" data-place=\"{place}\" data-seen=\"{seen}\"");
    respond(StatusCode::OK, written, &Page { title: subject(entry), data: &data, search: "", main: &main })
}

/// A message that is not here.
pub(in crate::inbox) fn missing() -> Answer {
    let main = "<nav class=\"way\"><a href=\"/\" rel=\"up\">← Inbox</a></nav><h2>No such message</h2>\
                <p>It never came, or it made room for newer ones.</p>";
    let page = Page { title: "No such message", data: "", search: "", main };
    respond(StatusCode::NOT_FOUND, Ok(()), &page)
}

/// A message that is here, but whose reading failed.
pub(in crate::inbox) fn unreadable(id: &str) -> Answer {
    let main = format!(
        "<nav class=\"way\"><a href=\"/\" rel=\"up\">← Inbox</a></nav><h2>This message can't be read</h2>\
         <p>That is a fault of Mailchute. <a href=\"/messages/{}/raw\" rel=\"enclosure\">Download .eml</a></p>",
        Escaped(id)
    );
    let page = Page { title: "This message can't be read", data: "", search: "", main: &main };
    respond(StatusCode::INTERNAL_SERVER_ERROR, Ok(()), &page)
}

fn head(main: &mut String, entry: &Entry, view: View, (newer, older): &Beside) -> fmt::Result {
    let (id, time) = (Escaped(&entry.id), Escaped(&entry.time));
    write!(main, "<nav class=\"way\" aria-label=\"Messages\"><a href=\"/#m-{id}\" rel=\"up\">← Inbox</a>")?;
    for (name, rel, beside) in [("Newer", "prev", newer), ("Older", "next", older)] {
        if let Some(beside) = beside {
            let (beside, view) = (Escaped(beside), view.name());
            write!(main, " <a href=\"/messages/{beside}?view={view}\" rel=\"{rel}\">{name}</a>")?;
        }
    }
    if entry.raw.is_some() {
        write!(
            main,
            "<span class=\"files\"><a href=\"/messages/{id}/raw\" rel=\"enclosure\">Download .eml</a> "
        )?;
        write!(main, "<a href=\"/api/v1/messages/{id}\">JSON</a></span>")?;
    }
    main.push_str("</nav>\n<h2 class=\"subject\">");
    badges(main, entry)?;
    write!(main, "<bdi>{}</bdi>", Escaped(subject(entry)))?;
    main.push_str("</h2>\n<dl class=\"envelope\"><div><dt>From</dt><dd><bdi>");
    write!(main, "{}</bdi></dd></div><div class=\"when\"><dt>Time</dt><dd>", Escaped(&entry.sender))?;
    write!(main, "<time datetime=\"{time}\">{time}</time></dd></div>")?;
    if !entry.recipients.is_empty() {
        main.push_str("<div><dt>To</dt><dd class=\"to\">");
        addresses(main, &entry.recipients)?;
        if entry.unnamed > 0 {
            write!(main, " and {} more", entry.unnamed)?;
        }
        main.push_str("</dd></div>");
    }
    let size = entry.size.map(|size| Size(size).to_string());
    // What never became a message has an id that nobody else knows.
    let id = Some(&*entry.id).filter(|_| entry.raw.is_some());
    for (name, value) in [("Size", size.as_deref()), ("Route", entry.route()), ("Id", id)] {
        if let Some(value) = value {
            write!(main, "<div class=\"when\"><dt>{name}</dt><dd><bdi>{}</bdi></dd></div>", Escaped(value))?;
        }
    }
    main.push_str("</dl>\n");
    Ok(())
}

fn tabs(main: &mut String, entry: &Entry, content: &Content, shown: View) -> fmt::Result {
    main.push_str("<nav class=\"tabs\" aria-label=\"Views of the message\">");
    for (index, view) in View::ALL.into_iter().enumerate() {
        let (id, name) = (Escaped(&entry.id), view.name());
        let current = if view == shown { " aria-current=\"page\"" } else { "" };
        let empty = if view.is_empty(entry, content) { " class=\"nothing\"" } else { "" };
        let key = index + 1;
        write!(main, "<a href=\"/messages/{id}?view={name}\"{current}{empty} aria-keyshortcuts=\"{key}\">")?;
        main.push_str(view.title());
        if let Some(count) = view.count(entry, content).filter(|count| *count > 0) {
            write!(main, " <span class=\"count\">{count}</span>")?;
        }
        main.push_str("</a>");
    }
    main.push_str("</nav>\n");
    Ok(())
}

fn shown(main: &mut String, entry: &Entry, content: &Content, view: View) -> fmt::Result {
    writeln!(main, "<section class=\"panel {}\" aria-label=\"{}\">", view.name(), view.title())?;
    match view {
        View::Text => panel::text(main, entry, content),
        View::Html => panel::html(main, entry, content),
        View::Headers => panel::headers(main, content),
        View::Attachments => panel::attachments(main, entry, content),
        View::Delivery => delivery::delivery(main, entry),
        View::Transcript => delivery::transcript(main, entry),
        View::Source => panel::source(main, entry),
    }?;
    main.push_str("</section>\n");
    Ok(())
}
