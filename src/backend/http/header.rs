//! Header values of one request: written into one allocation, percent-encoded where text comes
//! from outside.

use std::fmt::{Display, Write};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Octets that the values of a usual message take.
const USUAL: usize = 1024;

/// Values that share one buffer.
pub(super) struct Values {
    text: String,
    /// Name, and where its value ends.
    ends: Vec<(HeaderName, usize)>,
}

impl Values {
    pub(super) fn new() -> Self {
        Self { text: String::with_capacity(USUAL), ends: Vec::with_capacity(26) }
    }

    /// Adds a header whose value `write` appends: visible ASCII.
    pub(super) fn add(&mut self, name: HeaderName, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push((name, self.text.len()));
    }

    /// Adds a header whose value is shown so: visible ASCII.
    pub(super) fn add_display(&mut self, name: HeaderName, value: impl Display) {
        // Writing to a String does not fail.
        self.add(name, |out| write!(out, "{value}").unwrap_or_default());
    }

    /// Adds a header whose value is any text.
    pub(super) fn add_encoded(&mut self, name: HeaderName, value: &str) {
        self.add(name, |out| put_text(value, out));
    }

    /// Moves all headers to `headers`; one that can't stand there is left out.
    pub(super) fn insert_into(self, headers: &mut HeaderMap) {
        let text = Bytes::from(self.text);
        let mut start = 0;
        for (name, end) in self.ends {
            if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end)) {
                headers.insert(name, value);
            }
            start = end;
        }
    }
}

/// Any text, as an attribute's value: control characters, which none may hold (CloudEvents §"Type
/// System"), become U+FFFD.
pub(super) fn put_text(value: &str, out: &mut String) {
    if value.contains(char::is_control) {
        put_encoded(&value.replace(char::is_control, "\u{fffd}"), out);
    } else {
        put_encoded(value, out);
    }
}

/// CloudEvents HTTP binding §3.1.3.2: space, `"`, `%` and all outside U+0021–U+007E are
/// percent-encoded, each octet of their UTF-8.
pub(super) fn put_encoded(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let stays = |octet: u8| matches!(octet, 0x21..=0x7e) && octet != b'"' && octet != b'%';
    if value.bytes().all(stays) {
        out.push_str(value);
        return;
    }
    for octet in value.bytes() {
        if stays(octet) {
            out.push(char::from(octet));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(octet >> 4)]));
            out.push(char::from(HEX[usize::from(octet & 15)]));
        }
    }
}
