//! The series that a collector has, as Prometheus would write them, beside those that Prometheus is told.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, metric, number_data_point};

use crate::collector::{Collector, attribute};
use crate::support::front_end::FrontEnd;
use crate::support::until::until_true;

/// Series by name and labels, as Prometheus writes them.
type Figures = BTreeMap<String, f64>;

/// These count the exports, so each of the two is told of another moment.
const OF_THE_EXPORT: &str = "mailchute_telemetry_";

/// Waits until a collector has each series that is scraped, with its figure, and no other. Gives their families.
pub(crate) fn wait_until_equal(collector: &Collector, front_end: &FrontEnd) -> BTreeSet<String> {
    let (mut scraped, mut received) = (Figures::new(), Figures::new());
    until_true("the collector has what is scraped", || {
        let (_, text) = front_end.get("/metrics").unwrap();
        (scraped, received) = (self::scraped(&text), collected(&collector.metrics()));
        received.len() == scraped.len()
            && received.iter().all(|(series, value)| same(scraped.get(series), *value))
    });
    let families: BTreeSet<String> = collector
        .metrics()
        .into_iter()
        .map(|metric| metric.name)
        .filter(|name| !name.starts_with(OF_THE_EXPORT))
        .collect();
    println!("{} series of {} families are the same in both", scraped.len(), families.len());
    families
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
