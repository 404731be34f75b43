//! Answers, and what they mean.

use ::http::HeaderValue;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};

use super::*;

fn said(
    status: u16,
    head: &[(&'static str, &'static str)],
    tail: &[(&'static str, &'static str)],
    body: &[u8],
) -> Said {
    let map = |fields: &[(&'static str, &'static str)]| {
        let fields = fields.iter();
        fields.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    };
    let status = StatusCode::from_u16(status).unwrap();
    Said { status, headers: map(head), body: Bytes::copy_from_slice(body), trailers: map(tail) }
}

fn last(detail: &str) -> Result<Bytes, Refusal> {
    Err(Refusal::Final(detail.to_owned()))
}

fn later(detail: &str, after: Option<u64>) -> Result<Bytes, Refusal> {
    Err(Refusal::Later(detail.to_owned(), after.map(Duration::from_secs)))
}

#[test]
fn http_says_by_its_status_whether_to_come_again() {
    assert!(of_http(&said(200, &[], &[], b"")).is_ok());
    assert_eq!(of_http(&said(400, &[], &[], b"")), last("HTTP 400"));
    assert_eq!(of_http(&said(503, &[], &[], b"")), later("HTTP 503", None));
    assert_eq!(of_http(&said(503, &[("retry-after", "7")], &[], b"")), later("HTTP 503", Some(7)));
}

#[test]
fn http_says_why_in_a_status_or_in_text() {
    let protobuf = [("content-type", "application/x-protobuf")];
    let body = Status { message: "no such tenant".to_owned(), ..Status::default() }.encode_to_vec();
    assert_eq!(of_http(&said(403, &protobuf, &[], &body)), last("HTTP 403: no such tenant"));
    assert_eq!(of_http(&said(403, &protobuf, &[], b"<html>")), last("HTTP 403"));
    assert_eq!(of_http(&said(502, &[], &[], b"bad\0gateway\n")), later("HTTP 502: bad\\u{0}gateway", None));
    let long = [b'x'; 10_000];
    let told = format!("HTTP 413: {}", "x".repeat(MOST_WORDS));
    assert_eq!(of_http(&said(413, &[], &[], &long)), last(&told));
}

#[test]
fn grpc_says_it_in_its_trailers_or_in_a_head_that_is_all() {
    let body = b"\0\0\0\0\x01x";
    assert_eq!(of_grpc(&said(200, &[], &[("grpc-status", "0")], body)), Ok(Bytes::from_static(b"x")));
    assert_eq!(of_grpc(&said(200, &[("grpc-status", "14")], &[], b"")), later("gRPC 14", None));
    let status = [("grpc-status", "3"), ("grpc-message", "no%20such%20tenant%3A%20%C3%BC")];
    assert_eq!(of_grpc(&said(200, &[], &status, b"")), last("gRPC 3: no such tenant: ü"));
    assert_eq!(of_grpc(&said(200, &[], &[], b"")), later("gRPC without a status", None));
}

#[test]
fn grpc_says_in_its_details_when_to_come_again() {
    // Status { code: 8, details: [RetryInfo { retry_delay: 60 s }] }, as grpc-go writes it.
    const DETAILS: &str = "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIPA";
    let exhausted = |details| {
        of_grpc(&said(200, &[], &[("grpc-status", "8"), ("grpc-status-details-bin", details)], b""))
    };
    assert_eq!(exhausted(DETAILS), later("gRPC 8", Some(60)));
    assert_eq!(retry_delay(&format!("{DETAILS}==")), Some(Duration::from_secs(60)));
    assert_eq!(exhausted("CAg"), last("gRPC 8"));
    assert_eq!(of_grpc(&said(200, &[], &[("grpc-status", "8")], b"")), last("gRPC 8"));
}

#[test]
fn who_does_not_speak_grpc_says_it_by_http() {
    for status in [400, 401, 403, 404] {
        let told = format!("HTTP {status} in place of gRPC: no");
        assert_eq!(of_grpc(&said(status, &[], &[], b"no")), last(&told));
    }
    assert_eq!(of_grpc(&said(503, &[], &[], b"")), later("HTTP 503 in place of gRPC", None));
}

#[test]
fn the_answers_of_all_signals_tell_what_was_rejected() {
    let partial_success =
        Some(ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "no".to_owned() });
    let expected = Taken { rejected: 3, words: "no".to_owned() };
    assert_eq!(taken(&ExportLogsServiceResponse { partial_success }.encode_to_vec()), expected);
    for nothing in [&b""[..], b"<html>"] {
        assert_eq!(taken(nothing), Taken { rejected: 0, words: String::new() });
    }
}
