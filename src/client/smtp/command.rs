//! MAIL and RCPT as they are said to a relay, with the parameters that it has announced. Pure.
//!
//! What a relay can't take is told before anything is said: nothing is re-encoded.
//!
//! | asked | offered | so |
//! | --- | --- | --- |
//! | `SMTPUTF8`, or an address that needs it | no | [`Unable::Utf8`] |
//! | `BODY=BINARYMIME` | not with CHUNKING | [`Unable::Binary`] |
//! | `BODY=8BITMIME` | no | nothing is said; [`Unable::EightBit`] if the message turns out to have 8-bit octets |
//! | a size over that of the relay | | [`Unable::Large`] |
//! | `RET`, `ENVID`, `NOTIFY`, `ORCPT` | no | they are left out |

use std::fmt::Write;

use super::announced::Announced;
use super::text::Content;
use crate::mail::{BodyType, Envelope, OriginalRecipient, Recipient};

/// Why a relay can't take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unable {
    /// It has no SMTPUTF8.
    Utf8,
    /// It has no 8BITMIME.
    EightBit,
    /// It has no BINARYMIME.
    Binary,
    /// It takes no message of this size.
    Large,
    /// A CR or LF stands alone in the message, which some server could take for the end of it.
    BareNewline,
}

/// The line of MAIL. `size` is that of the message, as far as it is known.
pub(crate) fn mail(envelope: &Envelope, announced: &Announced, size: Option<u64>) -> Result<String, Unable> {
    let ascii = envelope.reverse_path.is_ascii()
        && envelope.recipients.iter().all(|recipient| recipient.rewritten.is_ascii());
    let utf8 = envelope.smtputf8 || !ascii;
    if utf8 && !announced.smtputf8 {
        return Err(Unable::Utf8);
    }
    if size.zip(announced.largest).is_some_and(|(size, largest)| size > largest) {
        return Err(Unable::Large);
    }
    let body = match envelope.body_type {
        BodyType::BinaryMime if !(announced.binary_mime && announced.chunking) => return Err(Unable::Binary),
        BodyType::EightBitMime if !announced.eight_bit_mime => None,
        BodyType::SevenBit => None,
        stated => Some(stated.keyword()),
    };
    let mut line = format!("MAIL FROM:<{}>", envelope.reverse_path);
    if let Some(size) = size.filter(|_| announced.size) {
        push(&mut line, "SIZE", &size.to_string());
    }
    if let Some(body) = body {
        push(&mut line, "BODY", body);
    }
    if utf8 {
        line.push_str(" SMTPUTF8");
    }
    if announced.dsn {
        if let Some(returned) = envelope.dsn.returned {
            push(&mut line, "RET", returned.keyword());
        }
        if let Some(id) = &envelope.dsn.envelope_id {
            push(&mut line, "ENVID", &xtext(id));
        }
    }
    Ok(line)
}

/// The line of RCPT; `utf8`: MAIL had SMTPUTF8.
pub(crate) fn rcpt(recipient: &Recipient, announced: &Announced, utf8: bool) -> Result<String, Unable> {
    if !utf8 && !recipient.rewritten.is_ascii() {
        return Err(Unable::Utf8);
    }
    let mut line = format!("RCPT TO:<{}>", recipient.rewritten);
    if announced.dsn {
        if let Some(notify) = recipient.dsn.notify {
            push(&mut line, "NOTIFY", &notify.to_string());
        }
        if let Some(original) = &recipient.dsn.original {
            push(&mut line, "ORCPT", &original_recipient(original));
        }
    }
    Ok(line)
}

/// Whether a message whose octets are known can be sent as it is.
pub(crate) fn sendable(
    body_type: BodyType,
    content: Content,
    size: usize,
    announced: &Announced,
) -> Result<(), Unable> {
    let binary = body_type == BodyType::BinaryMime;
    if content.bare_newline && !binary {
        return Err(Unable::BareNewline);
    }
    if content.eight_bit && !binary && !announced.eight_bit_mime {
        return Err(Unable::EightBit);
    }
    let too_large = |largest| u64::try_from(size).is_ok_and(|size| size > largest);
    if announced.largest.is_some_and(too_large) { Err(Unable::Large) } else { Ok(()) }
}

fn push(line: &mut String, keyword: &str, value: &str) {
    line.extend([" ", keyword, "=", value]);
}

/// RFC 3461 §4: `+` and two hexadecimal digits stand for what is no graphic ASCII, for `+` and for `=`.
fn xtext(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, octet| {
        match octet {
            b'+' | b'=' => hex(&mut encoded, octet),
            b'!'..=b'~' => encoded.push(char::from(octet)),
            _ => hex(&mut encoded, octet),
        }
        encoded
    })
}

fn hex(encoded: &mut String, octet: u8) {
    // Writing to a String does not fail.
    let _ = write!(encoded, "+{octet:02X}");
}

/// `addr-type ";" xtext`; of the type `utf-8` with `\x{HEX}` (RFC 6533 §3), which any relay with DSN takes.
fn original_recipient(original: &OriginalRecipient) -> String {
    let OriginalRecipient { address_type, address } = original;
    if !address_type.eq_ignore_ascii_case("utf-8") {
        return format!("{address_type};{}", xtext(address));
    }
    let mut encoded = format!("{address_type};");
    for character in address.chars() {
        match character {
            '\\' | '+' | '=' => {}
            '!'..='~' => {
                encoded.push(character);
                continue;
            }
            _ => {}
        }
        let _ = write!(encoded, r"\x{{{:02X}}}", u32::from(character));
    }
    encoded
}

#[cfg(test)]
mod tests;
