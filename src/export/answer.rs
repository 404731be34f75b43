//! What a collector's answer means: taken, or not for now or ever, and why in its own words.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use data_encoding::BASE64_NOPAD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use percent_encoding::percent_decode;
use prost::Message;

use super::settings::Protocol;
use crate::client::http::Said;
use crate::plan;

/// Characters of a collector's own words that are told.
const MOST_WORDS: usize = 200;
/// Octets before a message of gRPC: compressed or not, and its length.
const GRPC_PREFIX: usize = 5;
/// Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
const GRPC_RETRYABLE: [u8; 6] = [1, 4, 10, 11, 14, 15];
/// Resource exhausted: retryable where the collector says when to come again.
const GRPC_EXHAUSTED: u8 = 8;

/// A request was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Records that are lost all the same. What can't be read says nothing of them.
    pub(super) rejected: u64,
    /// Why, or a warning.
    pub(super) words: String,
}

/// Why a request was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Never will be.
    Final(String),
    /// May be later, after so long where the collector says it.
    Later(String, Option<Duration>),
}

/// `google.rpc.Status`: over HTTP it says why a request was not taken, over gRPC more than code and message.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`, in whole seconds.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// What an answer means.
pub(super) fn of(protocol: Protocol, said: &Said) -> Result<Taken, Refusal> {
    let message = match protocol {
        Protocol::Grpc => of_grpc(said),
        Protocol::Http => of_http(said),
    }?;
    Ok(taken(&message))
}

/// OTLP/HTTP: 200 or not, and which of the others are worth another attempt.
fn of_http(said: &Said) -> Result<Bytes, Refusal> {
    let status = said.status;
    if status.is_success() {
        return Ok(said.body.clone());
    }
    let retryable = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let detail = detail(&format!("HTTP {}", status.as_u16()), &http_words(said));
    if !retryable.contains(&status) {
        return Err(Refusal::Final(detail));
    }
    let after = text_of(&said.headers, header::RETRY_AFTER.as_str());
    Err(Refusal::Later(detail, after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs)))
}

/// gRPC: the status stands in the trailers, or in the head of an answer that has nothing else.
fn of_grpc(said: &Said) -> Result<Bytes, Refusal> {
    if said.status != StatusCode::OK {
        return Err(no_grpc(said));
    }
    let field = |name: &str| said.trailers.get(name).or_else(|| said.headers.get(name));
    let status = field("grpc-status").and_then(|status| status.to_str().ok()?.parse::<u8>().ok());
    let Some(code) = status else {
        return Err(Refusal::Later("gRPC without a status".to_owned(), None));
    };
    let words = field("grpc-message").map(|words| percent_decode(words.as_bytes()).decode_utf8_lossy());
    let detail = detail(&format!("gRPC {code}"), &words.unwrap_or_default());
    let after = field("grpc-status-details-bin").and_then(|details| retry_delay(details.to_str().ok()?));
    match code {
        0 => Ok(said.body.slice(said.body.len().min(GRPC_PREFIX)..)),
        GRPC_EXHAUSTED if after.is_some() => Err(Refusal::Later(detail, after)),
        code if GRPC_RETRYABLE.contains(&code) => Err(Refusal::Later(detail, after)),
        _ => Err(Refusal::Final(detail)),
    }
}

/// When to come again, where the details of a status say so: in Base64, padded or not.
fn retry_delay(details: &str) -> Option<Duration> {
    let details = BASE64_NOPAD.decode(details.trim_end_matches('=').as_bytes()).ok()?;
    let status = Status::decode(&*details).ok()?;
    let info = status.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay?;
    delay.seconds.try_into().ok().map(Duration::from_secs)
}

/// A proxy, or a server of something else. Those that gRPC takes for its own final ones are final.
///
/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn no_grpc(said: &Said) -> Refusal {
    let detail = detail(&format!("HTTP {} in place of gRPC", said.status.as_u16()), &http_words(said));
    match said.status {
        StatusCode::BAD_REQUEST
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND => Refusal::Final(detail),
        _ => Refusal::Later(detail, None),
    }
}

/// The answers of all three signals are the same on the wire.
fn taken(message: &[u8]) -> Taken {
    let answer = ExportTraceServiceResponse::decode(message).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    Taken { rejected: partial.rejected_spans.try_into().unwrap_or(0), words: words(&partial.error_message) }
}

/// "The response body for all HTTP 4xx and HTTP 5xx responses MUST be a Protobuf-encoded Status message"; of a proxy it
/// is text.
fn http_words(said: &Said) -> String {
    let kind = text_of(&said.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if kind.starts_with("application/x-protobuf") {
        return Status::decode(said.body.as_ref()).unwrap_or_default().message;
    }
    String::from_utf8_lossy(&said.body).into_owned()
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What happened and, where there is any, what the collector says of it.
fn detail(what: &str, said: &str) -> String {
    let said = words(said);
    if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") }
}

fn words(text: &str) -> String {
    plan::shown(&text.trim().chars().take(MOST_WORDS).collect::<String>())
}

#[cfg(test)]
mod tests;
