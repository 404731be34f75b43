//! One trace of a message, and its log line in it, over both protocols.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::collector::{Collector, attribute};
use crate::support::client::Client;
use crate::support::directory::Directory;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::{until, until_true};

const MESSAGE: &[u8] = b"Subject: traced\r\n\r\nOne.\r\n";
const RECIPIENT: &str = "ada@example.org";

#[test]
fn over_http_one_trace_holds_session_transaction_commands_check_and_delivery() {
    let collector = Collector::start();
    traced(&collector, &format!("http://{}", collector.http), "http/protobuf", "none");
}

#[test]
fn over_http_packed() {
    let collector = Collector::start();
    traced(&collector, &format!("http://{}", collector.http), "http/protobuf", "gzip");
}

#[test]
fn over_grpc_the_same() {
    let collector = Collector::start();
    traced(&collector, &format!("http://{}", collector.grpc), "grpc", "none");
}

#[test]
fn over_grpc_packed() {
    let collector = Collector::start();
    traced(&collector, &format!("http://{}", collector.grpc), "grpc", "gzip");
}

/// Has a service be asked about each recipient.
pub(crate) fn verified_by(service: SocketAddr) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {{name: directory}}\nspec:\n  \
         targetRefs: [{{kind: MailRoute, name: all}}]\n  \
         verification: {{http: {{url: \"http://{service}/verify\"}}}}"
    )
}

fn traced(collector: &Collector, endpoint: &str, protocol: &str, compression: &str) {
    let (backend, directory, port) = (Recorder::start(), Directory::of(&[RECIPIENT]), free_port());
    let manifests =
        Manifests::listening(port).all_to(backend.address).document(&verified_by(directory.address));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=front-0"),
    ];
    let front_end = FrontEnd::start_under(port, &manifests, &variables);
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send("a@client.example", &[RECIPIENT], MESSAGE).code, 250);
    client.expect("QUIT", 221);

    let session = until("the session's span comes, which ends last", || {
        collector.spans().into_iter().find(|span| span.name == "smtp.session")
    });
    until_true("the others are there", || collector.spans().len() >= 10);
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace_id == session.trace_id), "{spans:#?}");
    assert_eq!(session.kind, SpanKind::Server as i32);
    assert!(session.parent_span_id.is_empty());
    assert_eq!(attribute(&session.attributes, "listener"), "mx");
    assert_eq!(attribute(&session.attributes, "outcome"), "quit");

    let transaction = only(&spans, "smtp.transaction");
    assert_eq!(transaction.parent_span_id, session.span_id);
    let within = |parent: &Span| {
        let commands =
            spans.iter().filter(|span| span.name == "smtp.command" && span.parent_span_id == parent.span_id);
        let mut told: Vec<String> = commands
            .map(|span| {
                let [command, code] = ["command", "code"].map(|key| attribute(&span.attributes, key));
                format!("{command} {code}")
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(within(&session), ["CONNECT 220", "EHLO 250", "MAIL 250", "QUIT 221"]);
    assert_eq!(within(transaction), ["DATA 354", "MESSAGE 250", "RCPT 250"]);

    let command = |verb: &str| {
        spans.iter().find(|span| attribute(&span.attributes, "command") == verb).unwrap().span_id.clone()
    };
    let check = only(&spans, "policy.verification");
    assert_eq!(check.parent_span_id, command("RCPT"));
    assert_eq!(attribute(&check.attributes, "outcome"), "pass");
    let delivery = only(&spans, "delivery http");
    assert_eq!(delivery.parent_span_id, command("MESSAGE"));
    assert_eq!(delivery.kind, SpanKind::Client as i32);

    told(collector, &backend, delivery);
}

/// The backend has the ids of the delivery's span, and so has the log line; and both are of this process.
fn told(collector: &Collector, backend: &Recorder, delivery: &Span) {
    let event = backend.received().pop().unwrap();
    let [trace, span] = [&delivery.trace_id, &delivery.span_id].map(|id| hex(id));
    assert_eq!(event.header("traceparent"), format!("00-{trace}-{span}-01"));
    let resource = collector.resources().pop().unwrap();
    let named = ["service.name", "k8s.pod.name"].map(|key| attribute(&resource.attributes, key));
    assert_eq!(named, ["mailchute", "front-0"]);

    let line = until("the log line of the message comes", || {
        collector.logs().into_iter().find(|record| !attribute(&record.attributes, "confirmed").is_empty())
    });
    assert_eq!(hex(&line.trace_id), trace);
    assert_eq!(attribute(&line.attributes, "trace_id"), trace);
    assert_eq!((&*line.severity_text, &*attribute(&line.attributes, "code")), ("INFO", "250"));
}

fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let named: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(named.len(), 1, "{name}: {spans:#?}");
    named[0]
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
