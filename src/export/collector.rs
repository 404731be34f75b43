//! The collector of one signal: requests to it, over gRPC or HTTP, and what its answers mean.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::{Instant, sleep, timeout_at};

use super::settings::{Protocol, Target};
use crate::client::http::{Post, Said, Version};
use crate::metrics::{ExportMetrics, Signal};
use crate::plan;

/// Attempts for one batch.
const ATTEMPTS: u32 = 5;
/// Before the second attempt; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, whatever the collector asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Octets of an answer, which says nothing but how it went.
const MAX_ANSWER: usize = 64 * 1024;

/// Where one signal goes.
pub(super) struct Collector {
    signal: Signal,
    protocol: Protocol,
    post: Post,
    path: PathAndQuery,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
    metrics: ExportMetrics,
    /// Whether the last request failed, and that was said.
    failing: bool,
}

/// What is sent at once.
#[derive(Debug)]
pub(super) struct Request {
    /// As OTLP has it, neither packed nor framed.
    pub(super) message: Vec<u8>,
    /// Spans, log records or points in it.
    pub(super) records: usize,
}

/// Why a request was not taken.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Never will be.
    Final(String),
    /// May be later, after so long where the collector says it.
    Later(String, Option<Duration>),
}

impl Collector {
    /// Fails, in words, where certificates or names can't be used.
    pub(super) fn new(signal: Signal, target: &Target, metrics: ExportMetrics) -> Result<Self, String> {
        let version = match target.protocol {
            Protocol::Grpc => Version::Two,
            Protocol::Http => Version::Any,
        };
        let path = PathAndQuery::from_str(&target.path).map_err(|_| "the path can't stand in a request")?;
        Ok(Self {
            signal,
            protocol: target.protocol,
            post: Post::new(&server(target)?, version)?,
            path,
            headers: headers(target),
            timeout: target.timeout,
            gzip: target.gzip,
            metrics,
            failing: false,
        })
    }

    /// Sends it, again and again where that may help; then its records are lost.
    pub(super) async fn export(&mut self, request: &Request) {
        let body = self.body(&request.message);
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let (detail, asked) = match self.attempt(body.clone(), request.records).await {
                Ok(()) => return,
                Err(Refusal::Later(detail, asked)) if attempt < ATTEMPTS => (detail, asked),
                Err(Refusal::Final(detail) | Refusal::Later(detail, _)) => {
                    self.tell(&detail);
                    return self.lose(request.records);
                }
            };
            self.tell(&detail);
            sleep(asked.unwrap_or_else(|| pause.mul_f64(rand::random_range(0.5..1.0))).min(LONGEST_PAUSE))
                .await;
            pause *= 2;
        }
    }

    /// The same with one attempt, which ends at `end`: the process is about to.
    pub(super) async fn export_last(&mut self, request: &Request, end: Instant) {
        let body = self.body(&request.message);
        match timeout_at(end, self.attempt(body, request.records)).await {
            Ok(Ok(())) => return,
            Ok(Err(Refusal::Final(detail) | Refusal::Later(detail, _))) => self.tell(&detail),
            Err(_) => self.tell("no answer before the end"),
        }
        self.lose(request.records);
    }

    /// Counts records that nobody will send.
    pub(super) fn lose(&self, records: usize) {
        self.metrics.lost.inc_by(records as u64);
    }

    async fn attempt(&mut self, body: Bytes, records: usize) -> Result<(), Refusal> {
        let deadline = Instant::now() + self.timeout;
        let said = self.post.send(&self.path, self.headers.clone(), body, (deadline, MAX_ANSWER)).await;
        let said = said.map_err(|fault| Refusal::Later(fault.detail, None));
        let taken = said.and_then(|said| match self.protocol {
            Protocol::Grpc => of_grpc(&said),
            Protocol::Http => of_http(said),
        });
        let answer = match taken {
            Ok(answer) => answer,
            Err(refusal) => {
                self.metrics.failed.inc();
                return Err(refusal);
            }
        };
        self.metrics.taken.inc();
        if std::mem::take(&mut self.failing) {
            tracing::info!(signal = self.signal.as_str(), "the collector takes telemetry again");
        }
        let rejected = rejected(&answer).min(records as u64);
        if rejected > 0 {
            self.metrics.rejected.inc_by(rejected);
            tracing::debug!(signal = self.signal.as_str(), rejected, "the collector has rejected telemetry");
        }
        Ok(())
    }

    /// Once, until it works again.
    fn tell(&mut self, detail: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(signal = self.signal.as_str(), detail, "the collector does not take telemetry");
        }
    }

    fn body(&self, request: &[u8]) -> Bytes {
        let packed = if self.gzip { gzip(request) } else { None };
        let octets = packed.as_deref().unwrap_or(request);
        match self.protocol {
            Protocol::Http => Bytes::copy_from_slice(octets),
            // Length-Prefixed-Message: whether it is compressed, its length, itself.
            Protocol::Grpc => {
                let length = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
                [&[u8::from(packed.is_some())], &length[..], octets].concat().into()
            }
        }
    }
}

/// Into memory nothing fails.
fn gzip(octets: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).ok()?;
    encoder.finish().ok()
}

