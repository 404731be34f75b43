//! Plays a script against the engine as the edge would, and tells where it differs.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use mailchute::smtp::{Action, Answer, Config, Question, Session};

use super::outside::Outside;
use super::script::{After, Event, Expected, Script, Step};
use super::words::in_words;

/// More actions than this for one flight are a loop.
const MOST_ACTIONS: usize = 100_000;

/// How the flights of the client are cut on their way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    Whole,
    Octets,
    /// In two, before this octet of the whole input.
    Before(usize),
}

/// Whether the engine tells what the client says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    On,
    Off,
}

/// What must not depend on how the input was cut, for one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    questions: Vec<String>,
    /// What the client said, as it is told.
    lines: Vec<String>,
}

/// What was heard of one step.
#[derive(Debug, Default)]
struct Heard {
    lines: Vec<String>,
    replies: Vec<String>,
    violations: Vec<String>,
    messages: Vec<Vec<u8>>,
    questions: Vec<String>,
    reset: bool,
    /// The engine has asked for the TLS handshake.
    handshake: bool,
    closed: bool,
    stray: Vec<String>,
}

/// `Err` says file, cut, line, and what differs. `Ok` has questions and lines of each step.
pub(crate) fn play(script: &Script, cut: Cut, telling: Telling) -> Result<Vec<Whole>, String> {
    let mut player = Player::new(script);
    if telling == Telling::On {
        player.session.narrate();
    }
    let mut sent = 0;
    let mut whole = Vec::new();
    for (index, step) in script.steps.iter().enumerate() {
        let place = || format!("{}:{}, {cut:?}", script.name, step.line);
        if player.closed && index > 0 {
            return Err(format!("{}: closed before this line\n", place()));
        }
        player.perform(step, cut, sent)?;
        if let Event::Send { octets, .. } = &step.event {
            sent += octets.len();
        }
        let heard = std::mem::take(&mut player.heard);
        differences(&step.expected, &heard).map_err(|diff| format!("{}:\n{diff}", place()))?;
        whole.push(Whole { questions: heard.questions, lines: heard.lines });
    }
    Ok(whole)
}

struct Player<'a> {
    script: &'a Script,
    session: Session,
    outside: Outside,
    body: Vec<u8>,
    heard: Heard,
    closed: bool,
    /// The first flight comes before the answer to `Connect`.
    early: bool,
}

impl<'a> Player<'a> {
    fn new(script: &'a Script) -> Self {
        let mut session = Session::new(Arc::new(Config {
            hostname: "mx.example.org".into(),
            limits: script.limits.clone(),
            bare_newlines: script.bare_newlines,
            lmtp: script.lmtp,
            greeting_delay: script.greeting_delay,
        }));
        if script.implicit_tls {
            session.tls();
        }
        Self {
            script,
            session,
            outside: script.outside.clone(),
            body: Vec::new(),
            heard: Heard::default(),
            closed: false,
            early: script.early,
        }
    }

    fn perform(&mut self, step: &Step, cut: Cut, sent: usize) -> Result<(), String> {
        match &step.event {
            Event::Connect if !self.early => self.connect()?,
            Event::Connect => {}
            Event::Send { octets, uncut_from, eof } => {
                let cuts = cuts_of(cut, sent, octets.len(), *uncut_from);
                let mut start = 0;
                for end in cuts.into_iter().chain([octets.len()]) {
                    self.session.receive(Bytes::copy_from_slice(&octets[start..end]));
                    start = end;
                    if start == octets.len() && *eof {
                        self.session.end_of_input();
                    }
                    self.pump();
                }
                if std::mem::take(&mut self.early) && !self.closed {
                    self.session.answer(Answer::Accept);
                }
            }
            Event::EndOfInput => self.session.end_of_input(),
            Event::Tls => self.session.tls(),
            Event::RefuseData(reply) => self.session.refuse_data(reply.clone()),
            Event::End(reply) => self.session.end(reply.clone()),
        }
        self.pump();
        Ok(())
    }

