//! What is not yet sent when the process is told to end comes all the same: what waits, and what is under way.

use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};

use crate::collector::{Collector, attribute};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] = b"Subject: last\r\n\r\nOne.\r\n";
/// Longer than a test.
const NEVER: &str = "3600000";

/// A front-end that has taken a message, under these variables.
fn has_taken_one(variables: &[(&str, &str)]) -> FrontEnd {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening(port).all_to(backend.address);
    let front_end = FrontEnd::start_under(port, &manifests, variables);
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    client.expect("QUIT", 221);
    front_end
}

fn ends(mut front_end: FrontEnd) {
    front_end.terminate();
    assert!(front_end.wait().success());
}

/// Nobody waits here: the collector answers only once all that it took is handed on.
fn all_waits(protocol: &str) {
    let collector = Collector::start();
    let address = if protocol == "grpc" { collector.grpc } else { collector.http };
    let endpoint = format!("http://{address}");
    let front_end = has_taken_one(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_SCHEDULE_DELAY", NEVER),
        ("OTEL_BLRP_SCHEDULE_DELAY", NEVER),
        ("OTEL_METRIC_EXPORT_INTERVAL", NEVER),
    ]);
    front_end.wait_for_log(&["confirmed"]);
    assert_eq!((collector.spans().len(), collector.logs().len()), (0, 0));
    assert!(collector.metrics().is_empty());
    ends(front_end);
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.len() == 10 && names.iter().any(|name| name == "smtp.session"), "{names:?}");
    let confirmed = |attributes: &[_]| !attribute(attributes, "confirmed").is_empty();
    assert!(collector.logs().iter().any(|record| confirmed(&record.attributes)));
    assert!((messages(&collector) - 1.0).abs() < f64::EPSILON);
}

fn messages(collector: &Collector) -> f64 {
    let metrics = collector.metrics();
    let messages = metrics.iter().find(|metric| metric.name == "mailchute_messages_total").unwrap();
    let Some(metric::Data::Sum(sum)) = &messages.data else { panic!("{messages:?}") };
    let values = sum.data_points.iter().map(|point| match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        other => panic!("{other:?}"),
    });
    values.sum()
}

#[test]
fn over_http_spans_log_records_and_figures_that_wait_come() {
    all_waits("http/protobuf");
}

#[test]
fn over_grpc_they_do_too() {
    all_waits("grpc");
}

#[test]
fn a_batch_between_two_attempts_comes() {
    let mut collector = Collector::start();
    collector.kill();
    let endpoint = format!("http://{}", collector.grpc);
    let front_end = has_taken_one(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1000"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    let failed = ["mailchute_telemetry_exports_total", r#"signal="traces""#, r#"outcome="failed""#];
    // The pause before the fifth attempt is four seconds or more.
    front_end.wait_for_metric(&failed, 4.0);
    collector.restart();
    ends(front_end);
    assert_eq!(collector.spans().len(), 10);
}
