//! What the engine delivers is what was sent: any octets, any cuts, by DATA and by BDAT.
//!
//! The stuffing is the test client's, written from RFC 5321 §4.5.2, so that it shares no mistake with
//! the engine. Not here: what the stamp prepends.

use std::sync::Arc;

use bytes::Bytes;
use mailchute::smtp::{
    Action, Answer, BareNewlines, Config, Hello, Limits, Question, Reply, Session, Violation, reply,
};
use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::sample::Index;

use crate::support::client::stuffed;

const ENVELOPE: &[u8] = b"MAIL FROM:<a@example.org> BODY=8BITMIME\r\nRCPT TO:<b@example.org>\r\n";

/// A session that heard EHLO, and what it has delivered.
struct Harness {
    session: Session,
    body: Vec<u8>,
    messages: Vec<Vec<u8>>,
    replies: Vec<Reply>,
    violations: Vec<Violation>,
}

impl Harness {
    fn new(bare_newlines: BareNewlines) -> Self {
        let session = Session::new(Arc::new(Config {
            hostname: "mx.example.org".into(),
            limits: Limits { message_bytes: 1_000_000, recipients: 100, messages: 0, errors: 10 },
            bare_newlines,
            lmtp: false,
            greeting_delay: false,
        }));
        let (body, messages, replies, violations) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut harness = Self { session, body, messages, replies, violations };
        harness.pump();
        harness.send(b"EHLO client.example.org\r\n", &[]);
        harness.replies.clear();
        harness
    }

    /// Sends `octets`, cut at `cuts`.
    fn send(&mut self, octets: &[u8], cuts: &[Index]) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
        cuts.sort_unstable();
        let mut start = 0;
        for end in cuts.into_iter().chain([octets.len()]) {
            self.session.receive(Bytes::copy_from_slice(&octets[start..end]));
            start = end;
            self.pump();
        }
    }

    fn pump(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Reply { reply, .. } => self.replies.push(reply),
                Action::Body(octets) => self.body.extend_from_slice(&octets),
                Action::Violation(violation) => self.violations.push(violation),
                Action::Reset => self.body.clear(),
                Action::Close | Action::StartTls | Action::Refused(..) | Action::Heard(_) => {
                    panic!("{action:?}")
                }
                Action::Ask(question) => self.decide(&question),
            }
        }
    }

    fn decide(&mut self, question: &Question) {
        let answer = match question {
            Question::Hello(_) => Answer::Capabilities(Hello::default()),
            Question::Message => {
                self.messages.push(std::mem::take(&mut self.body));
                Answer::Delivered(reply::DELIVERED)
            }
            _ => Answer::Accept,
        };
        self.session.answer(answer);
    }

    fn last_code(&self) -> u16 {
        self.replies.last().map_or(0, Reply::code)
    }
}

/// A body in which what is special is common; it does not begin with white space.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b".".to_vec()),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n.\r\n".to_vec()),
        1 => Just(b"\0".to_vec()),
        2 => Just(b"text ".to_vec()),
        2 => vec(any::<u8>(), 0..40),
    ];
    vec(piece, 0..40).prop_map(|pieces| {
        let body = pieces.concat();
        if matches!(body.first(), Some(b' ' | b'\t')) { [b"x", &body[..]].concat() } else { body }
    })
}

/// DATA carries lines: a body that does not end with one gets its CRLF.
fn as_lines(mut body: Vec<u8>) -> Vec<u8> {
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        body.extend_from_slice(b"\r\n");
    }
    body
}

fn has_bare_newline(body: &[u8]) -> bool {
    body.iter().enumerate().any(|(at, octet)| match octet {
        b'\r' => body.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || body[at - 1] != b'\r',
        _ => false,
    })
}

/// The body in chunks of these sizes, over and over; `LAST` on the last one or on one of no octets.
fn chunked(body: &[u8], sizes: &[usize], last_is_empty: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = body;
    let mut sizes = sizes.iter().cycle();
    while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
        let (chunk, behind) = rest.split_at(rest.len().min(*size));
        let last = if behind.is_empty() && !last_is_empty { " LAST" } else { "" };
        wire.extend_from_slice(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        rest = behind;
    }
    if body.is_empty() || last_is_empty {
        wire.extend_from_slice(b"BDAT 0 LAST\r\n");
    }
    wire
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn data_with_pass_is_delivered_octet_for_octet(body in bodies(), cuts in cuts()) {
        let body = as_lines(body);
        let mut harness = Harness::new(BareNewlines::Pass);
        harness.send(&[ENVELOPE, b"DATA\r\n"].concat(), &[]);
        harness.send(&[stuffed(&body), b"NOOP\r\n".to_vec()].concat(), &cuts);
        prop_assert_eq!(harness.messages, vec![body]);
        prop_assert_eq!(harness.replies.len(), 5);
    }

    #[test]
    fn data_with_reject_is_delivered_exactly_without_bare_newlines(body in bodies(), cuts in cuts()) {
        let body = as_lines(body);
        let bare = has_bare_newline(&body);
        let mut harness = Harness::new(BareNewlines::Reject);
        harness.send(&[ENVELOPE, b"DATA\r\n"].concat(), &[]);
        harness.send(&stuffed(&body), &cuts);
        prop_assert_eq!(harness.last_code(), if bare { 550 } else { 250 });
        prop_assert_eq!(harness.violations.contains(&Violation::BareNewline), bare);
        prop_assert_eq!(harness.messages, if bare { vec![] } else { vec![body] });
        prop_assert_eq!(harness.replies.len(), 4);
    }

    #[test]
    fn bdat_is_delivered_octet_for_octet(
        body in bodies(),
        sizes in vec(1usize..50, 1..6),
        last_is_empty in any::<bool>(),
        cuts in cuts(),
    ) {
        let mut harness = Harness::new(BareNewlines::Reject);
        let wire = [ENVELOPE, &chunked(&body, &sizes, last_is_empty), b"NOOP\r\n"].concat();
        harness.send(&wire, &cuts);
        prop_assert!(harness.replies.iter().all(|reply| reply.code() == 250), "{:?}", harness.replies);
        prop_assert!(harness.violations.is_empty());
        prop_assert_eq!(harness.messages, vec![body]);
    }

    #[test]
    fn two_messages_keep_apart(one in bodies(), two in bodies(), sizes in vec(1usize..50, 1..6), cuts in cuts()) {
        let one = as_lines(one);
        let mut harness = Harness::new(BareNewlines::Pass);
        harness.send(&[ENVELOPE, b"DATA\r\n"].concat(), &[]);
        harness.send(&[&stuffed(&one)[..], ENVELOPE, &chunked(&two, &sizes, false)].concat(), &cuts);
        prop_assert_eq!(harness.messages, vec![one, two]);
    }
}
