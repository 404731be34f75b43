//! The few words of structured fields that we read: comments and folding white space skipped
//! (RFC 5322 §3.2.2), the host behind `by` of `Received` (RFC 5321 §4.4).
//!
//! No parser of addresses or dates.

/// What is behind comments and white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cfws<'a> {
    /// The text from its first octet on that is neither; empty at the end.
    Text(&'a [u8]),
    /// A comment that does not end.
    Unclosed,
}

/// Skips comments, nested ones too, and white space. Control characters count as white space.
pub fn skip_cfws(text: &[u8]) -> Cfws<'_> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, octet) in text.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if depth > 0 => escaped = true,
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ if depth > 0 || is_blank(*octet) => {}
            _ => return Cfws::Text(&text[at..]),
        }
    }
    if depth == 0 { Cfws::Text(&[]) } else { Cfws::Unclosed }
}

/// Whether the content of a `Received` field has `by` and this host.
pub(super) fn names_host(content: &[u8], host: &str) -> bool {
    let mut behind_by = false;
    let mut rest = content;
    while let Cfws::Text(text) = skip_cfws(rest) {
        let length = word(text);
        if length == 0 {
            return false;
        }
        let (found, behind) = text.split_at(length);
        let name = found.strip_suffix(b".").unwrap_or(found);
        if behind_by && name.eq_ignore_ascii_case(host.as_bytes()) {
            return true;
        }
        behind_by = found.eq_ignore_ascii_case(b"by");
        rest = behind;
    }
    false
}

/// Octets of the word that the text begins with: a semicolon, a quoted string, or what goes up to
/// the next white space, comment, semicolon or quote. 0 only for an empty text.
fn word(text: &[u8]) -> usize {
    match text {
        [] => 0,
        [b';', ..] => 1,
        [b'"', quoted @ ..] => {
            let mut escaped = false;
            let end = quoted.iter().position(|octet| {
                let ends = *octet == b'"' && !escaped;
                escaped = *octet == b'\\' && !escaped;
                ends
            });
            end.map_or(text.len(), |end| end + 2)
        }
        _ => {
            let ends = |octet: &u8| is_blank(*octet) || matches!(octet, b'(' | b';' | b'"');
            text.iter().position(ends).unwrap_or(text.len())
        }
    }
}

fn is_blank(octet: u8) -> bool {
    octet <= b' ' || octet == 0x7f
}
