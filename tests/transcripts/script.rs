//! The text of a transcript → its steps. The format is described in `tests/smtp/README.md`.

use std::path::Path;

use mailchute::smtp::{BareNewlines, Limits, Reply};

use super::outside::{Outside, reply};

/// How far the dialogue has come when the transcript begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum After {
    Nothing,
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
}

/// What drives the session.
#[derive(Debug)]
pub(crate) enum Event {
    Connect,
    /// One flight of the client. No cut lies behind `uncut_from`; `eof` follows unpolled.
    Send {
        octets: Vec<u8>,
        uncut_from: Option<usize>,
        eof: bool,
    },
    EndOfInput,
    /// The TLS handshake is done.
    Tls,
    RefuseData(Reply),
    End(Reply),
}

/// What must be heard of one step. Empty questions and `reset: false` are not compared.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) replies: Vec<String>,
    pub(crate) violations: Vec<String>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) questions: Vec<String>,
    pub(crate) reset: bool,
    pub(crate) handshake: bool,
    pub(crate) closed: bool,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) event: Event,
    pub(crate) expected: Expected,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) after: After,
    pub(crate) early: bool,
    pub(crate) greeting_delay: bool,
    pub(crate) bare_newlines: BareNewlines,
    pub(crate) limits: Limits,
    pub(crate) lmtp: bool,
    pub(crate) implicit_tls: bool,
    pub(crate) outside: Outside,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    pub(crate) fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let mut parser = Parser::new(name);
        for (index, line) in text.lines().enumerate() {
            parser.line = index + 1;
            parser.take(line);
        }
        assert!(!parser.mark, "{}: nothing behind `@ atomic`", parser.script.name);
        parser.script
    }

    /// The numbers of octets before which the input may be cut, counted over all flights.
    pub(crate) fn cuts(&self) -> Vec<usize> {
        let mut start = 0;
        let mut cuts = Vec::new();
        for step in &self.steps {
            if let Event::Send { octets, uncut_from, .. } = &step.event {
                let last = uncut_from.map_or(octets.len() - 1, |from| from.min(octets.len() - 1));
                cuts.extend((1..=last).map(|cut| start + cut));
                start += octets.len();
            }
        }
        cuts
    }
}

struct Parser {
    script: Script,
    line: usize,
    /// The next client line is the one whose end must arrive with all that follows.
    mark: bool,
    /// The last line was a client's: another one belongs to the same flight.
    sending: bool,
    /// The last line was `B:`: another one goes on with the same message.
    in_body: bool,
}

impl Parser {
    fn new(name: String) -> Self {
        let connect = Step { line: 1, event: Event::Connect, expected: Expected::default() };
        let script = Script {
            name,
            after: After::Nothing,
            early: false,
            greeting_delay: false,
            bare_newlines: BareNewlines::Reject,
            limits: Limits { message_bytes: 1_000_000, recipients: 1000, messages: 0, errors: 10 },
            lmtp: false,
            implicit_tls: false,
            outside: Outside::new(),
            steps: vec![connect],
        };
        Self { script, line: 0, mark: false, sending: false, in_body: false }
    }

    fn take(&mut self, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if let Some(directive) = line.strip_prefix("@ ") {
            return self.directive(directive);
        }
        let (head, text) = line.split_once(':').unwrap_or_else(|| self.fail("no `:`"));
        let text = text.strip_prefix(' ').unwrap_or(text);
        let (kind, times) = match head.split_once('*') {
            Some((kind, times)) => (kind, times.parse().unwrap_or_else(|_| self.fail("a number of times"))),
            None => (head, 1),
        };
        if kind == "C" {
            return self.client(text, times);
        }
        let goes_on = kind == "B" && self.in_body;
        self.sending = false;
        self.in_body = kind == "B";
        let octets = if kind == "B" { self.quoted(text).repeat(times) } else { Vec::new() };
        let expected = &mut self.script.steps.last_mut().unwrap().expected;
        match kind {
            "S" => expected.replies.extend(std::iter::repeat_n(text.to_owned(), times)),
            "V" => expected.violations.extend(std::iter::repeat_n(text.to_owned(), times)),
            "Q" => expected.questions.push(text.to_owned()),
            "B" if goes_on => expected.messages.last_mut().unwrap().extend(octets),
            "B" => expected.messages.push(octets),
            "R" => expected.reset = true,
            "T" => expected.handshake = true,
            "X" => expected.closed = true,
            _ => self.fail("none of C S V Q B R T X"),
        }
    }

