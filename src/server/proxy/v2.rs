//! Version 2: binary, with a length in front of addresses and TLVs.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Origin, Step};

/// With what every header begins.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;
/// Octets of the addresses and ports of TCP over IPv4.
const INET: usize = 12;
/// Octets of the addresses and ports of TCP over IPv6.
const INET6: usize = 36;
/// Octets of the addresses of Unix sockets.
const UNIX: usize = 216;

/// Looks at a header that begins with the signature, after each octet.
pub(super) fn step(head: &[u8]) -> Step {
    let Some(fixed) = head.get(SIGNATURE.len()..FIXED) else {
        let version = head.get(SIGNATURE.len()).map(|octet| octet >> 4);
        return if version.is_none_or(|version| version == 2) { Step::More } else { Step::Malformed };
    };
    let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let Some((origin, looked_at)) = addresses(fixed, length, &head[FIXED..]) else { return Step::Malformed };
    match origin {
        None => Step::More,
        Some(origin) => Step::Known { origin, rest: length - looked_at },
    }
}

/// Who it is, where that is known yet, and how many octets behind the fixed part told so. `None`:
/// malformed.
fn addresses(fixed: &[u8], length: usize, block: &[u8]) -> Option<(Option<Origin>, usize)> {
    match fixed[0] {
        // "The receiver must accept this connection as valid and must use the real connection endpoints
        // and discard the protocol block including the family which is ignored."
        0x20 => return Some((Some(Origin::Proxy), 0)),
        0x21 => {}
        // "Receivers must drop connections presenting unexpected values here."
        _ => return None,
    }
    let needed = match fixed[1] {
        0x00 => 0,
        0x11 | 0x12 => INET,
        0x21 | 0x22 => INET6,
        0x31 | 0x32 => UNIX,
        // "Other values are unspecified and … must be rejected as invalid by receivers."
        _ => return None,
    };
    if length < needed {
        return None;
    }
    let client = match fixed[1] {
        0x11 if block.len() == INET => inet(block)?,
        0x21 if block.len() == INET6 => inet6(block)?,
        0x11 | 0x21 => return Some((None, 0)),
        _ => return Some((Some(Origin::Unknown), 0)),
    };
    Some((Some(Origin::Client(client)), needed))
}

fn inet(block: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 4] = block.get(..4)?.try_into().ok()?;
    let port: [u8; 2] = block.get(8..10)?.try_into().ok()?;
    Some(SocketAddr::new(Ipv4Addr::from(address).into(), u16::from_be_bytes(port)))
}

fn inet6(block: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = block.get(..16)?.try_into().ok()?;
    let port: [u8; 2] = block.get(32..34)?.try_into().ok()?;
    Some(SocketAddr::new(Ipv6Addr::from(address).into(), u16::from_be_bytes(port)))
}
