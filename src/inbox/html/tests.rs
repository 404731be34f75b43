//! What a document keeps of the HTML that a sender wrote, and what it does not.

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
        ("<p style='background:url(cid:a+b@x)'>", "<p style='background:url(data:image/png;base64,AAEC)'>"),
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
