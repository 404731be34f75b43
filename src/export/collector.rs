//! The collector of one signal: requests to it, over gRPC or HTTP, again and again where that may help.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::PathAndQuery;
use ::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{self, Refusal, Taken};
use super::settings::{Protocol, Target};
use crate::client::http::{Post, Version};
use crate::metrics::{ExportMetrics, Signal};
use crate::plan;

/// Attempts for one batch.
const ATTEMPTS: u32 = 5;
/// Before the second attempt; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a collector is granted.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
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
    /// Whether records of the last one that was taken were rejected, and that was said.
    rejecting: bool,
}

/// What is sent at once.
#[derive(Debug)]
pub(super) struct Request {
    /// As OTLP has it, neither packed nor framed.
    pub(super) message: Vec<u8>,
    /// Spans, log records or points in it.
    pub(super) records: usize,
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
            rejecting: false,
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
            sleep(pause_of(pause.mul_f64(rand::random_range(0.5..1.0)), asked)).await;
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
        match said.and_then(|said| answer::of(self.protocol, &said)) {
            Ok(taken) => {
                self.metrics.taken.inc();
                self.note(&taken, records);
                Ok(())
            }
            Err(refusal) => {
                self.metrics.failed.inc();
                Err(refusal)
            }
        }
    }

    fn note(&mut self, taken: &Taken, records: usize) {
        let signal = self.signal.as_str();
        if std::mem::take(&mut self.failing) {
            tracing::info!(signal, "the collector takes telemetry again");
        }
        let rejected = taken.rejected.min(records as u64);
        self.metrics.rejected.inc_by(rejected);
        let was = std::mem::replace(&mut self.rejecting, rejected > 0);
        if rejected > 0 && !was {
            tracing::warn!(signal, rejected, detail = taken.words, "the collector has rejected telemetry");
        } else if !taken.words.is_empty() {
            tracing::debug!(signal, rejected, detail = taken.words, "the collector says of telemetry");
        }
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

/// Before the next attempt: at least what is asked for, within reason, and never at once.
fn pause_of(own: Duration, asked: Option<Duration>) -> Duration {
    own.max(asked.unwrap_or_default().min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests;
