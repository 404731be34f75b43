//! Header values of one request: written into one allocation, percent-encoded where text comes
//! from outside.

use std::fmt::{Display, Write};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::backend::event::{Attribute, Value, put_encoded};

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

    /// Adds an attribute of an event.
    pub(super) fn add_attribute(&mut self, attribute: Attribute, value: Value<'_>) {
        let name = attribute.header();
        match value {
            Value::Text(text) => self.add(name, |out| put_encoded(text, out)),
            Value::Integer(number) => self.add_display(name, number),
            Value::Boolean(truth) => self.add_display(name, truth),
        }
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
