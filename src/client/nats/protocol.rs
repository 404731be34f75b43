//! What a NATS server and its client say to each other: lines, some with octets behind them.
//!
//! Text in, operations out; no socket. Source: the NATS client protocol, and ADR-4 for headers.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

/// Octets of a line: INFO tells of every server of a cluster.
const MAX_LINE: usize = 64 * 1024;
/// Octets of a message to us: an acknowledgement, or what a stream is like.
const MAX_MESSAGE: usize = 1024 * 1024;
const CRLF: &[u8] = b"\r\n";

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// What it is like.
    Info(Box<Info>),
    /// A message to a subject that we have subscribed to.
    Message(Message),
    /// It wants to know whether we are there.
    Ping,
    /// It is there.
    Pong,
    /// All is well; only where that was asked for.
    Ok,
    /// What is wrong, in its words.
    Error(String),
}

/// What a server is like, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    /// Whether messages may have headers.
    pub(super) headers: bool,
    /// Octets of headers and message together.
    max_payload: Option<u64>,
    /// TLS has to begin now.
    pub(super) tls_required: bool,
    /// TLS may begin now.
    pub(super) tls_available: bool,
    /// What is to be signed.
    pub(super) nonce: String,
}

impl Info {
    /// Octets of headers and message together, where it is said.
    pub(super) fn room(&self) -> Option<u64> {
        self.max_payload.filter(|room| *room > 0)
    }
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    /// The status of its first header line (ADR-4): no message of anybody's, but word of the server.
    pub(super) status: Option<u16>,
    pub(super) payload: Bytes,
}

/// What is no NATS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes the next operation off the front of what was read; nothing until it is whole.
pub(super) fn next(read: &mut BytesMut) -> Result<Option<Operation>, Malformed> {
    let Some(end) = memchr::memmem::find(read, CRLF) else {
        return if read.len() > MAX_LINE { Err(Malformed) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&read[..end]).map_err(|_| Malformed)?;
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let operation = match word.to_ascii_uppercase().as_str() {
        "INFO" => Operation::Info(serde_json::from_str(rest).map_err(|_| Malformed)?),
        "MSG" | "HMSG" => return message(read, end),
        "PING" => Operation::Ping,
        "PONG" => Operation::Pong,
        "+OK" => Operation::Ok,
        "-ERR" => Operation::Error(rest.trim().trim_matches('\'').to_owned()),
        _ => return Err(Malformed),
    };
    read.advance(end + CRLF.len());
    Ok(Some(operation))
}

/// `MSG subject sid [reply] size` or `HMSG subject sid [reply] size-of-headers size`, and so many octets.
fn message(read: &mut BytesMut, end: usize) -> Result<Option<Operation>, Malformed> {
    let line = std::str::from_utf8(&read[..end]).map_err(|_| Malformed)?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let with_headers = words[0].eq_ignore_ascii_case("HMSG");
    let number = |from_end: usize| {
        let word = words.len().checked_sub(from_end).filter(|at| *at >= 3).and_then(|at| words.get(at));
        word.and_then(|word| word.parse::<usize>().ok()).filter(|size| *size <= MAX_MESSAGE).ok_or(Malformed)
    };
    let size = number(1)?;
    let headers = if with_headers { number(2)? } else { 0 };
    let subject = words.get(1).ok_or(Malformed)?;
    let start = end + CRLF.len();
    if headers > size {
        return Err(Malformed);
    }
    if read.len() < start + size + CRLF.len() {
        return Ok(None);
    }
    let subject = (*subject).to_owned();
    read.advance(start);
    let octets = read.split_to(size).freeze();
    if read.split_to(CRLF.len()) != CRLF {
        return Err(Malformed);
    }
    let status = status(&octets[..headers]);
    Ok(Some(Operation::Message(Message { subject, status, payload: octets.slice(headers..) })))
}

/// `NATS/1.0 503` and what may stand behind it.
fn status(headers: &[u8]) -> Option<u16> {
    let line = headers.split(|octet| *octet == b'\r').next()?;
    std::str::from_utf8(line).ok()?.strip_prefix("NATS/1.0 ")?.split(' ').next()?.parse().ok()
}

/// Octets to write, in pieces that are not copied.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Bytes>,
    left: usize,
}

