//! What a collector is told and what Prometheus is told are the same. `seen` has the same of every family.

use crate::collector::Collector;
use crate::series;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

#[test]
fn a_collector_has_the_figures_that_prometheus_has() {
    let (collector, backend, port) = (Collector::start(), Recorder::start(), free_port());
    let endpoint = format!("http://{}", collector.http);
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_METRIC_EXPORT_INTERVAL", "100")];
    let front_end =
        FrontEnd::start_under(port, &Manifests::listening(port).all_to(backend.address), &variables);
    let mut client = Client::greeted(front_end.smtp);
    for _ in 0..3 {
        let sent = client.send("a@client.example", &["b@example.org"], b"Subject: counted\r\n\r\nOne.\r\n");
        assert_eq!(sent.code, 250);
    }
    client.expect("NONSENSE", 500);
    client.expect("QUIT", 221);
    front_end.wait_for_metric(&["mailchute_smtp_sessions_total"], 1.0);
    let families = series::wait_until_equal(&collector, &front_end);
    assert!(families.len() > 10, "{families:?}");
}