    fn client(&mut self, text: &str, times: usize) {
        let unended = text.ends_with('\\') && !text.ends_with("\\\\");
        let text = if unended { &text[..text.len() - 1] } else { text };
        let mut octets = self.unescape(text).repeat(times);
        if !unended {
            octets.extend_from_slice(b"\r\n");
        }
        if !self.sending {
            self.step(Event::Send { octets: Vec::new(), uncut_from: None, eof: false });
        }
        let mark = std::mem::take(&mut self.mark);
        let Event::Send { octets: flight, uncut_from, .. } = &mut self.script.steps.last_mut().unwrap().event
        else {
            unreachable!("a client line belongs to a flight")
        };
        flight.extend(octets);
        if mark {
            // A cut between CR and LF is as good as one before CR: the verb is not complete yet.
            *uncut_from = Some(flight.len() - 1);
        }
        self.sending = true;
        self.in_body = false;
    }

    fn directive(&mut self, directive: &str) {
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        let sending = std::mem::replace(&mut self.sending, false);
        match word {
            "after" => self.script.after = self.after(rest),
            "early" => self.script.early = true,
            "greeting-delay" => self.script.greeting_delay = true,
            "bare-newlines" if rest == "pass" => self.script.bare_newlines = BareNewlines::Pass,
            "limit" => self.limit(rest),
            "lmtp" => self.script.lmtp = true,
            "implicit-tls" => self.script.implicit_tls = true,
            "tls" => self.step(Event::Tls),
            "atomic" => (self.mark, self.sending) = (true, sending),
            "eof" if sending => self.eof_behind_flight(),
            "eof" => self.step(Event::EndOfInput),
            "refuse-data" => self.step(Event::RefuseData(reply(rest))),
            "end" => self.step(Event::End(reply(rest))),
            _ => self.outside(word, rest),
        }
    }

    fn eof_behind_flight(&mut self) {
        if let Event::Send { eof, .. } = &mut self.script.steps.last_mut().unwrap().event {
            *eof = true;
        }
    }

    fn after(&self, word: &str) -> After {
        match word {
            "greeting" => After::Greeting,
            "ehlo" => After::Ehlo,
            "mail" => After::Mail,
            "rcpt" => After::Rcpt,
            "data" => After::Data,
            _ => self.fail("after what?"),
        }
    }

    fn limit(&mut self, rest: &str) {
        let (what, number) = rest.split_once(' ').unwrap_or((rest, ""));
        let number: u32 = number.parse().unwrap_or_else(|_| self.fail("no number"));
        let limits = &mut self.script.limits;
        match what {
            "message" => limits.message_bytes = number.into(),
            "recipients" => limits.recipients = number,
            "messages" => limits.messages = number,
            "errors" => limits.errors = number,
            _ => self.fail("an unknown limit"),
        }
    }

    fn outside(&mut self, word: &str, rest: &str) {
        let mut outside = self.script.outside.clone();
        if !outside.directive(word, rest, |text| self.quoted(text)) {
            self.fail("an unknown directive");
        }
        self.script.outside = outside;
    }

    fn step(&mut self, event: Event) {
        self.script.steps.push(Step { line: self.line, event, expected: Expected::default() });
        self.in_body = false;
    }

    fn quoted(&self, text: &str) -> Vec<u8> {
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        self.unescape(inner.unwrap_or_else(|| self.fail("no quotes")))
    }

    fn unescape(&self, text: &str) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, behind @ ..] = rest {
            rest = behind;
            if *first != b'\\' {
                octets.push(*first);
                continue;
            }
            let (octet, taken) = match behind {
                [b'r', ..] => (b'\r', 1),
                [b'n', ..] => (b'\n', 1),
                [b't', ..] => (b'\t', 1),
                [b'0', ..] => (0, 1),
                [b'\\', ..] => (b'\\', 1),
                [b'"', ..] => (b'"', 1),
                [b'x', high, low, ..] => (self.hex(&[*high, *low]), 3),
                _ => self.fail("an unknown escape"),
            };
            octets.push(octet);
            rest = &rest[taken..];
        }
        octets
    }

    fn hex(&self, digits: &[u8]) -> u8 {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        u8::from_str_radix(digits, 16).unwrap_or_else(|_| self.fail("no hexadecimal digits"))
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{}:{}: {why}", self.script.name, self.line)
    }
}