impl Pieces {
    /// One piece more.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.left += piece.len();
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }
}

impl From<String> for Pieces {
    fn from(text: String) -> Self {
        let mut pieces = Self::default();
        pieces.push(text.into());
        pieces
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.pieces);
        filled.map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        self.left -= count;
        while let Some(front) = self.pieces.front_mut() {
            if count < front.len() {
                return front.advance(count);
            }
            count -= front.len();
            self.pieces.pop_front();
        }
    }
}

/// A message to `subject`, to be answered to `reply`; `headers` is their whole block.
pub(super) fn publish(
    subject: &str,
    reply: &str,
    headers: Bytes,
    body: impl Iterator<Item = Bytes>,
) -> Pieces {
    let mut pieces = Pieces::default();
    let size = headers.len();
    pieces.push(headers);
    body.for_each(|piece| pieces.push(piece));
    let line = match size {
        0 => format!("PUB {subject} {reply} {}\r\n", pieces.left),
        _ => format!("HPUB {subject} {reply} {size} {}\r\n", pieces.left),
    };
    pieces.left += line.len();
    pieces.pieces.push_front(line.into());
    pieces.push(Bytes::from_static(CRLF));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "INFO {\"max_payload\":1048576,\"headers\":true,\"nonce\":\"abc\",\"port\":4222} \r\n\
        +OK\r\nPING\r\nMSG in.1 1 5\r\nhe\r\no\r\nMSG in.2 9 back 0\r\n\r\n\
        HMSG in.3 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nHMSG in.4 1 back 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n\
        pong\r\n-ERR 'Authorization Violation'\r\n";

    fn heard() -> Vec<Operation> {
        let message = |subject: &str, status, payload: &'static str| {
            Operation::Message(Message { subject: subject.to_owned(), status, payload: payload.into() })
        };
        let info =
            Info { headers: true, max_payload: Some(1_048_576), nonce: "abc".to_owned(), ..Info::default() };
        vec![
            Operation::Info(Box::new(info)),
            Operation::Ok,
            Operation::Ping,
            message("in.1", None, "he\r\no"),
            message("in.2", None, ""),
            message("in.3", Some(503), ""),
            message("in.4", None, "hi"),
            Operation::Pong,
            Operation::Error("Authorization Violation".to_owned()),
        ]
    }

    #[test]
    fn operations_are_read_at_every_cut() {
        for cut in 0..=SAID.len() {
            let (mut read, mut operations) = (BytesMut::new(), Vec::new());
            for part in [&SAID[..cut], &SAID[cut..]] {
                read.extend_from_slice(part.as_bytes());
                while let Some(operation) = next(&mut read).unwrap() {
                    operations.push(operation);
                }
            }
            assert_eq!(operations, heard(), "cut at {cut}");
            assert!(read.is_empty());
        }
    }

    #[test]
    fn what_is_no_nats_is_refused() {
        for text in [
            "220 mx.example ESMTP\r\n",
            "INFO {\r\n",
            "MSG a 1\r\n",
            "MSG a 1 x\r\n",
            "MSG a 1 1048577\r\n",
            "HMSG a 1 5 4\r\nabcd\r\n",
            "HMSG a 1 5\r\n",
            "MSG a 1 1\r\nabc",
            "\r\n",
        ] {
            assert_eq!(next(&mut text.into()), Err(Malformed), "{text}");
        }
        assert_eq!(next(&mut BytesMut::from(&*vec![b'x'; MAX_LINE + 1])), Err(Malformed));
    }

    #[test]
    fn what_is_published_is_framed() {
        let body = ["ab", "", "cd\r\n"].map(Bytes::from);
        let mut pieces = publish("s", "r", "NATS/1.0\r\nA: b\r\n\r\n".into(), body.clone().into_iter());
        let all = pieces.copy_to_bytes(pieces.remaining());
        assert_eq!(all, "HPUB s r 18 24\r\nNATS/1.0\r\nA: b\r\n\r\nabcd\r\n\r\n");
        let mut pieces = publish("s", "r", Bytes::new(), body.into_iter());
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(pieces.chunks_vectored(&mut slices), 4);
        pieces.advance(12);
        assert_eq!(pieces.copy_to_bytes(pieces.remaining()), "bcd\r\n\r\n");
    }
}
