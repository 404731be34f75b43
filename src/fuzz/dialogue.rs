//! One session of the protocol engine, watched: whatever it is fed and answered, some things hold.
//!
//! - After the close there is nothing.
//! - MAIL comes before RCPT, RCPT before octets of a message, those before the question for its fate.
//! - A message has a positive reply only for what was confirmed.
//! - No more octets of a message come out than its limit allows.
//! - Between two reads the engine holds less than one line of commands, of a message nothing.
//! - Every reply is well formed on the wire.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::backend::Receipt;
use crate::mail::TransactionId;
use crate::pipeline::outcome::{Settled, Telling, tell};
use crate::smtp::limits::AUTH_LINE;
use crate::smtp::reply::{Class, MAX_LINE, Reply};
use crate::smtp::{Action, Answer, BareNewlines, Config, Limits, Question, Session, Verb, Violation};

/// More actions than this for one read are a loop.
const MOST_ACTIONS: usize = 1_000_000;

/// What a client could hear, and what the outside was asked, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A reply on the wire.
    Reply(Verb, String),
    /// A question; of a message its octets too.
    Ask(Question, Vec<u8>),
    StartTls,
    Close,
}

impl Event {
    pub(super) fn reply(verb: Verb, reply: &Reply) -> Self {
        let mut wire = Vec::new();
        reply.encode(&mut wire);
        Self::Reply(verb, String::from_utf8_lossy(&wire).into_owned())
    }
}

/// Answers a question, given how many recipients were accepted.
type Decide<'a> = Box<dyn FnMut(&Question, u32) -> Answer + 'a>;

/// A session and what is known of it from outside.
pub(super) struct Dialogue<'a> {
    session: Session,
    config: Arc<Config>,
    decide: Decide<'a>,
    early: Option<Bytes>,
    events: Vec<Event>,
    violations: Vec<Violation>,
    body: Vec<u8>,
    sender: bool,
    accepted: u32,
    /// Positive replies to a message that are still to come, at most.
    confirmed: u32,
    closed: bool,
}

impl<'a> Dialogue<'a> {
    /// Begins a session; `early` comes before the answer to [`Question::Connect`].
    pub(super) fn new(
        config: Config,
        early: Option<&[u8]>,
        decide: impl FnMut(&Question, u32) -> Answer + 'a,
    ) -> Self {
        let config = Arc::new(config);
        let mut dialogue = Self {
            session: Session::new(Arc::clone(&config)),
            config,
            decide: Box::new(decide),
            early: early.map(Bytes::copy_from_slice),
            events: Vec::new(),
            violations: Vec::new(),
            body: Vec::new(),
            sender: false,
            accepted: 0,
            confirmed: 0,
            closed: false,
        };
        // Nothing else may depend on whether it is told what the client says.
        dialogue.session.narrate();
        dialogue.pump();
        dialogue
    }

    /// One that has come to where a message may begin.
    pub(super) fn with_recipient(config: Config, decide: impl FnMut(&Question, u32) -> Answer + 'a) -> Self {
        let mut dialogue = Self::new(config, None, decide);
        for line in ["EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@d.example>\r\n"] {
            dialogue.receive(line.as_bytes());
        }
        dialogue.events.clear();
        dialogue
    }

