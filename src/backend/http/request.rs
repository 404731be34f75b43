//! The request: CloudEvents 1.0 in binary or in structured mode, authorization, Standard Webhooks
//! signature.
//!
//! What is the same for every message of a backend is made once, in [`Template`].

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use ring::hmac;

use super::body::Segments;
use super::header::Values;
use crate::backend::delivery::Delivery;
use crate::backend::event;
use crate::client::http::Endpoint;
use crate::plan::{self, Format};

#[cfg(test)]
mod tests;

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    CE_SPECVERSION = "ce-specversion";
    CE_TYPE = "ce-type";
    TRACEPARENT = "traceparent";
    IDEMPOTENCY_KEY = "idempotency-key";
    WEBHOOK_ID = "webhook-id";
    WEBHOOK_TIMESTAMP = "webhook-timestamp";
    WEBHOOK_SIGNATURE = "webhook-signature";
}

/// Headers of one request, at most.
const HEADERS: usize = 32;

/// CloudEvents HTTP binding §3.2: what tells the structured mode from the binary.
const STRUCTURED: HeaderValue = HeaderValue::from_static("application/cloudevents+json; charset=UTF-8");

/// What every request of a backend has.
pub(super) struct Template {
    endpoint: Endpoint,
    format: Format,
    keys: Vec<hmac::Key>,
}

impl Template {
    /// Fails, in words, where the configuration can't stand in a request.
    pub(super) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let keys = http.signing.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.reveal()));
        Ok(Self { endpoint: Endpoint::new(http)?, format: http.format, keys: keys.collect() })
    }

    /// All headers of a delivery's requests, signed at `now`: a retry sends the very same.
    pub(super) fn headers(&self, delivery: &Delivery, now: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        self.endpoint.insert_into(&mut headers);
        let mut values = Values::new();
        match self.format {
            Format::CloudEvent => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(event::CONTENT_TYPE));
                headers.insert(CE_SPECVERSION, HeaderValue::from_static(event::SPECVERSION));
                headers.insert(CE_TYPE, HeaderValue::from_static(event::TYPE));
                event::attributes(delivery, |attribute, value| values.add_attribute(attribute, value));
            }
            Format::CloudEventStructured => drop(headers.insert(CONTENT_TYPE, STRUCTURED)),
        }
        values.add(TRACEPARENT, |out| out.push_str(&delivery.trace.traceparent()));
        values.add_display(IDEMPOTENCY_KEY, format_args!("\"{}\"", delivery.dedupe_key));
        values.add(WEBHOOK_ID, |out| out.push_str(&delivery.dedupe_key));
        if !self.keys.is_empty() {
            let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            values.add_display(WEBHOOK_TIMESTAMP, timestamp);
            values.add(WEBHOOK_SIGNATURE, |out| self.sign(delivery, timestamp, out));
        }
        values.insert_into(&mut headers);
        headers
    }

    /// One request.
    pub(super) fn request(&self, headers: HeaderMap, delivery: &Delivery) -> Request<Segments> {
        let mut request = Request::new(Segments::new(self.format, delivery));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.path.clone().into();
        *request.headers_mut() = headers;
        request
    }

    /// Standard Webhooks §"Signature scheme": HMAC-SHA256 of `id.timestamp.body`, one per key.
    fn sign(&self, delivery: &Delivery, timestamp: u64, out: &mut String) {
        for (at, key) in self.keys.iter().enumerate() {
            let mut context = hmac::Context::with_key(key);
            context.update(format!("{}.{timestamp}.", delivery.dedupe_key).as_bytes());
            Segments::new(self.format, delivery).for_each(|piece| context.update(&piece));
            out.push_str(if at == 0 { "v1," } else { " v1," });
            STANDARD.encode_string(context.sign(), out);
        }
    }
}
