//! The grammar of RFC 5321 §4.1.2 and §4.1.3, widened by RFC 6531 §3.3 where UTF-8 is admitted.

use std::borrow::Cow;

use super::{AddressError, Host, Ipv4Addr, Ipv6Addr, MAX_DOMAIN, MAX_LOCAL_PART, Mailbox};

/// RFC 1035 §2.3.4: octets of one label.
const MAX_LABEL: usize = 63;

pub(super) fn mailbox(text: &[u8], utf8: bool) -> Result<Mailbox, AddressError> {
    let text = utf8_text(text)?;
    let at = end_of_local_part(text).ok_or(AddressError::Syntax)?;
    let (local_part, host) = (&text[..at], &text[at + 1..]);
    if local_part.len() > MAX_LOCAL_PART || !is_local_part(local_part) {
        return Err(AddressError::Syntax);
    }
    let host = parse_host(host)?;
    let mailbox = Mailbox { local_part: local_part.into(), host };
    if utf8 || mailbox.is_ascii() { Ok(mailbox) } else { Err(AddressError::NeedsUtf8) }
}

pub(super) fn host(text: &[u8], utf8: bool) -> Result<Host, AddressError> {
    let host = parse_host(utf8_text(text)?)?;
    if utf8 || host.as_str().is_ascii() { Ok(host) } else { Err(AddressError::NeedsUtf8) }
}

fn utf8_text(text: &[u8]) -> Result<&str, AddressError> {
    std::str::from_utf8(text).map_err(|_| AddressError::Syntax)
}

/// Where the `@` stands: the first one outside a quoted string.
fn end_of_local_part(text: &str) -> Option<usize> {
    if !text.starts_with('"') {
        return text.find('@');
    }
    let mut octets = text.bytes().enumerate().skip(1);
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => drop(octets.next()),
            b'"' => return (text.as_bytes().get(at + 1) == Some(&b'@')).then_some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_local_part(text: &str) -> bool {
    if text.starts_with('"') { is_quoted_string(text) } else { is_dot_string(text) }
}

/// `Dot-string = Atom *("." Atom)`.
fn is_dot_string(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322 §3.2.3, and UTF-8 non-ASCII of RFC 6531 §3.3.
pub(super) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE`.
fn is_quoted_string(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|next| (' '..='~').contains(&next)),
            '"' => false,
            _ => (' '..='~').contains(&c) || (!c.is_ascii() && !c.is_control()),
        };
        if !fits {
            return false;
        }
    }
    text.len() >= 2
}

fn parse_host(text: &str) -> Result<Host, AddressError> {
    if text.len() > MAX_DOMAIN {
        return Err(AddressError::Syntax);
    }
    if let Some(inner) = text.strip_prefix('[') {
        let literal = inner.strip_suffix(']').filter(|inner| is_literal(inner));
        return literal.map(|_| Host::Literal(text.into())).ok_or(AddressError::Syntax);
    }
    if is_domain(text) { Ok(Host::Domain(text.into())) } else { Err(AddressError::Syntax) }
}

/// `Domain = sub-domain *("." sub-domain)`; the underscore, which real hosts use, is let pass.
fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
        !label.is_empty()
            && label.len() <= MAX_LABEL
            && edge(label.chars().next())
            && edge(label.chars().next_back())
            && label.chars().all(is_label_char)
    })
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || c == '-'
        || c == '_'
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

/// RFC 5321 §4.1.3: IPv4, `IPv6:` and general address literals, without the brackets.
fn is_literal(inner: &str) -> bool {
    if inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:")) {
        return inner[5..].parse::<Ipv6Addr>().is_ok();
    }
    if inner.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let Some((tag, content)) = inner.split_once(':') else { return false };
    let tag_fits = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && tag.ends_with(|c: char| c.is_ascii_alphanumeric());
    let dcontent = |c: char| ('!'..='~').contains(&c) && !"[\\]".contains(c);
    tag_fits && !content.is_empty() && content.chars().all(dcontent)
}

/// The meaning of a local part: a quoted string without quotes and backslashes.
pub(super) fn unquote(local_part: &str) -> Cow<'_, str> {
    let Some(inner) = local_part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(local_part);
    };
    let mut meaning = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        meaning.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(meaning)
}
