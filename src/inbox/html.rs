//! HTML mail as a document of its own that loads nothing, runs nothing, and leads nowhere.
//!
//! What holds is the browser's: the frame has the attribute `sandbox`, and [`POLICY`] says the same again, for a
//! document that is opened by itself. A policy has no word for connections that are made ahead of a request, and
//! browsers make them for hints (`<link rel="preconnect">`, `dns-prefetch`), for frames that are then not loaded, and
//! for a link as soon as it is pressed. So these elements, and the attribute `href`, have other names here, and so has
//! the one by which SVG sets `href` later. All that is done by looking for octets, without an opinion on where elements begin: whatever a parser makes of the rest,
//! there is no `<link` in it. What links lead to is told [apart](links).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::event::percent_decode;
use super::page::Escaped;
use super::structure::{Kind, Structure};

/// Nothing but what is in the document: its styles, and images whose octets stand in it.
pub(super) const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                                 form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Octets of HTML that are shown; the rest is in the raw message.
const MAX_HTML: usize = 4 << 20;
/// Links that are told.
const MAX_LINKS: usize = 100;
/// Octets of a link that is told; what is longer is cut.
const MAX_LINK: usize = 2048;
/// Addresses that are looked at for links that are not told yet.
const MAX_ADDRESSES: usize = 10_000;
/// Octets of images, as text, that one document has room for.
const MAX_IMAGES: usize = 16 << 20;

/// Elements that make a browser look elsewhere, or that speak for the whole document.
const RENAMED: &[&str] =
    &["link", "meta", "base", "iframe", "frame", "object", "embed", "portal", "fencedframe"];
/// Attributes that lead elsewhere, or by which an element of SVG (`set`, `animate`) sets one that does.
const ATTRIBUTES: &[&str] = &["href", "attributeName"];

/// What stands before it: colours are those that mail is written for, and links look as such.
const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light\">\
                    <style>html{background:#fff;color:#000;font:15px/1.5 sans-serif;overflow-wrap:anywhere}\
                    img{max-width:100%}:where(a[x-href]){color:#00e;text-decoration:underline}</style>\n";

/// The document, if the message has HTML.
pub(crate) fn document(raw: &[u8]) -> Option<String> {
    let structure = Structure::of(raw);
    let html = html(&structure, raw)?;
    // The octets of an image are the sender's as well, and the end of one part can go on in the next: so names are
    // looked for once all stands together.
    let mut whole = String::new();
    Images::of(&structure, raw).put(&html, &mut whole);
    Some(HEAD.to_owned() + &renamed(&whole))
}

/// All parts that are the HTML, one behind the other, up to the bound; `None` if none of them is HTML.
fn html(structure: &Structure, raw: &[u8]) -> Option<String> {
    structure.html_bodies().find(|part| part.kind == Kind::Html)?;
    let mut html = String::new();
    for part in structure.html_bodies() {
        let room = MAX_HTML.saturating_sub(html.len());
        if room == 0 {
            break;
        }
        match part.kind {
            Kind::Html => {
                let text = part.text(raw);
                html.push_str(&text[..text.floor_char_boundary(room)]);
            }
            Kind::Plain => {
                let text = part.text(raw);
                let shown = Escaped(&text[..text.floor_char_boundary(room)]).to_string();
                // What stands in it is no attribute, whose name would be another.
                let shown = shown.replace('=', "&#61;");
                // Writing to a String does not fail.
                let _ = write!(html, "<pre style=\"white-space:pre-wrap\">{shown}</pre>");
            }
            _ => {}
        }
    }
    Some(html)
}

/// `<link` becomes `<x-link`, `href=` becomes `x-href=`, and the like.
fn renamed(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', 'h', 'H', 'a', 'A']) {
        let (before, behind) = rest.split_at(at);
        out.push_str(before);
        if ATTRIBUTES.iter().any(|name| value(behind, name).is_some()) {
            out.push_str("x-");
        }
        out.push_str(&behind[..1]);
        rest = &behind[1..];
        if behind.starts_with('<') && RENAMED.iter().any(|name| starts_with(rest, name)) {
            out.push_str("x-");
        }
    }
    out.push_str(rest);
    out
}

