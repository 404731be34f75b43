//! `xtext` (RFC 3461 §4): ASCII that fits an SMTP parameter; `+` and two hexadecimal digits stand for
//! an octet.
//!
//! RFC 3461 has the digits in upper case; lower case is let pass, as Postfix does.

/// The octets that are meant; `None` where it is no xtext. `utf8` lets octets above ASCII stand for
/// themselves (RFC 6533 §3).
pub(super) fn decode(text: &[u8], utf8: bool) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (*first, behind) {
            (b'+', [high, low, behind @ ..]) => {
                octets.push(digit(*high)? << 4 | digit(*low)?);
                rest = behind;
            }
            (b'+' | b'=', _) => return None,
            (b'!'..=b'~', _) => octets.push(*first),
            (0x80.., _) if utf8 => octets.push(*first),
            _ => return None,
        }
    }
    Some(octets)
}

/// As text without control characters: what can be told, stamped and logged.
pub(super) fn printable(text: &[u8], utf8: bool) -> Option<Box<str>> {
    let text = String::from_utf8(decode(text, utf8)?).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_meant_and_malformed_text_is_refused() {
        for (text, octets) in [
            (&b""[..], Some(&b""[..])),
            (b"a@b.example", Some(b"a@b.example")),
            (b"e+3Dmc2+2B+0a", Some(b"e=mc2+\n")),
            (b"+", None),
            (b"+4", None),
            (b"+4G", None),
            (b"a=b", None),
            (b"a b", None),
            (b"a\x7f", None),
            (b"\xc3\xbc", None),
        ] {
            assert_eq!(decode(text, false).as_deref(), octets, "{}", text.escape_ascii());
        }
        assert_eq!(printable("ü".as_bytes(), true).as_deref(), Some("ü"));
        assert_eq!(printable(b"a+0Ab", false), None);
        assert_eq!(printable(b"", false), None);
    }
}