    /// The client has sent this, in one piece.
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.session.receive(Bytes::copy_from_slice(octets));
        self.pump();
    }

    /// The client will send no more.
    pub(super) fn end_of_input(&mut self) {
        self.session.end_of_input();
        self.pump();
        assert!(self.closed || self.session.is_closed(), "without input there is nothing to wait for");
    }

    /// The message that comes in is refused from outside.
    pub(super) fn refuse_data(&mut self, reply: Reply) {
        self.session.refuse_data(reply);
        self.pump();
    }

    /// The session is to end.
    pub(super) fn end(&mut self, reply: Reply) {
        self.session.end(reply);
        self.pump();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// What happened since this was called last.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What was counted, in any order.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        violations.sort_unstable();
        violations
    }

    /// The octets of the message that came out so far.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    fn pump(&mut self) {
        for _ in 0..MOST_ACTIONS {
            let Some(action) = self.session.poll() else {
                return self.holds_little();
            };
            assert!(!self.closed, "after the close: {action:?}");
            self.act(action);
        }
        assert!(self.closed, "no end of actions");
    }

    fn holds_little(&self) {
        let waiting = self.session.waiting();
        assert!(waiting < AUTH_LINE, "{waiting} octets wait");
        assert!(
            waiting == 0 || !(self.session.in_data() || self.closed),
            "{waiting} octets of a message wait"
        );
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Reply { verb, reply } => self.hear(verb, &reply),
            Action::Ask(question) => self.ask(question),
            Action::Body(octets) => {
                assert!(self.accepted > 0, "octets of a message for nobody");
                self.body.extend_from_slice(&octets);
                assert!(self.body.len() as u64 <= self.config.limits.message_bytes);
            }
            Action::Violation(violation) => self.violations.push(violation),
            Action::Reset => self.forget(),
            Action::Refused(..) => {}
            Action::Heard(heard) => {
                assert!(!heard.text.contains(char::is_control), "{heard:?} is told");
            }
            Action::StartTls => {
                self.forget();
                self.events.push(Event::StartTls);
                self.session.tls();
            }
            Action::Close => {
                self.closed = true;
                assert!(self.session.is_closed());
                self.events.push(Event::Close);
            }
        }
    }

    fn hear(&mut self, verb: Verb, reply: &Reply) {
        assert!(is_well_formed(reply), "{reply:?}");
        if verb == Verb::Message && is_positive(reply) {
            assert!(self.confirmed > 0, "nobody confirmed what {reply} says");
            self.confirmed -= 1;
        }
        self.events.push(Event::reply(verb, reply));
    }

    fn ask(&mut self, question: Question) {
        let early = if question == Question::Connect { self.early.take() } else { None };
        if let Some(early) = early {
            assert_eq!(self.session.poll(), None, "a question is open");
            self.session.receive(early);
        }
        let body = if question == Question::Message { std::mem::take(&mut self.body) } else { Vec::new() };
        let answer = (self.decide)(&question, self.accepted);
        let yes = !matches!(answer, Answer::Refuse(_));
        match &question {
            Question::Sender(_) => {
                assert!(!self.sender, "two senders");
                self.sender = yes;
            }
            Question::Recipient(_) => {
                assert!(self.sender, "a recipient without a sender");
                assert!(self.accepted < self.config.limits.recipients);
                self.accepted += u32::from(yes);
            }
            Question::Message => {
                assert!(self.accepted > 0, "a message for nobody");
                self.confirmed = self.confirmations(&answer);
                self.forget();
            }
            _ => {}
        }
        self.events.push(Event::Ask(question, body));
        self.session.answer(answer);
    }

    fn confirmations(&self, answer: &Answer) -> u32 {
        match answer {
            Answer::Delivered(_) if self.config.lmtp => self.accepted,
            Answer::Delivered(_) => 1,
            Answer::Each(replies) => {
                let positive: u32 = replies.iter().map(|reply| u32::from(is_positive(reply))).sum();
                // PRDR has one more for all of them.
                if positive > 0 && !self.config.lmtp { positive + 1 } else { positive }
            }
            _ => 0,
        }
    }

    fn forget(&mut self) {
        (self.sender, self.accepted) = (false, 0);
        self.body.clear();
    }
}

/// The configuration of most dialogues.
pub(super) fn config(message_bytes: u64, bare_newlines: BareNewlines) -> Config {
    Config {
        hostname: "mx.example".into(),
        limits: Limits { message_bytes, recipients: 100, messages: 0, errors: 0 },
        bare_newlines,
        lmtp: false,
        greeting_delay: false,
    }
}

/// What a backend's receipt becomes.
pub(super) fn delivered() -> Answer {
    let id = TransactionId::new(SystemTime::UNIX_EPOCH, [7; 10]);
    tell((&[Ok(Receipt::default())], &Settled::default()), 1, Telling::Once, id).answer
}

/// Accepts everything.
pub(super) fn accept(question: &Question, _: u32) -> Answer {
    if *question == Question::Message { delivered() } else { Answer::Accept }
}

fn is_positive(reply: &Reply) -> bool {
    reply.class() == Class::Positive
}

/// RFC 5321 §4.2, RFC 2034 §4: lines of printable text, each with the same code, classes that agree.
pub(super) fn is_well_formed(reply: &Reply) -> bool {
    let mut wire = Vec::new();
    reply.encode(&mut wire);
    let Some(text) = std::str::from_utf8(&wire).ok().and_then(|text| text.strip_suffix("\r\n")) else {
        return false;
    };
    let lines: Vec<&str> = text.split("\r\n").collect();
    let code = reply.code().to_string();
    lines.iter().enumerate().all(|(index, line)| {
        let separator = if index + 1 == lines.len() { " " } else { "-" };
        let rest = line.strip_prefix(&code).and_then(|rest| rest.strip_prefix(separator));
        let agrees = reply.enhanced().is_none_or(|enhanced| enhanced.starts_with(&code[..1]));
        rest.is_some() && agrees && !line.contains(char::is_control) && line.len() + 2 <= MAX_LINE
    })
}
