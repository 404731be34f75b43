//! A collector that is away, or takes and never answers, changes no reply and holds up no end; once it is back, it is
//! told again, and what was lost meanwhile is counted.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use crate::collector::Collector;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::program;
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

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

/// Sessions of one message, and how many spans each is: itself, its transaction, seven commands, a delivery.
fn sessions(front_end: &FrontEnd, sessions: usize) -> usize {
    for _ in 0..sessions {
        let mut client = Client::greeted(front_end.smtp);
        assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
        client.expect("QUIT", 221);
    }
    10 * sessions
}

#[test]
fn one_that_comes_back_is_told_again_and_what_it_missed_is_counted() {
    let (mut collector, backend, port) = (Collector::start(), Recorder::start(), free_port());
    let endpoint = format!("http://{}", collector.grpc);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let front_end =
        FrontEnd::start_under(port, &Manifests::listening(port).all_to(backend.address), &variables);
    let before = sessions(&front_end, 1);
    until_true("all has come", || collector.spans().len() == before);
    // What was taken and not answered would come twice.
    let taken = ["mailchute_telemetry_exports_total", r#"signal="traces""#, r#"outcome="ok""#];
    front_end.wait_for_metric(&taken, collector.batches() as f64);

    collector.kill();
    let missed = sessions(&front_end, 100);
    let lost = || front_end.metric(&["mailchute_telemetry_dropped_total", r#"signal="traces""#]);
    assert!(lost() > 100.0, "{}", lost());
    for signal in ["traces", "metrics", "logs"] {
        front_end.wait_for_log(&[&format!(r#""signal":"{signal}""#), "does not take telemetry"]);
    }

    collector.restart();
    for signal in ["traces", "metrics", "logs"] {
        front_end.wait_for_log(&[&format!(r#""signal":"{signal}""#), "takes telemetry again"]);
    }
    let after = sessions(&front_end, 1);
    let produced = (before + missed + after) as f64;
    until_true("what has not come is counted as lost, and nothing twice", || {
        (collector.spans().len() as f64 + lost() - produced).abs() < 0.5
    });
    for signal in ["traces", "metrics", "logs"] {
        let log = front_end.log();
        let of = log.lines().filter(|line| line.contains(&format!(r#""signal":"{signal}""#)));
        let told = of.filter(|line| line.contains("does not take telemetry")).count();
        assert_eq!(told, 1, "{log}");
    }
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
