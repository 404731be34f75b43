//! A collector that is away, or takes and never answers, changes no reply and holds up no end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::program;
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] = b"Subject: one\r\n\r\nOne.\r\n";
/// What the end waits for at most, with much to spare: two seconds for the last records, as many for the log.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_collector_that_is_away_changes_no_reply() {
    mail_goes_on(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())), "http/protobuf");
}

#[test]
fn a_collector_that_never_answers_changes_no_reply() {
    for protocol in ["http/protobuf", "grpc"] {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        mail_goes_on(silent.local_addr().unwrap(), protocol);
    }
}

#[test]
fn a_variable_that_makes_no_sense_ends_the_process_before_a_port_is_open() {
    let mut command = program();
    command.args(["serve", "--manifests", "/nonexistent"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{told}");
}

fn mail_goes_on(collector: SocketAddr, protocol: &str) {
    let (backend, port) = (Recorder::start(), free_port());
    let endpoint = format!("http://{collector}");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "10"),
    ];
    let mut front_end =
        FrontEnd::start_under(port, &Manifests::listening(port).all_to(backend.address), &variables);
    let mut client = Client::greeted(front_end.smtp);
    for _ in 0..50 {
        assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    }
    client.expect("QUIT", 221);
    assert_eq!(backend.received().len(), 50);
    let dropped = ["mailchute_telemetry_dropped_total", r#"signal="traces""#, r#"reason="queue_full""#];
    assert!(front_end.metric(&dropped) > 0.0);
    let told = Instant::now();
    front_end.terminate();
    assert!(front_end.wait().success());
    assert!(told.elapsed() < SOON, "{:?}", told.elapsed());
}