/// What stands behind `name=`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    starts_with(text, name).then(|| text[name.len()..].trim_start().strip_prefix('='))?.map(str::trim_start)
}

/// Where links lead to on the web, each once, in order.
pub(super) fn links(structure: &Structure, raw: &[u8]) -> Vec<String> {
    let html = html(structure, raw).unwrap_or_default();
    let values = html.match_indices(['h', 'H']).filter_map(|(at, _)| value(&html[at..], "href"));
    let mut links: Vec<String> = Vec::new();
    for link in values.filter_map(link).take(MAX_ADDRESSES) {
        if links.len() == MAX_LINKS {
            break;
        }
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// The value of an attribute, if it is an address of the web.
fn link(value: &str) -> Option<String> {
    // Before looking for its end: of what leads nowhere there may be very much.
    if !is_of_the_web(value.trim_start_matches(['"', '\'']).trim_start()) {
        return None;
    }
    let value = &value[..value.floor_char_boundary(MAX_LINK)];
    let value = match value.as_bytes().first()? {
        b'"' => value[1..].split('"').next()?,
        b'\'' => value[1..].split('\'').next()?,
        _ => value.split(|next: char| next.is_ascii_whitespace() || next == '>').next()?,
    };
    let link = value.trim().replace("&amp;", "&");
    is_of_the_web(&link).then_some(link)
}

fn is_of_the_web(link: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| starts_with(link, scheme))
}

fn starts_with(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// The message's own images, by their Content-ID, and how much of them still has room.
struct Images<'a> {
    by_id: HashMap<&'a str, (String, Cow<'a, [u8]>)>,
    room: usize,
}

impl<'a> Images<'a> {
    fn of(structure: &'a Structure, raw: &'a [u8]) -> Self {
        let images = structure.parts.iter().filter(|part| part.kind == Kind::Media).filter_map(|part| {
            let content_type = part.content_type();
            let is_image = content_type.starts_with("image/") && content_type.bytes().all(is_of_a_type);
            let id = part.content_id().filter(|_| is_image)?;
            Some((id, (content_type, part.octets(raw))))
        });
        Self { by_id: images.collect(), room: MAX_IMAGES }
    }

    /// Puts octets where HTML refers to an image by `cid:` (RFC 2392), as far as they have room.
    fn put(&mut self, html: &str, out: &mut String) {
        let mut rest = html;
        while let Some(at) = find(rest, "cid:") {
            let (before, behind) = rest.split_at(at);
            out.push_str(before);
            let reference = &behind["cid:".len()..];
            let end = reference.find(|next: char| next.is_whitespace() || "\"'<>()".contains(next));
            let id = &reference[..end.unwrap_or(reference.len())];
            if !self.put_one(id, out) {
                out.push_str(&behind[.."cid:".len() + id.len()]);
            }
            rest = &reference[id.len()..];
        }
        out.push_str(rest);
    }

    fn put_one(&mut self, id: &str, out: &mut String) -> bool {
        let Some((content_type, octets)) = self.by_id.get(percent_decode(id.as_bytes()).as_str()) else {
            return false;
        };
        let Some(room) = self.room.checked_sub(octets.len().div_ceil(3) * 4) else { return false };
        self.room = room;
        // Writing to a String does not fail.
        let _ = write!(out, "data:{content_type};base64,{}", Base64Display::new(octets, &STANDARD));
        true
    }
}

/// RFC 6838 §4.2, as far as images have it.
fn is_of_a_type(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"/+-.".contains(&octet)
}

/// Where a word of ASCII stands, in capitals or not.
fn find(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len()).position(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests;
