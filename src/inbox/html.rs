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
mod tests {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    use super::*;

    fn message(html: &str) -> String {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--b\r\nContent-Type: image/png\r\n\
             Content-ID: <a+b@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\n\
             Content-Type: text/plain\r\nContent-ID: <text@x>\r\n\r\nAAEC\r\n--b--\r\n"
        )
    }

    fn shown(html: &str) -> String {
        let document = document(message(html).as_bytes()).unwrap();
        document.strip_prefix(HEAD).unwrap().trim_end().to_owned()
    }

    #[test]
    fn images_of_the_message_stand_in_it() {
        for (html, expected) in [
            ("<img src=\"cid:a+b@x\">", "<img src=\"data:image/png;base64,AAEC\">"),
            ("<img src=CID:a%2Bb%40x>", "<img src=data:image/png;base64,AAEC>"),
            (
                "<p style='background:url(cid:a+b@x)'>",
                "<p style='background:url(data:image/png;base64,AAEC)'>",
            ),
            ("<img src=\"cid:other\"> cid:", "<img src=\"cid:other\"> cid:"),
            ("<img src=\"cid:text@x\">", "<img src=\"cid:text@x\">"),
        ] {
            assert_eq!(shown(html), expected, "{html}");
        }
    }

    #[test]
    fn an_image_can_not_bring_what_the_html_may_not() {
        // Its octets end in what is `/href` in base64, and the HTML goes on with a value.
        let message = message("<a cid:a+b@x =http://x.example>").replace("AAEC", "AAECAAA/href");
        let document = document(message.as_bytes()).unwrap();
        assert!(document.contains(",AAECAAA/x-href =http://x.example>"), "{document}");
    }

    #[test]
    fn images_have_a_bound() {
        let html = "cid:a+b@x";
        let message = message(html);
        let structure = Structure::of(message.as_bytes());
        let mut images = Images { room: 9, ..Images::of(&structure, message.as_bytes()) };
        let mut out = String::new();
        images.put("cid:a+b@x cid:a+b@x cid:a+b@x", &mut out);
        assert_eq!(out, "data:image/png;base64,AAEC data:image/png;base64,AAEC cid:a+b@x");
    }

    #[test]
    fn nothing_hints_at_other_places() {
        for (html, expected) in [
            ("<link rel=preconnect href=x>", "<x-link rel=preconnect x-href=x>"),
            ("<LiNk/rel=preconnect>", "<x-LiNk/rel=preconnect>"),
            ("<<meta http-equiv=refresh>", "<<x-meta http-equiv=refresh>"),
            ("<!--><base href=x>", "<!--><x-base x-href=x>"),
            ("<iframe src=x><object data=x>", "<x-iframe src=x><x-object data=x>"),
            ("<a href=x>", "<a x-href=x>"),
            ("<a/HREF\n = 'x'>", "<a/x-HREF\n = 'x'>"),
            ("<svg><a xlink:href=x>", "<svg><a xlink:x-href=x>"),
            ("<set attributeName=\"href\" to=x>", "<set x-attributeName=\"href\" to=x>"),
            ("<animate\nATTRIBUTENAME = href>", "<animate\nx-ATTRIBUTENAME = href>"),
            ("<p>less < link, href</p>", "<p>less < link, href</p>"),
            ("<", "<"),
        ] {
            assert_eq!(shown(html), expected, "{html}");
        }
    }

    #[test]
    fn what_is_split_over_parts_is_seen_as_a_whole() {
        let part = |html: &str| format!("--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n");
        let text = "--b\r\n\r\nhref=1 <link\r\n";
        let parts = [part("<li"), part("nk rel=preconnect hr"), part("ef=x>"), text.to_owned(), part("=y")];
        let message = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", parts.concat());
        let document = document(message.as_bytes()).unwrap();
        let expected = "<x-link rel=preconnect x-href=x>\
                        <pre style=\"white-space:pre-wrap\">href&#61;1 &lt;link</pre>=y";
        assert_eq!(document.strip_prefix(HEAD).unwrap(), expected);
    }

    #[test]
    fn all_html_has_one_bound() {
        let part = format!("--b\r\nContent-Type: text/html\r\n\r\n{}\r\n", "x".repeat(MAX_HTML / 2 + 1));
        let message = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(3));
        assert_eq!(document(message.as_bytes()).unwrap().len(), HEAD.len() + MAX_HTML);
    }

    #[test]
    fn looking_for_links_has_an_end() {
        for (html, most) in [("href=", 0), ("href=\"", 0), ("href=http://", 1), ("href=\"http://x", 100)] {
            let message = message(&html.repeat(MAX_HTML / html.len()));
            let began = clock_gettime(ClockId::ThreadCPUTime);
            let links = links(&Structure::of(message.as_bytes()), message.as_bytes());
            let took = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - began).unwrap();
            assert!(links.len() <= most, "{html}: {}", links.len());
            assert!(took < Duration::from_secs(10), "{html}: {took:?}");
        }
    }

    #[test]
    fn links_are_told_where_they_lead_to_the_web() {
        let html = "<a href=\"https://x.example/?a=1&amp;b=2\">1</a><A HREF = 'http://y.example'>2</A>\
                    <a href=https://z.example>3</a><a href='javascript:alert(1)'>4</a><a href=\"/relative\">5</a>\
                    <a href='http://y.example'>6</a> href";
        let expected = ["https://x.example/?a=1&b=2", "http://y.example", "https://z.example"];
        let message = message(html);
        assert_eq!(links(&Structure::of(message.as_bytes()), message.as_bytes()), expected);
    }

    #[test]
    fn text_has_no_document() {
        assert_eq!(document(b"Subject: x\r\n\r\n<b>text</b>\r\n"), None);
    }
}
