//! A whole session: what a client hears does not depend on how its octets were cut on their way.
//!
//! An input is, in this order: an octet of configuration; answers, behind their number; sizes of
//! reads, behind their number; then flights of the client. `0xff` ends a flight and is followed by an
//! octet that says what happens before the next one; `0xff 0xff` is one octet `0xff`.

use super::data::pieces;
use super::dialogue::{Dialogue, Event, delivered};
use super::input::Input;
use crate::smtp::{
    Answer, BareNewlines, Config, Hello, Limits, Mechanism, Mechanisms, Question, Reply, Violation, reply,
};

/// What happens between two flights.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    RefuseData,
    End,
}

/// A flight of the client: its octets leave together.
struct Flight {
    before: Between,
    octets: Vec<u8>,
}

/// What one way of cutting came to.
#[derive(Debug, PartialEq)]
struct Heard {
    events: Vec<Event>,
    violations: Vec<Violation>,
}

/// Plays the input with each flight in one piece, octet by octet, and cut as it says.
pub fn session(input: &[u8]) {
    let mut input = Input::new(input);
    let config = config(&mut input);
    let answers = input.short();
    let sizes = input.short();
    let flights = flights(input.rest());
    let whole = play(&config, answers, &[], &flights);
    for sizes in [&[1][..], sizes] {
        let cut = play(&config, answers, sizes, &flights);
        assert_eq!(cut.events, whole.events, "in reads of {sizes:?}");
        // What comes behind an overrun in the same read has been looked at, else it is never read.
        if !whole.violations.contains(&Violation::DrainLimit) {
            assert_eq!(cut.violations, whole.violations, "in reads of {sizes:?}");
        }
    }
}

fn config(input: &mut Input<'_>) -> Config {
    let (limits, modes) = (input.octet(), input.octet());
    Config {
        hostname: "mx.example".into(),
        limits: Limits {
            message_bytes: [1 << 20, 1000, 100, 10][usize::from(limits & 3)],
            recipients: [1000, 1, 2, 100][usize::from(limits >> 2 & 3)],
            messages: [0, 1, 2, 0][usize::from(limits >> 4 & 3)],
            errors: [10, 0, 1, 3][usize::from(limits >> 6 & 3)],
        },
        bare_newlines: if modes & 1 > 0 { BareNewlines::Pass } else { BareNewlines::Reject },
        lmtp: modes & 2 > 0,
        greeting_delay: modes & 4 > 0,
    }
}

fn play(config: &Config, answers: &[u8], sizes: &[u8], flights: &[Flight]) -> Heard {
    let mut answers = answers.iter().copied();
    let decide = move |question: &Question, accepted: u32| {
        answer(question, accepted, answers.next().unwrap_or_default())
    };
    // With a delay the first flight comes before the greeting.
    let (early, flights) = match flights.split_first() {
        Some((first, rest)) if config.greeting_delay => (Some(&first.octets[..]), rest),
        _ => (None, flights),
    };
    let mut dialogue = Dialogue::new(config.clone(), early, decide);
    let mut sent = early.unwrap_or_default().to_vec();
    for flight in flights {
        match flight.before {
            Between::Nothing => {}
            Between::RefuseData => dialogue.refuse_data(reply::NO_MEMORY),
            Between::End => dialogue.end(reply::SHUTTING_DOWN),
        }
        for read in reads(&mut sent, &flight.octets, sizes) {
            dialogue.receive(&read);
        }
    }
    dialogue.end_of_input();
    Heard { events: dialogue.events(), violations: dialogue.violations() }
}

fn flights(octets: &[u8]) -> Vec<Flight> {
    let mut flights = vec![Flight { before: Between::Nothing, octets: Vec::new() }];
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        let before = match (octet, octets.as_slice().first()) {
            (0xff, Some(0xff)) => None,
            (0xff, Some(b'r')) => Some(Between::RefuseData),
            (0xff, Some(b'e')) => Some(Between::End),
            (0xff, _) => Some(Between::Nothing),
            _ => None,
        };
        if *octet == 0xff {
            octets.next();
        }
        match before {
            Some(before) => flights.push(Flight { before, octets: Vec::new() }),
            None => flights.last_mut().expect("there is a first one").octets.push(*octet),
        }
    }
    flights
}

/// The reads of a flight, given all that was sent before. Behind the line of a verb that must be the last of its group no read ends:
/// whether something stood behind it is what the engine has to tell, and a cut would take that away.
fn reads(sent: &mut Vec<u8>, flight: &[u8], sizes: &[u8]) -> Vec<Vec<u8>> {
    let mut reads: Vec<Vec<u8>> = Vec::new();
    for piece in pieces(flight, sizes) {
        match reads.last_mut() {
            Some(last) if ends_a_group(sent) => last.extend_from_slice(piece),
            _ => reads.push(piece.to_vec()),
        }
        sent.extend_from_slice(piece);
    }
    reads
}

fn ends_a_group(sent: &[u8]) -> bool {
    let Some(lines) = sent.strip_suffix(b"\n") else { return false };
    let line = lines.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    let has = |text: &[u8], verb: &[u8]| text.windows(verb.len()).any(|word| word.eq_ignore_ascii_case(verb));
    let last = [&b"DATA"[..], b"EHLO", b"HELO", b"LHLO", b"STARTTLS", b"XCLIENT"];
    // Behind AUTH any line may be the answer to a challenge.
    last.iter().any(|verb| has(line, verb)) || has(sent, b"AUTH")
}

fn answer(question: &Question, accepted: u32, choice: u8) -> Answer {
    match (question, choice % 8) {
        (_, 7) => Answer::Refuse(reply::SHUTTING_DOWN),
        (_, 6) => Answer::Refuse(reply::MISCONFIGURED),
        (_, 5) => Answer::Refuse(reply::NO_SUCH_USER),
        (Question::Hello(_), offer) => Answer::Capabilities(hello(offer, choice / 8)),
        (Question::Auth(_), 2..=4) => Answer::Challenge(vec![b'c'; usize::from(choice / 8)].into()),
        (Question::Message, 4) => Answer::Each(each(accepted, choice)),
        (Question::Message, _) => delivered(),
        _ => Answer::Accept,
    }
}

fn hello(offer: u8, auth: u8) -> Hello {
    let mechanisms: Mechanisms =
        Mechanism::ALL.into_iter().filter(|mechanism| auth >> (*mechanism as u8) & 1 > 0).collect();
    Hello {
        starttls: offer & 1 > 0,
        tls_required: offer == 3,
        auth: mechanisms,
        prdr: offer & 2 > 0,
        dsn: offer & 4 > 0,
        xclient: offer == 4,
    }
}

/// Replies for recipients, some of each class.
fn each(accepted: u32, choice: u8) -> Vec<Reply> {
    let Answer::Delivered(confirmed) = delivered() else { return Vec::new() };
    let replies = [confirmed, reply::NO_SUCH_USER, reply::BACKEND_SILENT];
    (0..accepted).map(|place| replies[(usize::from(choice / 8) + place as usize) % 3].clone()).collect()
}
