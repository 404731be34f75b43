//! The values of the DSN parameters (RFC 3461 §4), and of ORCPT with UTF-8 (RFC 6533 §3).

use super::xtext;
use crate::mail::{Notify, OriginalRecipient, Returned};
use crate::smtp::limits::{ENVELOPE_ID, ORIGINAL_RECIPIENT};

/// `RET=`.
pub(super) fn returned(value: &[u8]) -> Option<Returned> {
    let known = [Returned::Full, Returned::Headers];
    known.into_iter().find(|known| value.eq_ignore_ascii_case(known.keyword().as_bytes()))
}

/// `ENVID=`: decoded it "MUST consist entirely of printable (graphic and white space) characters from
/// the US-ASCII character repertoire" (RFC 3461 §4.4).
pub(super) fn envelope_id(value: &[u8]) -> Option<Box<str>> {
    if value.len() > ENVELOPE_ID {
        None
    } else {
        xtext::printable(value, false).filter(|text| text.is_ascii())
    }
}

/// `NOTIFY=`: `NEVER` alone, or some of the others, each once.
pub(super) fn notify(value: &[u8]) -> Option<Notify> {
    if value.eq_ignore_ascii_case(b"NEVER") {
        return Some(Notify::NEVER);
    }
    let mut notify = Notify::default();
    for word in value.split(|octet| *octet == b',') {
        let asked = match &word.to_ascii_uppercase()[..] {
            b"SUCCESS" => &mut notify.success,
            b"FAILURE" => &mut notify.failure,
            b"DELAY" => &mut notify.delay,
            _ => return None,
        };
        if std::mem::replace(asked, true) {
            return None;
        }
    }
    Some(notify)
}

/// `ORCPT=`: `addr-type ";" xtext`. With the type `utf-8`, `\x{HEX}` stands for a character, and
/// UTF-8 for itself where the transaction has SMTPUTF8.
pub(super) fn original_recipient(value: &[u8], smtputf8: bool) -> Option<OriginalRecipient> {
    let semicolon = value.iter().position(|octet| *octet == b';')?;
    let (address_type, address) = (&value[..semicolon], &value[semicolon + 1..]);
    let is_atom = !address_type.is_empty() && address_type.iter().all(|octet| is_atom_text(*octet));
    if value.len() > ORIGINAL_RECIPIENT || !is_atom {
        return None;
    }
    let utf8 = address_type.eq_ignore_ascii_case(b"utf-8");
    let text = xtext::printable(address, utf8 && smtputf8)?;
    let address = if utf8 { embedded(&text)? } else { Some(text).filter(|text| text.is_ascii())? };
    Some(OriginalRecipient { address_type: String::from_utf8_lossy(address_type).into(), address })
}

/// RFC 5322 §3.2.3.
fn is_atom_text(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

/// Reads `\x{HEX}` (RFC 6533 §3: `EmbeddedUnicodeChar`, two to six digits).
fn embedded(text: &str) -> Option<Box<str>> {
    let mut parts = text.split(r"\x{");
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, behind) = part.split_once('}')?;
        let fits = (2..=6).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
        let point = u32::from_str_radix(digits, 16).ok().filter(|_| fits)?;
        decoded.push(char::from_u32(point).filter(|c| !c.is_control())?);
        decoded.push_str(behind);
    }
    Some(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_is_never_alone_or_some_of_three() {
        assert_eq!(notify(b"never"), Some(Notify::NEVER));
        assert_eq!(
            notify(b"DELAY,success").map(|notify| notify.to_string()).as_deref(),
            Some("SUCCESS,DELAY")
        );
        for bad in ["", ",", "SUCCESS,", "SUCCESS,SUCCESS", "NEVER,FAILURE", "FAILURE,NEVER", "ALWAYS"] {
            assert_eq!(notify(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn original_recipients_are_decoded() {
        let read = |value: &str, utf8| original_recipient(value.as_bytes(), utf8).map(|read| read.address);
        for (value, utf8, address) in [
            ("rfc822;a+2Bb@c.example", false, Some("a+b@c.example")),
            ("x400;/S=a/", false, None),
            ("x400;/S+3Da/", false, Some("/S=a/")),
            (r"utf-8;b\x{FC}cher@c.example", false, Some("bücher@c.example")),
            ("utf-8;bücher@c.example", true, Some("bücher@c.example")),
            ("utf-8;bücher@c.example", false, None),
            ("rfc822;bücher@c.example", true, None),
            ("rfc822;+C3+BC@c.example", false, None),
            (r"utf-8;\x{D800}", false, None),
            (r"utf-8;\x{0A}", false, None),
            (r"utf-8;\x{+FC}", false, None),
            (r"utf-8;\x{FC", false, None),
            ("rfc822;", false, None),
            (";a@b", false, None),
            ("a@b", false, None),
        ] {
            assert_eq!(read(value, utf8).as_deref(), address, "{value}");
        }
        let long = format!("rfc822;{}", "a".repeat(ORIGINAL_RECIPIENT - 7));
        assert!(read(&long, false).is_some() && read(&format!("{long}a"), false).is_none());
    }
}
