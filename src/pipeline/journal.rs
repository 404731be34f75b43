//! What is said in a session, as it is said: kept for the accounts of its transactions, and for nothing else.
//!
//! What is said outside transactions is the beginning of all that follow. What is said in one is kept until the next
//! one begins.

use std::time::{Duration, Instant, SystemTime};

use super::account::{Line, Who};
use crate::smtp::{Heard, Part, Reply};

/// Lines that one session, and one transaction of it, may have.
const MAX_LINES: usize = 1000;
/// Octets of their text.
const MAX_OCTETS: usize = 128 * 1024;
/// Stands for what is not kept.
const MORE: &str = "(more was said than is kept)";
/// RFC 4954 §4: the code of a challenge. It may hold what helps to guess a password.
const CHALLENGE: u16 = 334;

/// The conversation of one session.
#[derive(Debug)]
pub(super) struct Journal {
    began: Instant,
    pub(super) began_at: SystemTime,
    session: Lines,
    transaction: Lines,
    /// What is said next belongs to the transaction.
    within: bool,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<Line>,
    octets: usize,
    full: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            began_at: SystemTime::now(),
            session: Lines::default(),
            transaction: Lines::default(),
            within: false,
        }
    }
}

impl Journal {
    /// The client has said this.
    pub(super) fn heard(&mut self, heard: Heard) {
        let Heard { text, part } = heard;
        if part == Part::Beginning {
            self.transaction = Lines::default();
        }
        self.within = part != Part::Session;
        self.add(Who::Client, &text);
    }

    /// We say this.
    pub(super) fn said(&mut self, reply: &Reply) {
        match reply.code() {
            CHALLENGE => self.add(Who::Server, &format!("{CHALLENGE} (withheld)")),
            _ => self.add(Who::Server, &shown(reply)),
        }
    }

    /// This has happened.
    pub(super) fn noted(&mut self, text: &str) {
        self.add(Who::Note, text);
    }

    /// How the session began, and its last transaction.
    pub(super) fn transcript(&self) -> Vec<Line> {
        let mut transcript = [&self.session.lines[..], &self.transaction.lines].concat();
        // What is said between transactions, or in place of one, stands where it was said.
        transcript.sort_by_key(|line| line.at);
        transcript
    }

    fn add(&mut self, who: Who, text: &str) {
        let lines = if self.within { &mut self.transaction } else { &mut self.session };
        lines.add(self.began.elapsed(), who, text);
    }
}

impl Lines {
    fn add(&mut self, at: Duration, who: Who, text: &str) {
        if self.full {
            return;
        }
        self.octets += text.len();
        self.full = self.lines.len() + 1 == MAX_LINES || self.octets > MAX_OCTETS;
        let (who, text) = if self.full { (Who::Note, MORE) } else { (who, text) };
        self.lines.push(Line { at, who, text: text.into() });
    }
}

/// A reply as it is said, its lines parted by `\n`.
pub(super) fn shown(reply: &Reply) -> String {
    let mut octets = Vec::new();
    reply.encode(&mut octets);
    String::from_utf8_lossy(&octets).trim_end().replace("\r\n", "\n")
}

#[cfg(test)]
mod tests;
