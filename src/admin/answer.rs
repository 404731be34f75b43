//! HTTP answers of the ports that people and probes look at.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

/// A whole answer.
pub type Answer = Response<Full<Bytes>>;

/// Content type of words.
pub const PLAIN: &str = "text/plain; charset=utf-8";
/// Content type of data.
pub const JSON: &str = "application/json";

/// An answer that is never cached and never taken for another type than it says.
pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// `value` as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => new(status, JSON, body),
        Err(error) => new(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n")),
    }
}

/// RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response".
pub fn method_not_allowed(allow: &'static str) -> Answer {
    let mut answer = new(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "method not allowed\n");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}
