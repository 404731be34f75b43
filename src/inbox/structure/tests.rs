//! Parts as they are found, and what a sender could do to those who look for them.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::inbox::content::Content;
use crate::inbox::html;
use crate::inbox::part::File;

/// Kind and octets of each part but multiparts, and whether it is a file.
fn leaves(raw: &[u8]) -> Vec<(Kind, String, bool)> {
    let structure = Structure::of(raw);
    let leaves = structure.parts.iter().filter(|part| part.kind != Kind::Multipart);
    leaves
        .map(|part| (part.kind, String::from_utf8_lossy(&part.octets(raw)).into_owned(), part.is_file))
        .collect()
}

fn texts(raw: &str) -> Vec<String> {
    leaves(raw.as_bytes()).into_iter().map(|(_, octets, _)| octets).collect()
}

/// What is done with a message when it is opened, on a stack of 128 KiB, and the processor's time that it takes.
fn open(raw: Vec<u8>) -> (Content, Duration) {
    let thread = std::thread::Builder::new().stack_size(128 << 10);
    let opening = thread.spawn(move || {
        let content = Content::of(&raw);
        html::document(&raw);
        File::of(&raw, MAX_PARTS - 1);
        let took = clock_gettime(ClockId::ThreadCPUTime);
        (content, took.try_into().unwrap())
    });
    opening.unwrap().join().unwrap()
}

fn multipart(boundary: &str, inside: &str) -> String {
    format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n{inside}")
}

