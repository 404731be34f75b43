//! The messages of the load, and what the backend's log tells of them.

use std::fmt::Write;
use std::path::Path;

use crate::support::recorder::Received;

/// Message number `number`: its length, its dots and its text depend on the number alone.
pub(crate) fn text(number: usize) -> Vec<u8> {
    let mut text = format!(
        "Message-ID: <{number}@chaos.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
         From: <sender@chaos.example>\r\nSubject: number {number}\r\n\r\n"
    );
    for line in 0..number * 7 % 90 {
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
        let number = behind.split('@').next().unwrap().parse().unwrap();
        received.assert_carries(&text(number));
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
