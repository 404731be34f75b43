//! The parts of a message (`inbox::structure`), and what the page makes of them.

use crate::inbox::content::Content;
use crate::inbox::html;
use crate::inbox::structure::{Kind, MAX_DEPTH, MAX_PARTS, Part, Structure};

/// The input is the message.
pub fn parts(input: &[u8]) {
    let structure = Structure::of(input);
    let parts = &structure.parts;
    assert!((1..=MAX_PARTS).contains(&parts.len()));
    assert!(!structure.is_truncated || parts.len() == MAX_PARTS);
    for (number, part) in parts.iter().enumerate() {
        placed(input, &parts[..number], part);
        within(input, &parts[..number], part);
    }
    for numbers in [&structure.text, &structure.html] {
        assert!(numbers.iter().all(|number| is_shown(parts[*number].kind)));
        let once = |(at, number): (usize, &usize)| !numbers[..at].contains(number);
        assert!(numbers.iter().enumerate().all(once), "{numbers:?}");
    }
    for (number, part) in parts.iter().enumerate() {
        let is_seen = part.is_file || structure.text.contains(&number) || structure.html.contains(&number);
        assert!(is_seen || part.kind == Kind::Multipart, "part {number} is nowhere");
    }
    page(input);
}

fn is_shown(kind: Kind) -> bool {
    matches!(kind, Kind::Plain | Kind::Html | Kind::Media)
}

/// In the message, in order, and over nothing but the multiparts that it is in.
fn placed(input: &[u8], before: &[Part], part: &Part) {
    let Part { header, body, .. } = part;
    assert!(header.start <= header.end && header.end <= body.start && body.start <= body.end);
    assert!(body.end <= input.len());
    assert!(matches!(&input[header.end..body.start], b"" | b"\n" | b"\r\n"));
    // Line ends become CRLF at most.
    assert!(part.octets(input).len() <= 2 * body.len());
    for other in before {
        let is_behind = other.body.end <= header.start || other.body.is_empty();
        assert!(is_behind || other.kind == Kind::Multipart, "{other:?} {part:?}");
    }
}

/// Not too deep, and without a delimiter of what it is in.
fn within(input: &[u8], before: &[Part], part: &Part) {
    let around = |other: &&Part| {
        other.kind == Kind::Multipart
            && other.body.start <= part.header.start
            && part.body.end <= other.body.end
            && part.header.start < other.body.end
    };
    let around: Vec<&Part> = before.iter().filter(around).collect();
    assert!(around.len() <= MAX_DEPTH);
    if part.kind == Kind::Multipart {
        return;
    }
    for boundary in around.iter().filter_map(|multipart| multipart.boundary()) {
        let delimiter = [b"--", boundary].concat();
        let mut lines = input[part.body.clone()].split(|octet| *octet == b'\n');
        assert!(!lines.any(|line| line.trim_ascii_end() == delimiter), "{part:?}");
    }
}

/// What is shown has none of what it may not have.
fn page(input: &[u8]) {
    Content::of(input);
    let Some(document) = html::document(input) else { return };
    let document = document.to_ascii_lowercase();
    // What comes before is ours.
    let document = document.split_once("</style>\n").map_or(document.as_str(), |(_, theirs)| theirs);
    assert!(!document.contains("<link") && !document.contains("<meta") && !document.contains("<iframe"));
    for name in ["href=", "attributename="] {
        let mut found = document.match_indices(name);
        assert!(found.all(|(at, _)| document[..at].ends_with("x-")), "{document}");
    }
}