#[test]
fn messages_in_messages_do_not_nest() {
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let encoded = data_encoding::BASE64_MIME.encode(nested.as_bytes());
    for raw in [
        nested.clone(),
        format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"),
        multipart("b", &format!("--b\r\n{nested}\r\n--b--\r\n")),
    ] {
        let (content, took) = open(raw.into_bytes());
        assert_eq!(content.attachments.len(), 1);
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn multiparts_without_delimiters_are_not_looked_for_again() {
    let inside: String = (0..100_000)
        .map(|number| format!("--b\r\nContent-Type: multipart/mixed; boundary=never{number}\r\n\r\n"))
        .collect();
    let (content, took) = open(multipart("b", &inside).into_bytes());
    assert_eq!((content.attachments.len(), content.attachments_truncated), (MAX_PARTS - 1, true));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // The same, each in the one before.
    let inside: String =
        (0..100_000).map(|number| multipart(&format!("b{number}"), &format!("--b{number}\r\n"))).collect();
    let (content, took) = open(inside.into_bytes());
    assert_eq!(content.attachments.len(), 1);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn fields_that_take_long_are_cut() {
    let continued: String = (1..200_000).map(|number| format!(";\r\n a*{number}=x")).collect();
    let raw = format!("Content-Type: text/plain{continued}\r\nContent-Disposition: x{continued}\r\n\r\ntext");
    let (content, took) = open(raw.into_bytes());
    assert!(content.fields_truncated && content.text == "text");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn parts_have_a_bound() {
    for (parts, truncated) in [(MAX_PARTS - 1, false), (MAX_PARTS, true), (100_000, true)] {
        let raw = multipart("b", &("--b\r\n\r\n\r\n".repeat(parts) + "--b--\r\n"));
        let structure = Structure::of(raw.as_bytes());
        assert_eq!((structure.parts.len(), structure.is_truncated), (MAX_PARTS, truncated), "{parts}");
    }
}

#[test]
fn depth_has_a_bound() {
    let mut raw = "\r\ninnermost".to_owned();
    for depth in (0..=MAX_DEPTH).rev() {
        raw = multipart(&format!("b{depth}."), &format!("--b{depth}.\r\n{raw}\r\n--b{depth}.--"));
    }
    let structure = Structure::of(raw.as_bytes());
    assert_eq!(structure.parts.len(), MAX_DEPTH + 1);
    let deepest = structure.parts.last().unwrap();
    assert_eq!((deepest.kind, deepest.is_file), (Kind::Other, true));
    let octets = deepest.octets(raw.as_bytes());
    assert_eq!(octets, format!("--b{MAX_DEPTH}.\r\n\r\ninnermost\r\n--b{MAX_DEPTH}.--").as_bytes());
}

#[test]
fn a_part_ends_before_the_line_end_of_its_delimiter() {
    for (raw, expected) in [
        // RFC 2046 §5.1.1: preamble and epilogue are nobody's.
        ("before\r\n--b\r\n\r\nOne\r\n--b\r\n\r\nTwo\r\n\r\n--b--\r\nbehind\r\n", &["One", "Two\r\n"][..]),
        ("--b\n\nOne\n--b\n\nTwo\n\n--b--\n", &["One", "Two\n"]),
        ("--b \t\r\n\r\nOne\r\n--b-- \r\n", &["One"]),
        // No end.
        ("--b\r\n\r\nOne\r\n--b\r\n\r\nTwo\r\n", &["One", "Two\r\n"]),
        ("--b\r\n\r\nOne\r\n--b", &["One", ""]),
        // No blank line.
        ("--b\r\nX: 1\r\n--b\r\n\r\nTwo\r\n--b--", &["", "Two"]),
        ("--b\r\n--b\r\n\r\n--b--", &["", ""]),
        ("--b\r\nX: 1", &[""]),
        // No delimiters.
        (
            "--b\r\n\r\n--bb\r\n --b\r\n-b\r\nx--b\r\n--b-\r\n--b--x\r\n--b--",
            &["--bb\r\n --b\r\n-b\r\nx--b\r\n--b-\r\n--b--x"],
        ),
    ] {
        assert_eq!(texts(&multipart("b", raw)), expected, "{raw:?}");
        assert_eq!(texts(&multipart("b", raw).replace("\r\n", "\n")).len(), expected.len(), "{raw:?}");
    }
}

#[test]
fn a_boundary_may_begin_as_another_does() {
    for (outer, inner) in [("b", "bb"), ("bb", "b"), ("b", "b--"), ("b--", "b")] {
        let inside =
            multipart(inner, &format!("--{inner}\r\n\r\nOne\r\n--{inner}\r\n\r\nTwo\r\n--{inner}--"));
        let raw =
            multipart(outer, &format!("--{outer}\r\n{inside}\r\n--{outer}\r\n\r\nThree\r\n--{outer}--\r\n"));
        let texts = texts(&raw);
        if outer == "b--" || inner == "b--" {
            // One is the end of the other: the inner one counts.
            assert_eq!(texts[..1], ["One"], "{outer} {inner}");
        } else {
            assert_eq!(texts, ["One", "Two", "Three"], "{outer} {inner}");
        }
    }
}

#[test]
fn an_outer_delimiter_closes_what_is_within() {
    let inner = multipart("c", "--c\r\n\r\nOne\r\n--c\r\nX: 1");
    for (end, expected) in
        [("--b\r\n\r\nTwo\r\n--b--", &["One", "", "Two"][..]), ("--b--\r\n--c\r\n\r\nx", &["One", ""])]
    {
        let raw = multipart("b", &format!("--b\r\n{inner}\r\n{end}\r\n"));
        assert_eq!(texts(&raw), expected);
        let structure = Structure::of(raw.as_bytes());
        assert!(raw[structure.parts[1].body.clone()].ends_with("X: 1"));
    }
}

#[test]
fn a_multipart_without_parts_is_a_file() {
    for raw in [
        multipart("b", "text"),
        multipart("", "text"),
        "Content-Type: multipart/mixed\r\n\r\ntext".to_owned(),
    ] {
        assert_eq!(leaves(raw.as_bytes()), [(Kind::Other, "text".to_owned(), true)], "{raw}");
    }
}

#[test]
fn messages_of_a_digest_are_messages() {
    let raw = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nOne\r\n--b\r\n\
               Content-Type: text/plain\r\n\r\nTwo\r\n--b--\r\n";
    let expected =
        [(Kind::Message, "Subject: x\r\n\r\nOne".to_owned(), true), (Kind::Plain, "Two".to_owned(), false)];
    assert_eq!(leaves(raw.as_bytes()), expected);
}

/// The same as mail-parser's where mail is as it should be: text, HTML, files, by number.
#[test]
fn text_and_html_are_those_that_others_choose() {
    let plain = "Content-Type: text/plain\r\n\r\nplain";
    let html = "Content-Type: text/html\r\n\r\n<p>html";
    let image = "Content-Type: image/png; name=x.png\r\nContent-ID: <a@x>\r\n\r\nimage";
    let file = "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=x.txt\r\n\r\nfile";
    let calendar = "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR";
    let of = |subtype: &str, boundary: &str, parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
        format!("Content-Type: multipart/{subtype}; boundary={boundary}\r\n\r\n{parts}--{boundary}--")
    };
    let both = of("alternative", "a", &[plain, html]);
    let related = of("related", "r", &[html, image]);
    for raw in [
        plain.to_owned(),
        html.to_owned(),
        image.to_owned(),
        file.to_owned(),
        both.clone(),
        related.clone(),
        of("alternative", "a", &[plain]),
        of("alternative", "a", &[html]),
        of("alternative", "a", &[plain, html, calendar]),
        of("alternative", "o", &[plain, &related]),
        of("alternative", "o", &[plain, &of("mixed", "m", &[html, file])]),
        of("mixed", "o", &[plain, html, image, file, calendar]),
        of("mixed", "o", &[&both, file, plain]),
        of("mixed", "o", &[&of("alternative", "i", &[plain, &related]), file, image]),
        of("related", "o", &[&both, image]),
        of("x-unknown", "o", &[plain, file]),
    ] {
        let structure = Structure::of(raw.as_bytes());
        let theirs = mail_parser::MessageParser::default().parse(&raw).unwrap();
        let numbers = |ids: &[u32]| ids.iter().map(|&id| id as usize).collect::<Vec<_>>();
        let files = structure.parts.iter().enumerate().filter(|(_, part)| part.is_file);
        assert_eq!(structure.text, numbers(&theirs.text_body), "{raw}");
        assert_eq!(structure.html, numbers(&theirs.html_body), "{raw}");
        assert_eq!(
            files.map(|(number, _)| number).collect::<Vec<_>>(),
            numbers(&theirs.attachments),
            "{raw}"
        );
        for (part, theirs) in structure.parts.iter().zip(&theirs.parts) {
            assert_eq!(part.body.start, theirs.offset_body as usize, "{raw}");
            if part.kind != Kind::Multipart {
                assert_eq!(part.body.end, theirs.offset_end as usize, "{raw}");
            }
        }
    }
}
