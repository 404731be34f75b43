//! Families as they come out.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

use super::*;

const SPAN: Span = Span { began: UNIX_EPOCH, gathered: UNIX_EPOCH };

fn only(registry: &Registry, span: Span) -> Metric {
    let mut parts = parts(&registry.gather(), span, 10);
    assert_eq!((parts.len(), parts[0].metrics.len(), parts[0].points), (1, 1, 1));
    parts.remove(0).metrics.remove(0)
}

#[test]
fn a_counter_is_a_monotonic_cumulative_sum_with_its_labels() {
    let registry = Registry::new();
    let counter = IntCounterVec::new(Opts::new("mail_total", "Mail."), &["listener", "code"]).unwrap();
    registry.register(Box::new(counter.clone())).unwrap();
    counter.with_label_values(&["mx", "250"]).inc_by(7);
    let span =
        Span { began: UNIX_EPOCH + Duration::from_secs(1), gathered: UNIX_EPOCH + Duration::from_nanos(9) };
    let metric = only(&registry, span);
    assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("mail_total", "Mail.", ""));
    let Some(metric::Data::Sum(sum)) = metric.data else { panic!("no sum") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality(), AggregationTemporality::Cumulative);
    let point = &sum.data_points[0];
    assert_eq!(point.attributes, [text("code", "250"), text("listener", "mx")]);
    assert_eq!(point.value, Some(number_data_point::Value::AsDouble(7.0)));
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1_000_000_000, 9));
}

#[test]
fn a_gauge_is_a_gauge_and_may_fall() {
    let registry = Registry::new();
    let gauge = IntGauge::new("message_memory_bytes", "Memory.").unwrap();
    registry.register(Box::new(gauge.clone())).unwrap();
    gauge.set(-3);
    let metric = only(&registry, SPAN);
    assert_eq!(metric.unit, "By");
    let Some(metric::Data::Gauge(gauge)) = metric.data else { panic!("no gauge") };
    assert_eq!(gauge.data_points[0].value, Some(number_data_point::Value::AsDouble(-3.0)));
}

#[test]
fn buckets_of_a_histogram_count_what_is_in_them_alone() {
    let registry = Registry::new();
    let options = HistogramOpts::new("took_seconds", "Time.").buckets(vec![0.1, 1.0, 10.0]);
    let histogram = HistogramVec::new(options, &["listener"]).unwrap();
    registry.register(Box::new(histogram.clone())).unwrap();
    // A bound belongs to the bucket below it, in both.
    for seconds in [0.05, 0.1, 0.5, 5.0, 100.0, 200.0] {
        histogram.with_label_values(&["mx"]).observe(seconds);
    }
    let metric = only(&registry, SPAN);
    assert_eq!(metric.unit, "s");
    let Some(metric::Data::Histogram(histogram)) = metric.data else { panic!("no histogram") };
    let point = &histogram.data_points[0];
    assert_eq!(point.explicit_bounds, [0.1, 1.0, 10.0]);
    assert_eq!(point.bucket_counts, [2, 1, 1, 2]);
    assert_eq!(point.count, 6);
    assert!((point.sum.unwrap() - 305.65).abs() < 1e-9);
}

#[test]
fn every_family_of_ours_has_a_place() {
    let metrics_of_ours = crate::metrics::Metrics::new();
    metrics_of_ours.listener("mx").session();
    let families = metrics_of_ours.gather();
    assert!(!families.is_empty());
    assert_eq!(parts(&families, SPAN, 1_000)[0].metrics.len(), families.len());
}

#[test]
fn no_part_has_more_points_than_it_may_and_none_is_left_out() {
    let registry = Registry::new();
    for (name, series) in [("a_total", 1), ("b_total", 3), ("c_total", 7), ("d_total", 2)] {
        let counter = IntCounterVec::new(Opts::new(name, "Mail."), &["listener"]).unwrap();
        (0..series).for_each(|listener| counter.with_label_values(&[&listener.to_string()]).inc());
        registry.register(Box::new(counter)).unwrap();
    }
    let parts = parts(&registry.gather(), SPAN, 3);
    let told = |part: &Part| {
        let metrics = part.metrics.iter().map(|metric| match &metric.data {
            Some(metric::Data::Sum(sum)) => format!("{}:{}", &metric.name[..1], sum.data_points.len()),
            other => panic!("{other:?}"),
        });
        (metrics.collect::<Vec<_>>().join(" "), part.points)
    };
    let told: Vec<_> = parts.iter().map(told).collect();
    let expected = [("a:1", 1), ("b:3", 3), ("c:3", 3), ("c:3", 3), ("c:1 d:2", 3)];
    assert_eq!(told, expected.map(|(metrics, points)| (metrics.to_owned(), points)));
}

#[test]
fn units_stand_in_names() {
    assert_eq!(unit("mailchute_delivery_seconds_total"), "s");
    assert_eq!(unit("mailchute_message_bytes"), "By");
    assert_eq!(unit("mailchute_messages_total"), "");
}
