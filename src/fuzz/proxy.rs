//! The header of the PROXY protocol (`server::proxy`): the same in any pieces, and never held whole.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::data::pieces;
use super::input::Input;
use crate::server::proxy::{Origin, Parsed, Parser, parse};

/// Octets of the longest header: fixed part and TLVs of version 2.
const LONGEST: usize = 16 + 0xffff;
/// Octets that may be kept: those of the longest line of version 1.
const KEPT: usize = 107;

/// Sizes of reads behind their number, then what comes first on a connection.
pub fn proxy(input: &[u8]) {
    let mut input = Input::new(input);
    let sizes = input.short();
    let octets = input.rest();
    let (whole, taken) = parse(octets);
    assert!(taken <= octets.len().min(LONGEST));
    for sizes in [&[1][..], sizes] {
        assert_eq!(read(octets, sizes), (whole, taken), "in reads of {sizes:?}");
    }
    match whole {
        Parsed::Header(origin) => header(&octets[..taken], origin),
        Parsed::Absent => assert!(!is_header(&octets[..taken]), "{}", octets.escape_ascii()),
        Parsed::Malformed => assert!(octets.starts_with(b"PROXY ") || octets.starts_with(SIGNATURE)),
        Parsed::Incomplete => assert_eq!(taken, octets.len()),
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn is_header(octets: &[u8]) -> bool {
    octets.starts_with(b"PROXY ") || octets.starts_with(SIGNATURE)
}

fn read(octets: &[u8], sizes: &[u8]) -> (Parsed, usize) {
    let mut parser = Parser::default();
    let mut taken = 0;
    for piece in pieces(octets, sizes) {
        let (parsed, fed) = parser.feed(piece);
        taken += fed;
        assert!(parsed != Parsed::Incomplete || fed == piece.len(), "octets are left over");
        if parsed != Parsed::Incomplete {
            if parsed == Parsed::Absent {
                assert_eq!(parser.into_octets(), &octets[..taken], "they are the client's");
            }
            return (parsed, taken);
        }
    }
    let kept = parser.into_octets();
    assert!(kept.len() <= KEPT && octets.starts_with(&kept));
    (Parsed::Incomplete, taken)
}

/// What a header says, read from its two ends.
fn header(header: &[u8], origin: Origin) {
    if header.starts_with(b"PROXY ") {
        let line = std::str::from_utf8(header).ok().and_then(|line| line.strip_suffix("\r\n"));
        let words: Vec<&str> = line.expect("a header of version 1 is a line").split(' ').collect();
        let expected = match words[..] {
            ["PROXY", "TCP4" | "TCP6", source, _, port, _] => {
                let bracketed = format!("[{source}]:{port}");
                let plain = format!("{source}:{port}");
                let address = plain.parse().or_else(|_| bracketed.parse());
                Origin::Client(address.expect("an address"))
            }
            _ => Origin::Unknown,
        };
        assert_eq!(origin, expected);
        return;
    }
    let length = usize::from(header[14]) << 8 | usize::from(header[15]);
    assert_eq!(header.len(), 16 + length, "the length is that of what was taken");
    let expected = match (header[12], header[13]) {
        (0x20, _) => Origin::Proxy,
        (_, 0x11) => {
            let address: [u8; 4] = header[16..20].try_into().expect("four octets");
            client(Ipv4Addr::from(address), &header[24..26])
        }
        (_, 0x21) => {
            let address: [u8; 16] = header[16..32].try_into().expect("sixteen octets");
            client(Ipv6Addr::from(address), &header[48..50])
        }
        _ => Origin::Unknown,
    };
    assert_eq!(origin, expected);
}

fn client(address: impl Into<std::net::IpAddr>, port: &[u8]) -> Origin {
    Origin::Client(SocketAddr::new(address.into(), u16::from(port[0]) << 8 | u16::from(port[1])))
}
