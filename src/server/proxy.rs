//! The header of the PROXY protocol (HAProxy, `proxy-protocol.txt`), versions 1 and 2. Sans-io.
//!
//! A [`Parser`] is fed octets as they come, in pieces of any size, and says as soon as it can what they
//! are. It never holds more than a header of version 1 (107 octets); whatever stands behind the
//! addresses of version 2, up to 64 KiB of TLVs, is counted and dropped as it comes. CRC32c, a TLV
//! that a receiver may check, is dropped with the others: TCP has a checksum of its own.
//!
//! Who may send a header, and how long to wait for it, is not decided here but in `arrival`.

use std::net::SocketAddr;

mod v1;
mod v2;

#[cfg(test)]
mod tests;

/// On whose behalf the proxy has connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its own (`LOCAL`), as for a health check.
    Proxy,
    /// That of somebody whose address it can't tell (`UNKNOWN`, or no TCP over IP).
    Unknown,
    /// That of this client.
    Client(SocketAddr),
}

/// What the octets so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// Not to be told yet: they may be the beginning of a header.
    Incomplete,
    /// A whole header.
    Header(Origin),
    /// No header, from the first octet that differs.
    Absent,
    /// The beginning of a header that breaks the protocol.
    Malformed,
}

/// Reads one header.
#[derive(Debug, Default)]
pub struct Parser {
    /// The header so far, as long as it has to be looked at.
    head: Vec<u8>,
    /// All is known but for this many octets, which are dropped.
    rest: Option<(Origin, usize)>,
}

impl Parser {
    /// Takes octets and says what all of them are so far, with how many of these belong to it: what
    /// stands behind a header is the client's.
    pub fn feed(&mut self, octets: &[u8]) -> (Parsed, usize) {
        let mut fed = 0;
        loop {
            if let Some((origin, rest)) = &mut self.rest {
                let dropped = (octets.len() - fed).min(*rest);
                *rest -= dropped;
                fed += dropped;
                let parsed = if *rest == 0 { Parsed::Header(*origin) } else { Parsed::Incomplete };
                return (parsed, fed);
            }
            let Some(octet) = octets.get(fed) else { return (Parsed::Incomplete, fed) };
            self.head.push(*octet);
            fed += 1;
            match step(&self.head) {
                Step::More => {}
                Step::Known { origin, rest } => self.rest = Some((origin, rest)),
                Step::Absent => return (Parsed::Absent, fed),
                Step::Malformed => return (Parsed::Malformed, fed),
            }
        }
    }

    /// All octets that were fed, where they are no header.
    pub fn into_octets(self) -> Vec<u8> {
        self.head
    }

    /// Whether nothing was fed yet.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }
}

/// What `octets` are, with how many of them belong to the header.
pub fn parse(octets: &[u8]) -> (Parsed, usize) {
    Parser::default().feed(octets)
}

/// What one octet more has brought.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    /// Nothing more has to be looked at; `rest` octets of the header are still to come.
    Known {
        origin: Origin,
        rest: usize,
    },
    Absent,
    Malformed,
}

fn step(head: &[u8]) -> Step {
    if head.starts_with(v1::SIGNATURE) {
        v1::step(head)
    } else if head.starts_with(v2::SIGNATURE) {
        v2::step(head)
    } else if v1::SIGNATURE.starts_with(head) || v2::SIGNATURE.starts_with(head) {
        Step::More
    } else {
        Step::Absent
    }
}
