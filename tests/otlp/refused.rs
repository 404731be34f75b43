//! What failed says so in its span: a relay's refusal at RCPT, a relay or a service that is away, a backend's answer.

use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::collector::{Collector, attribute};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::relay::{Act, Relay};
use crate::support::until::until;
use crate::trace::verified_by;

const MESSAGE: &[u8] = b"Subject: refused\r\n\r\nOne.\r\n";

/// Sends two messages in one session, to `b@` and to `a@`, and gives all spans of the session with their replies.
fn spans(manifests: &Manifests, port: u16) -> (Vec<Span>, [u16; 2]) {
    let collector = Collector::start();
    let endpoint = format!("http://{}", collector.http);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
    let front_end = FrontEnd::start_under(port, manifests, &variables);
    let mut client = Client::greeted(front_end.smtp);
    let codes = ["b@example.org", "a@example.org"].map(|to| {
        let code = client.send("a@client.example", &[to], MESSAGE).code;
        client.expect("RSET", 250);
        code
    });
    client.expect("QUIT", 221);
    let spans = until("the session's span comes, which ends last", || {
        Some(collector.spans()).filter(|spans| spans.iter().any(|span| span.name == "smtp.session"))
    });
    (spans, codes)
}

/// Spans of a name: what each says of its status and its cause, and the command that it belongs to.
fn told(spans: &[Span], name: &str) -> Vec<(StatusCode, String, String)> {
    let named = spans.iter().filter(|span| span.name == name);
    let mut told: Vec<_> = named
        .map(|span| {
            let parent = spans.iter().find(|parent| parent.span_id == span.parent_span_id).unwrap();
            let command = ["command", "code"].map(|key| attribute(&parent.attributes, key)).join(" ");
            let code = span.status.as_ref().map_or(StatusCode::Unset, Status::code);
            (span.start_time_unix_nano, (code, attribute(&span.attributes, "cause"), command))
        })
        .collect();
    told.sort_by_key(|(started, _)| *started);
    told.into_iter().map(|(_, told)| told).collect()
}

#[test]
fn a_recipient_that_a_relay_does_not_take() {
    let relay = Relay::but(&["8BITMIME"], &[("RCPT TO:<b@", Act::Say("550 5.1.1 Not here"))]);
    let port = free_port();
    let (spans, codes) =
        spans(&Manifests::listening(port).relayed("smtp", relay.address, "tls: Disabled"), port);
    assert_eq!(codes, [550, 250]);
    let refused = (StatusCode::Error, "verdict".to_owned(), "RCPT 550".to_owned());
    let taken = (StatusCode::Unset, String::new(), "RCPT 250".to_owned());
    assert_eq!(told(&spans, "delivery.recipient"), [refused, taken]);
    assert_eq!(told(&spans, "delivery smtp"), [(StatusCode::Unset, String::new(), "MESSAGE 250".to_owned())]);
}

#[test]
fn a_relay_that_is_away() {
    let port = free_port();
    let nobody = ([127, 0, 0, 1], free_port()).into();
    let (spans, codes) = spans(&Manifests::listening(port).relayed("smtp", nobody, "tls: Disabled"), port);
    assert_eq!(codes, [451, 451]);
    let away = (StatusCode::Error, "unreachable".to_owned(), "RCPT 451".to_owned());
    assert_eq!(told(&spans, "delivery.recipient"), [away.clone(), away]);
}

#[test]
fn a_check_that_comes_to_no_result() {
    let (backend, port) = (Recorder::start(), free_port());
    let nobody = ([127, 0, 0, 1], free_port()).into();
    let manifests = Manifests::listening(port).all_to(backend.address).document(&verified_by(nobody));
    let (spans, codes) = spans(&manifests, port);
    assert_eq!(codes, [451, 451]);
    let unknown = (StatusCode::Error, String::new(), "RCPT 451".to_owned());
    assert_eq!(told(&spans, "policy.verification"), [unknown.clone(), unknown]);
}

#[test]
fn a_backend_that_refuses() {
    let (backend, port) = (Recorder::deciding(|_| 422), free_port());
    let responses = r#"responses: {"422": "550 5.7.1 Not wanted here"}"#;
    let manifests =
        Manifests::listening(port).route("all", "domain: example.org", backend.address, responses);
    let (spans, codes) = spans(&manifests, port);
    assert_eq!(codes, [550, 550]);
    let refused = (StatusCode::Error, "misconfigured".to_owned(), "MESSAGE 550".to_owned());
    assert_eq!(told(&spans, "delivery http"), [refused.clone(), refused]);
}