fn headers(target: &Target) -> HeaderMap {
    let mut headers = target.headers.clone();
    let (content, encoding) = match target.protocol {
        Protocol::Grpc => ("application/grpc", "grpc-encoding"),
        Protocol::Http => ("application/x-protobuf", header::CONTENT_ENCODING.as_str()),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("mailchute/", env!("CARGO_PKG_VERSION"))),
    );
    if target.protocol == Protocol::Grpc {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if target.gzip {
        headers.insert(encoding, HeaderValue::from_static("gzip"));
    }
    headers
}

fn server(target: &Target) -> Result<plan::Http, String> {
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let identity = match &target.client {
        None => None,
        Some((certificate, key)) => Some(Arc::new(identity(&read(certificate)?, &read(key)?)?)),
    };
    Ok(plan::Http {
        https: target.https,
        host: target.host.clone(),
        port: target.port,
        path: target.path.clone(),
        format: plan::Format::default(),
        auth: None,
        signing: Vec::new(),
        ca: target.certificate.as_deref().map(read).transpose()?.map(Into::into),
        server_name: None,
        identity,
        allow_loopback: true,
    })
}

fn identity(certificate: &str, key: &str) -> Result<plan::Identity, &'static str> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.map_err(|_| "the client certificate can't be read")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
    let key = key.map_err(|_| "the key of the client certificate can't be read")?;
    Ok(plan::Identity { chain, key: plan::Secret::new(key.secret_der()) })
}

/// OTLP/HTTP: 200 or not, and which of the others are worth another attempt.
fn of_http(said: Said) -> Result<Bytes, Refusal> {
    let status = said.status;
    if status.is_success() {
        return Ok(said.body);
    }
    let retryable = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let detail = format!("HTTP {}", status.as_u16());
    if !retryable.contains(&status) {
        return Err(Refusal::Final(detail));
    }
    let after = said.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    Err(Refusal::Later(detail, after))
}

/// gRPC: the status stands in the trailers, or in the head of an answer that has nothing else.
fn of_grpc(said: &Said) -> Result<Bytes, Refusal> {
    if said.status != StatusCode::OK {
        return Err(Refusal::Later(format!("HTTP {} in place of gRPC", said.status.as_u16()), None));
    }
    let status = said.trailers.get("grpc-status").or_else(|| said.headers.get("grpc-status"));
    let status = status.and_then(|status| status.to_str().ok()?.parse::<u8>().ok());
    match status {
        Some(0) => Ok(said.body.slice(said.body.len().min(GRPC_PREFIX)..)),
        Some(code) if GRPC_RETRYABLE.contains(&code) => Err(Refusal::Later(format!("gRPC {code}"), None)),
        Some(code) => Err(Refusal::Final(format!("gRPC {code}"))),
        None => Err(Refusal::Later("gRPC without a status".to_owned(), None)),
    }
}

/// Octets before a message: compressed or not, and its length.
const GRPC_PREFIX: usize = 5;
/// Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss. Resource exhausted is one only
/// with details that say when to come again, which are not read.
const GRPC_RETRYABLE: [u8; 6] = [1, 4, 10, 11, 14, 15];

/// How many records a taken request has lost all the same. The answers of all three signals are the same on
/// the wire. What can't be read says nothing of it.
fn rejected(answer: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    u64::try_from(rejected).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };

    use super::*;

    fn said(
        status: u16,
        head: &[(&'static str, &'static str)],
        tail: &[(&'static str, &'static str)],
    ) -> Said {
        let map = |fields: &[(&'static str, &'static str)]| {
            fields
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect()
        };
        let status = StatusCode::from_u16(status).unwrap();
        Said { status, headers: map(head), body: Bytes::from_static(b"\0\0\0\0\x01x"), trailers: map(tail) }
    }

    #[test]
    fn http_says_by_its_status_whether_to_come_again() {
        assert!(of_http(said(200, &[], &[])).is_ok());
        assert_eq!(of_http(said(400, &[], &[])), Err(Refusal::Final("HTTP 400".to_owned())));
        let later = |after| Err(Refusal::Later("HTTP 503".to_owned(), after));
        assert_eq!(of_http(said(503, &[], &[])), later(None));
        assert_eq!(of_http(said(503, &[("retry-after", "7")], &[])), later(Some(Duration::from_secs(7))));
    }

    #[test]
    fn grpc_says_it_in_its_trailers_or_in_a_head_that_is_all() {
        assert_eq!(of_grpc(&said(200, &[], &[("grpc-status", "0")])), Ok(Bytes::from_static(b"x")));
        let unavailable = Err(Refusal::Later("gRPC 14".to_owned(), None));
        assert_eq!(of_grpc(&said(200, &[("grpc-status", "14")], &[])), unavailable);
        assert_eq!(
            of_grpc(&said(200, &[], &[("grpc-status", "3")])),
            Err(Refusal::Final("gRPC 3".to_owned()))
        );
        assert!(matches!(of_grpc(&said(200, &[], &[])), Err(Refusal::Later(..))));
        assert!(matches!(of_grpc(&said(404, &[], &[])), Err(Refusal::Later(..))));
    }

    #[test]
    fn the_answers_of_all_signals_tell_what_was_rejected() {
        let partial_success =
            Some(ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "no".to_owned() });
        assert_eq!(rejected(&ExportLogsServiceResponse { partial_success }.encode_to_vec()), 3);
        assert_eq!((rejected(b""), rejected(b"<html>")), (0, 0));
    }
}
