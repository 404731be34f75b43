//! The inbox for people: HTML made here, so that all escaping is in one function.
//!
//! The page works without its script, which lets the list live, tells times in the reader's own zone, and has keys
//! for everything. Nothing a sender wrote is ever markup of these pages; HTML mail is a document of its own, in a
//! frame, see [`super::html`].

mod delivery;
mod escaped;
mod list;
mod message;
mod panel;
mod view;

use std::fmt::{self, Write};

use http::StatusCode;

use crate::admin::answer::{self, Answer};

pub(super) use escaped::Escaped;
pub(super) use list::{list, row_of};
pub(super) use message::{message, missing, unreadable};
pub(super) use view::View;

/// Content type of a page.
pub(super) const HTML: &str = "text/html; charset=utf-8";

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page, by its name.
pub(super) fn file(name: &str) -> Option<Answer> {
    let (content_type, body) = match name {
        "inbox.css" => (CSS, include_str!("page/inbox.css")),
        "message.css" => (CSS, include_str!("page/message.css")),
        "inbox.js" => (JAVASCRIPT, include_str!("page/inbox.js")),
        "live.js" => (JAVASCRIPT, include_str!("page/live.js")),
        "keys.js" => (JAVASCRIPT, include_str!("page/keys.js")),
        "favicon.svg" => ("image/svg+xml", include_str!("page/favicon.svg")),
        _ => return None,
    };
    Some(answer::new(StatusCode::OK, content_type, body))
}

/// What stands on a page.
struct Page<'a> {
    title: &'a str,
    /// Attributes of the body, for the script: ready-made.
    data: &'a str,
    /// What was searched for.
    search: &'a str,
    main: &'a str,
}

fn respond(status: StatusCode, written: fmt::Result, page: &Page<'_>) -> Answer {
    let mut html = String::new();
    match written.and_then(|()| frame(&mut html, page)) {
        Ok(()) => answer::new(status, HTML, html),
        Err(_) => {
            answer::new(StatusCode::INTERNAL_SERVER_ERROR, answer::PLAIN, "the page can't be written\n")
        }
    }
}

fn frame(html: &mut String, page: &Page<'_>) -> fmt::Result {
    let Page { title, data, search, main } = page;
    write!(
        html,
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Mailchute</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/inbox.css">
<link rel="stylesheet" href="/message.css">
<script type="module" src="/inbox.js"></script>
</head>
<body{data}>
<a class="skip" href="#main">Skip to the messages</a>
<header>
<h1><a href="/"><img src="/favicon.svg" alt="" width="24" height="24"> Mailchute</a></h1>
<form role="search" action="/"><input type="search" name="q" value="{search}" placeholder="From, to, subject" aria-label="Search in sender, recipients and subject" autocomplete="off" maxlength="200"><button>Search</button></form>
<p id="state" role="status"></p>
<button id="help" type="button" hidden aria-keyshortcuts="?">Keys</button>
</header>
<main id="main" tabindex="-1">
{main}
</main>
<p id="news" class="unseen" aria-live="polite"></p>
{KEYS}
</body>
</html>
"##,
        title = Escaped(title),
        search = Escaped(search),
    )
}

/// What the script knows of keys.
const KEYS: &str = r#"<dialog id="keys" aria-labelledby="keys-title">
<h2 id="keys-title">Keys</h2>
<table><tbody>
<tr><th scope="row"><kbd>j</kbd> <kbd>↓</kbd></th><td>next message</td></tr>
<tr><th scope="row"><kbd>k</kbd> <kbd>↑</kbd></th><td>previous message</td></tr>
<tr><th scope="row"><kbd>Enter</kbd></th><td>open it</td></tr>
<tr><th scope="row"><kbd>1</kbd> … <kbd>7</kbd></th><td>another view of the message</td></tr>
<tr><th scope="row"><kbd>d</kbd></th><td>download it</td></tr>
<tr><th scope="row"><kbd>u</kbd> <kbd>Esc</kbd></th><td>back to the list</td></tr>
<tr><th scope="row"><kbd>/</kbd></th><td>search</td></tr>
<tr><th scope="row"><kbd>?</kbd></th><td>this help</td></tr>
</tbody></table>
<form method="dialog"><button>Close</button></form>
</dialog>"#;
