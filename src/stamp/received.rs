//! The `Received` field (RFC 5321 §4.4).
//!
//! Nothing that the client said can end a line, a comment or the field: a greeting that is no
//! domain or IP literal gives way to the client's address, and stands, sanitised, in a comment.

use std::net::IpAddr;

use super::{Stamping, a_labels, date, keyword};
use crate::mail::envelope::GreetingName;
use crate::mail::{ForwardPath, Host};

/// RFC 5322 §2.1.1: a line should have no more octets than this, without its CRLF.
const FOLD: usize = 78;
/// Octets of an unusable greeting that are kept for the comment.
const MAX_GREETING: usize = 64;

/// Appends the field.
pub(super) fn write(prefix: &mut Vec<u8>, stamping: &Stamping<'_>) {
    let mut folded = Folded { out: prefix, column: 0 };
    let client = literal(stamping.client);
    let tcp_info = match stamping.client_name.filter(|name| is_domain(name)) {
        Some(name) => format!("({name} {client})"),
        None => format!("({client})"),
    };
    folded.open("Received: from");
    match greeting(stamping) {
        Ok(name) => folded.words(&[&name, &tcp_info]),
        Err(comment) => folded.words(&[&client, &tcp_info, &comment]),
    }
    let protocol = stamping.greeting.protocol;
    let with = keyword(protocol, stamping.envelope.smtputf8, stamping.tls.is_some(), stamping.authenticated);
    folded.line();
    folded.words(&["by", stamping.hostname, "with", with, "id", &stamping.id.to_string()]);
    if let Some(tls) = stamping.tls {
        folded.words(&[&format!("({} {})", tls.version, tls.cipher)]);
    }
    // RFC 5321 §7.6: more than one address here would tell of blind copies.
    if let [recipient] = &stamping.envelope.recipients[..] {
        let path = match &recipient.original {
            ForwardPath::Postmaster => "Postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => stamping.address(mailbox),
        };
        folded.line();
        folded.words(&["for", &format!("<{path}>")]);
    }
    folded.attach(";");
    folded.words(&[&date(stamping.received_at)]);
    folded.attach("\r\n");
}

/// A peer that is trusted may still say a name that is none: it stands nowhere then.
fn is_domain(name: &str) -> bool {
    matches!(Host::parse(name.as_bytes(), false), Ok(Host::Domain(_)))
}

/// The name as it was given, or a comment with what is left of it.
fn greeting(stamping: &Stamping<'_>) -> Result<String, String> {
    let given = match &stamping.greeting.name {
        GreetingName::Host(Host::Domain(name)) => {
            let utf8 = stamping.envelope.smtputf8 || name.is_ascii();
            let text = if utf8 { Some(name.to_string()) } else { a_labels(name) };
            return text.ok_or_else(|| comment(name.as_bytes()));
        }
        GreetingName::Host(Host::Literal(literal)) if is_ip(literal) => return Ok(literal.to_string()),
        GreetingName::Host(Host::Literal(literal)) => literal.as_bytes(),
        GreetingName::Other(octets) => octets,
    };
    Err(comment(given))
}

/// General address literals (RFC 5321 §4.1.3) may hold parentheses: only those of IP stand bare.
fn is_ip(literal: &str) -> bool {
    literal.bytes().all(|octet| octet.is_ascii_hexdigit() || b"[]IPv6:.".contains(&octet))
}

fn comment(given: &[u8]) -> String {
    let kept = given.iter().take(MAX_GREETING);
    let harmless = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._:[]".contains(octet);
    let text: String = kept.map(|octet| if harmless(octet) { char::from(*octet) } else { '?' }).collect();
    let cut = if given.len() > MAX_GREETING { "..." } else { "" };
    format!("(greeted as {text}{cut})")
}

/// RFC 5321 §4.1.3: `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
fn literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// Writes words with single spaces between, and begins a new line before one that does not fit.
struct Folded<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
}

impl Folded<'_> {
    fn open(&mut self, text: &str) {
        self.attach(text);
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            if self.column > 1 && self.column + 1 + word.len() > FOLD {
                self.line();
            }
            if self.column > 1 {
                self.attach(" ");
            }
            self.attach(word);
        }
    }

    fn line(&mut self) {
        self.out.extend_from_slice(b"\r\n\t");
        self.column = 1;
    }

    fn attach(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.column += text.len();
    }
}
