//! BDAT (RFC 3030): chunks are what was announced, octet for octet, and what stands behind is in step.

use super::data::pieces;
use super::dialogue::{Dialogue, Event, accept, config};
use super::input::Input;
use crate::smtp::{BareNewlines, Question, Verb, reply};

/// Octets of a message: few, so that inputs of a fuzzer come beyond.
const LIMIT: u64 = 1000;
/// Refused octets are read on up to this.
const DRAINED: u64 = 4 * LIMIT;

/// One chunk as it is sent.
struct Chunk<'a> {
    /// What stands behind `BDAT `.
    argument: Vec<u8>,
    /// `None`: the argument is the fuzzer's own, and says what it says.
    octets: Option<&'a [u8]>,
    last: bool,
}

/// What the first octet says, sizes of reads, then chunks: each an octet that says how it is spelled,
/// and its octets behind their number.
pub fn bdat(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.octet();
    let sizes = input.short();
    let mut dialogue = if flags & 1 > 0 {
        Dialogue::new(config(LIMIT, BareNewlines::Reject), None, accept)
    } else {
        Dialogue::with_recipient(config(LIMIT, BareNewlines::Reject), accept)
    };
    dialogue.events();
    let (mut sent, mut message, mut ended) = (0_u64, Vec::new(), flags & 1 > 0);
    while !input.is_empty() && !dialogue.is_closed() {
        let chunk = chunk(&mut input);
        let wire = [b"BDAT ", &chunk.argument[..], b"\r\n", chunk.octets.unwrap_or_default()].concat();
        for piece in pieces(&wire, sizes) {
            dialogue.receive(piece);
        }
        let Some(octets) = chunk.octets else {
            return argument(&mut dialogue, &chunk.argument);
        };
        sent += octets.len() as u64;
        message.extend_from_slice(octets);
        let events = dialogue.events();
        if sent > DRAINED {
            return;
        }
        assert_eq!(replies(&events), 1, "a chunk has one reply: {}", wire.escape_ascii());
        let folds = matches!(message.first(), Some(b' ' | b'\t'));
        let expected = (chunk.last && !ended && !folds && message.len() as u64 <= LIMIT).then_some(&message);
        assert_eq!(delivered(&events), expected, "{}", wire.escape_ascii());
        ended |= chunk.last;
        dialogue.receive(b"NOOP\r\n");
        assert_eq!(
            dialogue.events(),
            [Event::reply(Verb::Noop, &reply::NOOP)],
            "behind {}",
            wire.escape_ascii()
        );
    }
}

fn chunk<'a>(input: &mut Input<'a>) -> Chunk<'a> {
    let spelling = input.octet();
    if spelling == u8::MAX {
        return Chunk { argument: input.short().to_vec(), octets: None, last: false };
    }
    let octets = input.short();
    let last = spelling & 1 > 0;
    let zeros = "0".repeat(usize::from(spelling >> 1 & 7));
    let mut argument = format!("{zeros}{}", octets.len());
    match (last, spelling >> 4 & 1 > 0) {
        (false, false) => {}
        (false, true) => argument.push(' '),
        (true, false) => argument.push_str(" LAST"),
        (true, true) => argument.push_str("  laSt \t"),
    }
    Chunk { argument: argument.into(), octets: Some(octets), last }
}

/// An argument that can't be read ends the session: what is behind might be octets of a chunk.
fn argument(dialogue: &mut Dialogue<'_>, argument: &[u8]) {
    dialogue.events();
    let word = argument.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    let is_number = word.is_some_and(|word| word.iter().all(u8::is_ascii_digit));
    let is_line = !argument.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
    if is_line && !is_number {
        assert!(dialogue.is_closed(), "{} is no size", argument.escape_ascii());
    }
    dialogue.receive(b"QUIT\r\n");
    dialogue.end_of_input();
}

fn replies(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Reply(..))).count()
}

fn delivered(events: &[Event]) -> Option<&Vec<u8>> {
    events.iter().find_map(|event| match event {
        Event::Ask(Question::Message, body) => Some(body),
        _ => None,
    })
}
