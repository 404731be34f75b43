//! What a collector is told and what Prometheus is told are the same.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, metric, number_data_point};

use crate::collector::{Collector, attribute};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

/// Series by name and labels, as Prometheus writes them.
type Figures = BTreeMap<String, f64>;

/// These count the exports, so each of the two is told of another moment.
const OF_THE_EXPORT: &str = "mailchute_telemetry_";

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
    let (_, text) = front_end.get("/metrics").unwrap();
    let scraped = scraped(&text);
    assert!(scraped.len() > 50, "{text}");
    let mut received = Figures::new();
    until_true("the collector has the same", || {
        received = collected(&collector.metrics());
        received.len() == scraped.len()
            && received.iter().all(|(series, value)| same(scraped.get(series), *value))
    });
}

fn same(scraped: Option<&f64>, received: f64) -> bool {
    scraped.is_some_and(|scraped| (scraped - received).abs() <= f64::EPSILON * scraped.abs())
}

fn scraped(text: &str) -> Figures {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with(OF_THE_EXPORT));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn collected(metrics: &[Metric]) -> Figures {
    let mut figures = Figures::new();
    for metric in metrics.iter().filter(|metric| !metric.name.starts_with(OF_THE_EXPORT)) {
        let name = &metric.name;
        let numbers = match metric.data.as_ref().unwrap() {
            metric::Data::Sum(sum) => &sum.data_points,
            metric::Data::Gauge(gauge) => &gauge.data_points,
            metric::Data::Histogram(histogram) => {
                histogram.data_points.iter().for_each(|point| spread(name, point, &mut figures));
                continue;
            }
            other => panic!("{name}: {other:?}"),
        };
        for point in numbers {
            let Some(number_data_point::Value::AsDouble(value)) = point.value else { panic!("{name}") };
            figures.insert(series(name, &point.attributes, None), value);
        }
    }
    figures
}

/// A histogram as Prometheus has it: each bucket counts those below it too.
fn spread(name: &str, point: &HistogramDataPoint, figures: &mut Figures) {
    let bounds = point.explicit_bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let mut count = 0.0;
    for (bound, bucket) in bounds.zip(&point.bucket_counts) {
        count += f64::from(u32::try_from(*bucket).unwrap());
        figures.insert(series(&format!("{name}_bucket"), &point.attributes, Some(&bound)), count);
    }
    figures.insert(series(&format!("{name}_sum"), &point.attributes, None), point.sum.unwrap());
    let all = f64::from(u32::try_from(point.count).unwrap());
    figures.insert(series(&format!("{name}_count"), &point.attributes, None), all);
}

fn series(name: &str, attributes: &[KeyValue], bound: Option<&str>) -> String {
    let labels = attributes.iter().map(|label| (&*label.key, attribute(attributes, &label.key)));
    let labels = labels.chain(bound.map(|bound| ("le", bound.to_owned())));
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}
