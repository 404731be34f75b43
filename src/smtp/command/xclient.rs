//! XCLIENT (Postfix XCLIENT_README): `1*(SP attribute-name "=" attribute-value)`, values in xtext.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::xtext;
use crate::mail::{GreetingName, Host, Protocol};
use crate::smtp::action::Xclient;
use crate::smtp::reply::{self, Reply};

/// XCLIENT_README: "syntactically valid NAME and HELO attribute-value elements can be up to 255
/// characters long"; the same is asked of LOGIN.
const MAX_VALUE: usize = 255;

/// Reads the attributes: one at least, each once.
pub(super) fn xclient(argument: &[u8]) -> Result<Xclient, Reply> {
    let mut said = Xclient::default();
    let mut seen = Vec::new();
    for word in argument.split(|octet| *octet == b' ').filter(|word| !word.is_empty()) {
        let equals = word.iter().position(|octet| *octet == b'=').ok_or(reply::BAD_ARGUMENT)?;
        let name = word[..equals].to_ascii_uppercase();
        take(&mut said, &name, &word[equals + 1..]).ok_or(reply::BAD_ARGUMENT)?;
        if seen.contains(&name) {
            return Err(reply::BAD_ARGUMENT);
        }
        seen.push(name);
    }
    if seen.is_empty() { Err(reply::BAD_ARGUMENT) } else { Ok(said) }
}

fn take(said: &mut Xclient, name: &[u8], value: &[u8]) -> Option<()> {
    let text = xtext::printable(value, false).or_else(|| as_it_is(value));
    let text = text.filter(|text| text.len() <= MAX_VALUE)?;
    let unavailable = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let known = (!unavailable).then_some(&*text);
    match name {
        b"NAME" => said.name = Some(read(known, host_name)?),
        b"ADDR" => said.address = Some(read(known, address)?),
        b"PORT" => said.port = Some(read(known, port)?),
        b"HELO" => said.helo = Some(known.map(helo)),
        b"LOGIN" => said.login = Some(known.map(Into::into)),
        b"PROTO" => said.protocol = Some(protocol(&text)?),
        // At which of its addresses the client has called changes nothing here.
        b"DESTADDR" | b"DESTPORT" => {}
        _ => return None,
    }
    Some(())
}

/// A value that is no xtext. Some peers encode nothing, so Postfix takes it to mean what it says.
fn as_it_is(value: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())).then(|| text.into())
}

/// `Some(None)` where the value is unavailable; `None` where it is malformed.
fn read<T>(known: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    match known {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn host_name(text: &str) -> Option<Arc<str>> {
    matches!(Host::parse(text.as_bytes(), false), Ok(Host::Domain(_))).then(|| text.into())
}

/// "A numerical IPv4 network address, an IPv6 address prefixed with IPV6:". One that is IPv4 after all
/// is told as such, so that policies see what they know.
fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("IPV6:") => {
            text[5..].parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical())
        }
        _ => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn port(text: &str) -> Option<u16> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// As in HELO itself, what is no host is let pass.
fn helo(text: &str) -> GreetingName {
    let host = Host::parse(text.as_bytes(), false);
    host.map_or_else(|_| GreetingName::Other(text.as_bytes().into()), GreetingName::Host)
}

fn protocol(text: &str) -> Option<Protocol> {
    let known = [("SMTP", Protocol::Smtp), ("ESMTP", Protocol::Esmtp)];
    known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, protocol)| protocol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read() {
        let said =
            xclient(b"name=spike.example addr=IPV6:2001:db8::1 PORT=1234 PROTO=smtp HELO=a+20b LOGIN=me@x")
                .unwrap();
        assert_eq!(said.name, Some(Some("spike.example".into())));
        assert_eq!(said.address, Some("2001:db8::1".parse().ok()));
        assert_eq!((said.port, said.protocol), (Some(Some(1234)), Some(Protocol::Smtp)));
        assert_eq!(said.helo, Some(Some(GreetingName::Other(b"a b"[..].into()))));
        assert_eq!(said.login, Some(Some("me@x".into())));
        let unknown =
            xclient(b"NAME=[TEMPUNAVAIL] ADDR=[unavailable] DESTADDR=192.0.2.1 DESTPORT=25").unwrap();
        assert_eq!(unknown, Xclient { name: Some(None), address: Some(None), ..Xclient::default() });
        let mapped = xclient(b"ADDR=ipv6:::ffff:192.0.2.1").unwrap();
        assert_eq!(mapped.address, Some("192.0.2.1".parse().ok()));
    }

    #[test]
    fn malformed_attributes_are_refused() {
        for argument in [
            "",
            "NAME",
            "NAME=",
            "=x",
            "COLOR=red",
            "NAME=a NAME=b",
            "NAME=a+0Ab",
            "NAME=under the=moon",
            "NAME=[192.0.2.1]",
            "ADDR=2001:db8::1",
            "ADDR=192.0.2",
            "ADDR=IPV6:192.0.2.1",
            "PORT=65536",
            "PORT=+2B25",
            "PORT=-1",
            "PROTO=LMTP",
            "PROTO=[UNAVAILABLE]",
            "DESTPORT",
            "HELO=b\u{fc}cher",
        ] {
            assert_eq!(xclient(argument.as_bytes()), Err(reply::BAD_ARGUMENT), "{argument}");
        }
        assert!(xclient(format!("HELO={}", "a".repeat(MAX_VALUE)).as_bytes()).is_ok());
        assert!(xclient(format!("HELO={}", "a".repeat(MAX_VALUE + 1)).as_bytes()).is_err());
    }
}
