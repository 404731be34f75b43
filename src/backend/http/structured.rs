//! The event as one JSON document with the message in base64: CloudEvents JSON format §3, of which
//! §3.1.1 asks for `data_base64` where the data are octets.
//!
//! The message is encoded as it is sent, a piece at a time: the copy never is in memory as a whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::body::Pieces;
use crate::backend::delivery::Delivery;
use crate::backend::event::{CONTENT_TYPE, SPECVERSION, TYPE, Value, attributes};

/// Octets of the message that are encoded at a time: a multiple of three, so that only the last piece is
/// padded.
const AT_A_TIME: usize = 48 * 1024;
/// What stands behind the message.
const END: &str = "\"}";

/// The pieces of a document.
pub(super) struct Document {
    head: Option<Bytes>,
    message: Pieces,
    /// What is left of the piece of the message that was looked at last.
    rest: Bytes,
    ended: bool,
    /// Octets of all.
    pub(super) len: usize,
}

impl Document {
    pub(super) fn new(delivery: &Delivery) -> Self {
        let head = Bytes::from(head(delivery));
        let len = head.len() + delivery.len().div_ceil(3) * 4 + END.len();
        let message = Pieces::new(delivery.prefix.clone(), delivery.message.clone());
        Self { head: Some(head), message, rest: Bytes::new(), ended: false, len }
    }

    /// Octets of the message to encode next; none at its end.
    fn octets(&mut self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(AT_A_TIME);
        while octets.len() < AT_A_TIME {
            if self.rest.is_empty() {
                let Some(next) = self.message.next() else { break };
                self.rest = next;
            }
            let fits = self.rest.len().min(AT_A_TIME - octets.len());
            octets.extend_from_slice(&self.rest.split_to(fits));
        }
        octets
    }
}

impl Iterator for Document {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        let octets = self.octets();
        if octets.is_empty() && !self.ended {
            self.ended = true;
            return Some(Bytes::from_static(END.as_bytes()));
        }
        (!octets.is_empty()).then(|| Bytes::from(STANDARD.encode(octets)))
    }
}

/// All up to the message.
fn head(delivery: &Delivery) -> String {
    let mut out = format!(
        "{{\"specversion\":\"{SPECVERSION}\",\"type\":\"{TYPE}\",\"datacontenttype\":\"{CONTENT_TYPE}\""
    );
    let mut put = |name: &str, value: serde_json::Value| out.push_str(&format!(",\"{name}\":{value}"));
    attributes(delivery, |attribute, value| {
        let value = match value {
            Value::Text(text) => text.into(),
            Value::Integer(number) => number.into(),
            Value::Boolean(truth) => truth.into(),
        };
        put(attribute.member(), value);
    });
    // CloudEvents extension "Distributed Tracing".
    put("traceparent", delivery.trace.traceparent().into());
    out.push_str(",\"data_base64\":\"");
    out
}
