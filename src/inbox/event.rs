//! CloudEvents 1.0, HTTP protocol binding §3.1 (binary mode), as its receiver reads it.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};

/// What every header of an event's attributes begins with.
const PREFIX: &str = "ce-";

/// Why a request is no event that we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAnEvent {
    /// A required attribute (CloudEvents 1.0 §Required attributes) is missing.
    #[error("no {0}: not a CloudEvent in binary mode")]
    Missing(&'static str),
    /// Another version of the specification.
    #[error("ce-specversion is not 1.0")]
    Version,
    /// An id that has no place in a path.
    #[error("ce-id is not 1 to 128 letters, digits, '.', '_' or '-'")]
    Id,
}

/// The attributes of an event, without their prefix, decoded.
pub(super) fn attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, NotAnEvent> {
    let named = headers.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(PREFIX)?, value)));
    let attributes: BTreeMap<_, _> = named.map(|(name, value)| (name.to_owned(), decode(value))).collect();
    let attribute = |name, missing| attributes.get(name).ok_or(NotAnEvent::Missing(missing));
    if attribute("specversion", "ce-specversion")? != "1.0" {
        return Err(NotAnEvent::Version);
    }
    attribute("type", "ce-type")?;
    attribute("source", "ce-source")?;
    let id = attribute("id", "ce-id")?;
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    let speaks = |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(fits) && !id.starts_with('.');
    if !speaks(id) {
        return Err(NotAnEvent::Id);
    }
    Ok(attributes)
}

/// HTTP protocol binding §3.1.3.2: "Decoding: any sequence of percent-encoded bytes … UTF-8"; a value in
/// double quotes is a quoted-string first. What is not UTF-8 then shows as U+FFFD.
fn decode(value: &HeaderValue) -> String {
    let octets = value.as_bytes();
    let inner = octets.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match inner {
        Some(quoted) => percent_decode(&unescape(quoted)),
        None => percent_decode(octets),
    }
}

/// RFC 9110 §5.6.4: in a quoted-string a backslash says that the next octet is itself.
fn unescape(quoted: &[u8]) -> Vec<u8> {
    let mut octets = quoted.iter().copied();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(octet) = octets.next() {
        plain.push(if octet == b'\\' { octets.next().unwrap_or(octet) } else { octet });
    }
    plain
}

/// Each `%` with two hexadecimal digits behind it becomes an octet; any other `%` stays.
pub(super) fn percent_decode(text: &[u8]) -> String {
    percent_encoding::percent_decode(text).decode_utf8_lossy().into_owned()
}

/// The addresses of `ce-rcptto`: joined by commas, each percent-encoded for itself, so that a comma in a
/// quoted local part is none between addresses.
pub(super) fn addresses(joined: &str) -> Vec<String> {
    let addresses = joined.split(',').filter(|address| !address.is_empty());
    addresses.map(|address| percent_decode(address.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded() {
        let cases = [
            ("a@example.org", "a@example.org"),
            ("J%C3%BCrgen%20%22x%22", "Jürgen \"x\""),
            ("100%25", "100%"),
            ("%252C", "%2C"),
            ("%c3%a9", "é"),
            ("50%", "50%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%+1", "%+1"),
            ("%ff", "\u{fffd}"),
            (r#""a \"b\" %63""#, "a \"b\" c"),
            ("\"", "\""),
            ("", ""),
        ];
        for (wire, plain) in cases {
            assert_eq!(decode(&HeaderValue::from_str(wire).unwrap()), plain, "{wire}");
        }
    }

    #[test]
    fn a_comma_in_an_address_parts_nothing() {
        assert_eq!(addresses("%22a%2Cb%22@x.org,c%25d@y.org"), ["\"a,b\"@x.org", "c%d@y.org"]);
        assert_eq!(addresses(""), [""; 0]);
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|&(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn what_is_required_must_be_there() {
        let whole = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-source", "/s"), ("ce-id", "0192-a")];
        assert_eq!(attributes(&headers(&whole)).unwrap().len(), 4);
        for (missing, (name, _)) in whole.iter().enumerate() {
            let mut rest = whole.to_vec();
            rest.remove(missing);
            assert_eq!(attributes(&headers(&rest)), Err(NotAnEvent::Missing(name)));
        }
    }

    #[test]
    fn an_id_must_fit_a_path() {
        for id in ["", "a/b", "..", "a%2Fb", "%0a", "ü", "~1"] {
            let mut headers = headers(&[("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-source", "/s")]);
            headers.insert("ce-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
            assert_eq!(attributes(&headers), Err(NotAnEvent::Id), "{id}");
        }
    }
}
