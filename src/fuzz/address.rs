//! Mailboxes and hosts (`mail::address`), against a plain reading of the grammar.

use crate::mail::address::{MAX_DOMAIN, MAX_LOCAL_PART, fold_domain};
use crate::mail::{AddressError, Host, Mailbox};

/// The input is the address.
pub fn address(input: &[u8]) {
    mailbox(input);
    host(input);
    let folded = std::str::from_utf8(input).ok().and_then(fold_domain);
    if let Some(folded) = folded.filter(|folded| Host::parse(folded.as_bytes(), false).is_ok()) {
        assert_eq!(fold_domain(&folded).as_ref(), Some(&folded), "folding twice is folding once");
    }
}

fn mailbox(input: &[u8]) {
    let (ascii, utf8) = (Mailbox::parse(input, false), Mailbox::parse(input, true));
    match (&ascii, &utf8) {
        (Ok(ascii), Ok(utf8)) => assert_eq!(ascii, utf8),
        (Err(AddressError::NeedsUtf8), Ok(utf8)) => assert!(!utf8.is_ascii()),
        (Err(AddressError::Syntax), Err(AddressError::Syntax)) => {}
        _ => assert_eq!(ascii, utf8, "only a lack of SMTPUTF8 tells them apart"),
    }
    assert_eq!(ascii.is_ok(), input.is_ascii() && is_mailbox(input), "{}", input.escape_ascii());
    let Ok(mailbox) = utf8 else { return };
    let text = mailbox.to_string();
    assert_eq!(text.as_bytes(), input, "the spelling is kept");
    assert_eq!(text.len(), mailbox.len());
    assert!(!text.contains(char::is_control));
    assert!(mailbox.local_part().len() <= MAX_LOCAL_PART && mailbox.host().as_str().len() <= MAX_DOMAIN);
    if let Some(key) = mailbox.key() {
        let shouted = Mailbox::parse(text.to_ascii_uppercase().as_bytes(), true);
        let shouted = shouted.expect("the case of letters is no matter of the grammar");
        assert_eq!(shouted.key(), Some(key));
        assert_eq!(shouted.is_postmaster(), mailbox.is_postmaster());
    }
}

fn host(input: &[u8]) {
    let (ascii, utf8) = (Host::parse(input, false), Host::parse(input, true));
    assert_eq!(ascii.is_ok(), utf8.is_ok() && input.is_ascii());
    let Ok(host) = utf8 else { return };
    assert_eq!(host.as_str().as_bytes(), input, "the spelling is kept");
    assert!(host.as_str().len() <= MAX_DOMAIN && !host.as_str().contains(char::is_control));
    assert_eq!(matches!(host, Host::Literal(_)), input.starts_with(b"["));
}

/// RFC 5321 §4.1.2 in ASCII, with an underscore in domains; read from the end, where `mail::address`
/// reads from the beginning.
fn is_mailbox(text: &[u8]) -> bool {
    let Some(at) = text.iter().rposition(|octet| *octet == b'@') else { return false };
    // A general address literal may hold an `@`.
    let literal = text.ends_with(b"]").then(|| text.windows(2).position(|pair| pair == b"@[")).flatten();
    let parted = |at: usize| is_local_part(&text[..at]) && Host::parse(&text[at + 1..], false).is_ok();
    parted(at) || literal.is_some_and(parted) || literals(text).any(parted)
}

/// Everywhere a literal might begin.
fn literals(text: &[u8]) -> impl Iterator<Item = usize> {
    text.windows(2).enumerate().filter(|(_, pair)| *pair == b"@[").map(|(at, _)| at)
}

fn is_local_part(text: &[u8]) -> bool {
    let atext = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(octet);
    let dot_string =
        || text.split(|octet| *octet == b'.').all(|atom| !atom.is_empty() && atom.iter().all(atext));
    text.len() <= MAX_LOCAL_PART && (dot_string() || is_quoted(text))
}

fn is_quoted(text: &[u8]) -> bool {
    let Some([b'"', inner @ .., b'"']) = text.get(..) else { return false };
    let mut rest = inner;
    loop {
        rest = match rest {
            [] => return true,
            [b'\\', b' '..=b'~', rest @ ..] => rest,
            [b'"' | b'\\', ..] => return false,
            [b' '..=b'~', rest @ ..] => rest,
            _ => return false,
        };
    }
}
