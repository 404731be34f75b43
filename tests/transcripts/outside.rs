//! The outside of the engine in a transcript: what it offers, and how it answers.

use std::collections::VecDeque;

use bytes::Bytes;
use mailchute::smtp::reply::Enhanced;
use mailchute::smtp::{Answer, AuthStep, Hello, Mechanism, Question, Reply};

/// Which question a scripted refusal answers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Connect,
    Hello,
    Sender(String),
    Recipient(String),
    Xclient,
    Message,
}

/// What the directives of a script say of it. A run uses up a clone.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) offered: Hello,
    refusals: Vec<(Asked, Reply)>,
    /// The answers to AUTH, in order; then all is accepted.
    auth: VecDeque<Answer>,
    each: Vec<Reply>,
    delivered: Reply,
}

impl Outside {
    pub(crate) fn new() -> Self {
        Self {
            offered: Hello::default(),
            refusals: Vec::new(),
            auth: VecDeque::new(),
            each: Vec::new(),
            delivered: reply("250 2.0.0 Ok"),
        }
    }

    /// Takes a directive, if it is one about the outside. `quoted` reads `"text"`.
    pub(crate) fn directive(&mut self, word: &str, rest: &str, quoted: impl Fn(&str) -> Vec<u8>) -> bool {
        match word {
            "starttls" => self.offered.starttls = true,
            "tls-required" => self.offered.tls_required = true,
            "prdr" => self.offered.prdr = true,
            "dsn" => self.offered.dsn = true,
            "xclient" => self.offered.xclient = true,
            "auth" => self.offered.auth = rest.split(' ').map(mechanism).collect(),
            "accept" if rest == "auth" => self.auth.push_back(Answer::Accept),
            "challenge" => self.auth.push_back(Answer::Challenge(quoted(rest).into())),
            "each" => self.each.push(reply(rest)),
            "deliver" => self.delivered = reply(rest),
            "refuse" => return self.refuse(rest),
            _ => return false,
        }
        true
    }

    fn refuse(&mut self, rest: &str) -> bool {
        let (asked, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        let (who, behind) = tail.split_once(' ').unwrap_or((tail, ""));
        let refusal = match asked {
            "connect" => (Asked::Connect, reply(tail)),
            "hello" => (Asked::Hello, reply(tail)),
            "message" => (Asked::Message, reply(tail)),
            "xclient" => (Asked::Xclient, reply(tail)),
            "sender" => (Asked::Sender(who.to_owned()), reply(behind)),
            "recipient" => (Asked::Recipient(who.to_owned()), reply(behind)),
            "auth" => {
                self.auth.push_back(Answer::Refuse(reply(tail)));
                return true;
            }
            _ => return false,
        };
        self.refusals.push(refusal);
        true
    }

    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        let refusal = self.refusals.iter().find(|(asked, _)| is_about(asked, question));
        if let Some((_, reply)) = refusal {
            return Answer::Refuse(reply.clone());
        }
        match question {
            Question::Hello(_) => Answer::Capabilities(self.offered),
            Question::Auth(AuthStep::Begin(..) | AuthStep::Response(_)) => {
                self.auth.pop_front().unwrap_or(Answer::Accept)
            }
            Question::Message if !self.each.is_empty() => Answer::Each(self.each.clone()),
            Question::Message => Answer::Delivered(self.delivered.clone()),
            // What is said to a cancelled exchange must not matter.
            Question::Auth(AuthStep::Cancel) => Answer::Challenge(Bytes::from_static(b"forgotten")),
            _ => Answer::Accept,
        }
    }
}

fn is_about(asked: &Asked, question: &Question) -> bool {
    match (asked, question) {
        (Asked::Connect, Question::Connect)
        | (Asked::Hello, Question::Hello(_))
        | (Asked::Xclient, Question::Xclient(_))
        | (Asked::Message, Question::Message) => true,
        (Asked::Sender(who), Question::Sender(sender)) => {
            who == "*" || *who == sender.reverse_path.to_string()
        }
        (Asked::Recipient(who), Question::Recipient(recipient)) => {
            who == "*" || *who == recipient.forward_path.to_string()
        }
        _ => false,
    }
}

fn mechanism(name: &str) -> Mechanism {
    let known = Mechanism::ALL.into_iter().find(|mechanism| mechanism.as_str() == name);
    known.unwrap_or_else(|| panic!("not a mechanism: {name:?}"))
}

/// `550 5.1.1 text`.
pub(crate) fn reply(text: &str) -> Reply {
    let mut words = text.splitn(3, ' ');
    let code = words.next().and_then(|code| code.parse().ok());
    let mut enhanced = words.next().unwrap_or_default().split('.').skip(1).map(|part| part.parse().ok());
    let (subject, detail) = (enhanced.next().flatten(), enhanced.next().flatten());
    match (code, subject, detail) {
        (Some(code), Some(subject), Some(detail)) => {
            Reply::from_parts(code, Some(Enhanced { subject, detail }), words.next().unwrap_or_default())
                .unwrap()
        }
        _ => panic!("not a reply with an enhanced code: {text:?}"),
    }
}