    /// The greeting, and what `@ after` says has gone before: checked by code only.
    fn connect(&mut self) -> Result<(), String> {
        let hello =
            if self.script.lmtp { "LHLO client.example.org\r\n" } else { "EHLO client.example.org\r\n" };
        let before: [(After, &'static str, &str); 5] = [
            (After::Greeting, "", "220 "),
            (After::Ehlo, hello, "250-"),
            (After::Mail, "MAIL FROM:<a@example.org>\r\n", "250 "),
            (After::Rcpt, "RCPT TO:<b@example.org>\r\n", "250 "),
            (After::Data, "DATA\r\n", "354 "),
        ];
        self.pump();
        for (after, line, code) in before.iter().filter(|(after, ..)| *after <= self.script.after) {
            if !line.is_empty() {
                self.session.receive(Bytes::from_static(line.as_bytes()));
                self.pump();
            }
            let heard = std::mem::take(&mut self.heard);
            if !heard.replies.first().is_some_and(|reply| reply.starts_with(code)) {
                return Err(format!("{}: before {after:?}: {:?}\n", self.script.name, heard.replies));
            }
        }
        Ok(())
    }

    fn pump(&mut self) {
        for _ in 0..MOST_ACTIONS {
            let Some(action) = self.session.poll() else { return };
            if self.closed {
                self.heard.stray.push(format!("after the close: {action:?}"));
                return;
            }
            if matches!(action, Action::Ask(Question::Connect)) && self.early {
                self.heard.questions.push("connect".into());
                continue;
            }
            self.act(action);
        }
        self.heard.stray.push("no end of actions".into());
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Reply { reply, .. } => {
                let mut wire = Vec::new();
                reply.encode(&mut wire);
                let wire = String::from_utf8_lossy(&wire);
                self.heard.replies.extend(wire.split_terminator("\r\n").map(str::to_owned));
            }
            Action::Ask(question) => self.decide(&question),
            Action::Body(octets) => self.body.extend_from_slice(&octets),
            Action::Violation(violation) => self.heard.violations.push(violation.as_str().to_owned()),
            Action::Refused(..) => {}
            Action::Heard(heard) => self.heard.lines.push(heard.text.into_owned()),
            Action::Reset => {
                self.body.clear();
                self.heard.reset = true;
            }
            Action::StartTls => self.heard.handshake = true,
            Action::Close => (self.closed, self.heard.closed) = (true, true),
        }
    }

    fn decide(&mut self, question: &Question) {
        self.heard.questions.push(in_words(question));
        if *question == Question::Message {
            self.heard.messages.push(std::mem::take(&mut self.body));
        }
        let answer = self.outside.answer(question);
        self.session.answer(answer);
    }
}

/// The offsets within one flight at which it is cut.
fn cuts_of(cut: Cut, sent: usize, len: usize, uncut_from: Option<usize>) -> Vec<usize> {
    match cut {
        Cut::Whole => Vec::new(),
        Cut::Octets => (1..len).take_while(|cut| uncut_from.is_none_or(|from| *cut <= from)).collect(),
        Cut::Before(at) => at.checked_sub(sent).filter(|cut| (1..len).contains(cut)).into_iter().collect(),
    }
}

fn differences(expected: &Expected, heard: &Heard) -> Result<(), String> {
    let mut diff = String::new();
    let same = |want: &[String], have: &[String]| {
        want.len() == have.len() && want.iter().zip(have).all(|(want, have)| matches(want, have))
    };
    for (mark, want, have, compared) in [
        ("S", &expected.replies, &heard.replies, true),
        ("V", &expected.violations, &heard.violations, true),
        ("Q", &expected.questions, &heard.questions, !expected.questions.is_empty()),
    ] {
        if compared && !same(want, have) {
            for line in want {
                let _ = writeln!(diff, "  want {mark}: {line}");
            }
            for line in have {
                let _ = writeln!(diff, "  have {mark}: {line}");
            }
        }
    }
    if expected.messages != heard.messages {
        for (word, messages) in [("want", &expected.messages), ("have", &heard.messages)] {
            for message in messages {
                let _ = writeln!(diff, "  {word} B: \"{}\"", message.escape_ascii());
            }
        }
        let (want, have) = (expected.messages.len(), heard.messages.len());
        let _ = writeln!(diff, "  want {want} messages, have {have}");
    }
    if expected.reset && !heard.reset {
        diff.push_str("  want R: the transaction dropped\n");
    }
    if expected.handshake != heard.handshake {
        let _ = writeln!(diff, "  want T: {}, have: {}", expected.handshake, heard.handshake);
    }
    if expected.closed != heard.closed {
        let _ = writeln!(diff, "  want closed: {}, have: {}", expected.closed, heard.closed);
    }
    for stray in &heard.stray {
        let _ = writeln!(diff, "  {stray}");
    }
    if diff.is_empty() { Ok(()) } else { Err(diff) }
}

/// `text...` stands for whatever begins with `text`.
fn matches(want: &str, have: &str) -> bool {
    match want.strip_suffix("...") {
        Some(prefix) => have.starts_with(prefix),
        None => want == have,
    }
}
