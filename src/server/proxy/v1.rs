//! Version 1: one line of text, as a person would read it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Origin, Step};

/// With what every line begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// "So a 108-byte buffer is always enough to store all the line and a trailing zero".
const MAX_LINE: usize = 107;

/// Looks at a line that begins with the signature, after each octet.
pub(super) fn step(head: &[u8]) -> Step {
    if let Some(line) = head.strip_suffix(b"\r\n") {
        let origin = std::str::from_utf8(&line[SIGNATURE.len()..]).ok().and_then(origin);
        return origin.map_or(Step::Malformed, |origin| Step::Known { origin, rest: 0 });
    }
    if head.len() >= MAX_LINE || head.ends_with(b"\n") { Step::Malformed } else { Step::More }
}

fn origin(text: &str) -> Option<Origin> {
    let mut words = text.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // "The receiver must ignore anything presented before the CRLF is found."
        return Some(Origin::Unknown);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let (source_port, destination_port) = (words.next()?, words.next()?);
    let ([address, _], None) = (addresses(family, [source, destination])?, words.next()) else { return None };
    port(destination_port)?;
    Some(Origin::Client(SocketAddr::new(address, port(source_port)?)))
}

fn addresses(family: &str, words: [&str; 2]) -> Option<[IpAddr; 2]> {
    let [source, destination] = match family {
        "TCP4" => words.map(|word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4)),
        "TCP6" => words.map(|word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6)),
        _ => return None,
    };
    Some([source?, destination?])
}

/// A decimal number "without heading zeroes".
fn port(word: &str) -> Option<u16> {
    let digits = word.bytes().all(|octet| octet.is_ascii_digit());
    let canonical = word.len() == 1 || !word.starts_with('0');
    word.parse().ok().filter(|_| digits && canonical)
}
