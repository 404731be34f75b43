//! The messages of a load, and what a backend tells of them.

use std::fmt::Write;
use std::path::Path;

use super::recorder::Received;

/// Message number `number`: its length, its dots and its text depend on the number alone.
pub(crate) fn text(number: usize) -> Vec<u8> {
    of_lines(number, number * 7 % 90)
}

/// The same with so many lines.
pub(crate) fn of_lines(number: usize, lines: usize) -> Vec<u8> {
    let mut text = format!(
        "Message-ID: <{number}.{lines}@load.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
         From: <sender@load.example>\r\nSubject: number {number}\r\n\r\n"
    );
    for line in 0..lines {
        let dot = if line % 5 == 0 { "." } else { "" };
        write!(text, "{dot}line {line} of message {number}\r\n").unwrap();
    }
    text.into_bytes()
}

/// A message as the backend took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Which one; from its Message-ID.
    pub(crate) number: usize,
    /// Its dedupe key.
    pub(crate) key: String,
}

impl Taken {
    /// What a request brought. The message in it must be whole and unchanged.
    pub(crate) fn of(received: &Received) -> Self {
        let body = String::from_utf8_lossy(&received.body);
        let (_, behind) = body.split_once("\r\nMessage-ID: <").unwrap();
        let (number, lines) = behind.split('@').next().unwrap().split_once('.').unwrap();
        let number = number.parse().unwrap();
        received.assert_carries(&of_lines(number, lines.parse().unwrap()));
        let key = received.header("ce-dedupekey").to_owned();
        assert_eq!(received.header("idempotency-key"), format!("\"{key}\""));
        Self { number, key }
    }

    /// As a line of the log.
    pub(crate) fn line(&self) -> String {
        format!("{} {}\n", self.number, self.key)
    }

    /// All lines of a log.
    pub(crate) fn read(log: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let taken = |line: &str| {
            let (number, key) = line.split_once(' ').unwrap();
            Self { number: number.parse().unwrap(), key: key.to_owned() }
        };
        text.lines().map(taken).collect()
    }
}
