//! DATA: where it ends and what comes out (RFC 5321 §4.5.2), against a plain reading of the whole.

use super::dialogue::{Dialogue, Event, accept, config};
use super::input::Input;
use crate::smtp::{BareNewlines, Question, Verb, Violation};

const LIMIT: u64 = 1 << 20;

/// What the octets of one DATA mean.
struct Meaning<'a> {
    message: Vec<u8>,
    bare_newline: bool,
    behind: &'a [u8],
}

/// The first octet says what bare newlines get, then sizes of reads, then what is behind `354`.
pub fn data(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.octet();
    let sizes = input.short();
    let wire = input.rest();
    let bare_newlines = if flags & 1 > 0 { BareNewlines::Pass } else { BareNewlines::Reject };
    let mut dialogue = Dialogue::with_recipient(config(LIMIT, bare_newlines), accept);
    dialogue.receive(b"DATA\r\n");
    let meaning = meaning(wire);
    let text = meaning.as_ref().map_or(wire, |meaning| &wire[..wire.len() - meaning.behind.len()]);
    for piece in pieces(text, sizes) {
        dialogue.receive(piece);
    }
    let Some(meaning) = meaning else { return unended(&mut dialogue) };
    let folds = matches!(meaning.message.first(), Some(b' ' | b'\t'));
    let refused = folds || (meaning.bare_newline && bare_newlines == BareNewlines::Reject);
    let counted = dialogue.violations().contains(&Violation::BareNewline);
    assert_eq!(counted, meaning.bare_newline, "{}", wire.escape_ascii());
    let events = dialogue.events();
    let delivered = events.iter().find_map(|event| match event {
        Event::Ask(Question::Message, body) => Some(body),
        _ => None,
    });
    assert_eq!(delivered.is_none(), refused, "{}", wire.escape_ascii());
    if let Some(delivered) = delivered {
        assert!(*delivered == meaning.message, "{}", wire.escape_ascii());
    }
    let replies = events.iter().filter(|event| matches!(event, Event::Reply(Verb::Message, _)));
    assert_eq!(replies.count(), 1, "one message has one reply");
}

fn unended(dialogue: &mut Dialogue<'_>) {
    let asked = |event: &Event| matches!(event, Event::Ask(..) | Event::Reply(Verb::Message, _));
    assert!(!dialogue.events().iter().any(asked), "it has not ended");
    dialogue.end_of_input();
    assert!(!dialogue.events().iter().any(asked), "half a message is none");
    assert!(dialogue.is_closed());
    // The octets before the end are a defect of ours no more than of the client: they are forgotten.
    assert!(dialogue.body().is_empty());
}

/// Line by line: a dot alone ends it, another dot that begins a line goes.
fn meaning(wire: &[u8]) -> Option<Meaning<'_>> {
    let (mut message, mut bare_newline, mut rest) = (Vec::new(), false, wire);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, behind) = (&rest[..end], &rest[end + 2..]);
        if line == b"." {
            return Some(Meaning { message, bare_newline, behind });
        }
        bare_newline |= line.contains(&b'\r') || line.contains(&b'\n');
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        message.extend_from_slice(b"\r\n");
        rest = behind;
    }
}

/// Cuts octets into reads of these sizes, over and over; no size for one read.
pub(super) fn pieces<'a>(octets: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().copied().filter(|size| *size > 0).cycle();
    let mut rest = octets;
    std::iter::from_fn(move || {
        let size = sizes.next().map_or(rest.len(), usize::from).min(rest.len());
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}
