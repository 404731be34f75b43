//! Metric families as OTLP has them: what `metrics` gathers for Prometheus, word for word and figure for
//! figure, so that both tell the same.
//!
//! Names and labels are Prometheus' own. Counters and histograms are cumulative. The unit is what the
//! name ends with.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric,
    number_data_point,
};
use prometheus::proto::{self, MetricFamily, MetricType};

/// The span of time that figures are of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// When counting began.
    pub(crate) began: SystemTime,
    /// When the families were gathered.
    pub(crate) gathered: SystemTime,
}

/// All of `families`, less what OTLP has no place for: we declare neither summaries nor untyped ones.
pub(crate) fn metrics(families: &[MetricFamily], span: Span) -> Vec<Metric> {
    families.iter().filter_map(|family| metric(family, span)).collect()
}

fn metric(family: &MetricFamily, span: Span) -> Option<Metric> {
    let series = family.get_metric();
    let data = match family.get_field_type() {
        MetricType::COUNTER => {
            metric::Data::Sum(sum(series.iter().map(|one| number(one, one.get_counter().get_value(), span))))
        }
        MetricType::GAUGE => {
            let points = series.iter().map(|one| number(one, one.get_gauge().get_value(), span));
            metric::Data::Gauge(Gauge { data_points: points.collect() })
        }
        MetricType::HISTOGRAM => metric::Data::Histogram(Histogram {
            data_points: series.iter().map(|one| histogram(one, span)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let name = family.name().to_owned();
    let unit = unit(&name).to_owned();
    Some(Metric { name, description: family.help().to_owned(), unit, metadata: Vec::new(), data: Some(data) })
}

fn sum(points: impl Iterator<Item = NumberDataPoint>) -> Sum {
    Sum {
        data_points: points.collect(),
        aggregation_temporality: AggregationTemporality::Cumulative.into(),
        is_monotonic: true,
    }
}

fn number(series: &proto::Metric, value: f64, span: Span) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: nanoseconds(span.began),
        time_unix_nano: nanoseconds(span.gathered),
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

/// Prometheus counts in each bucket all that is at most its bound; OTLP what is in no bucket before it, and
/// has one bucket more than bounds, up to infinity.
fn histogram(series: &proto::Metric, span: Span) -> HistogramDataPoint {
    let histogram = series.get_histogram();
    let buckets = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let (mut bounds, mut counts, mut below) = (Vec::new(), Vec::new(), 0);
    for bucket in buckets {
        bounds.push(bucket.upper_bound());
        counts.push(bucket.cumulative_count().saturating_sub(below));
        below = bucket.cumulative_count();
    }
    counts.push(histogram.get_sample_count().saturating_sub(below));
    HistogramDataPoint {
        attributes: attributes(series),
        start_time_unix_nano: nanoseconds(span.began),
        time_unix_nano: nanoseconds(span.gathered),
        count: counts.iter().sum(),
        sum: Some(histogram.get_sample_sum()),
        bucket_counts: counts,
        explicit_bounds: bounds,
        ..HistogramDataPoint::default()
    }
}

fn attributes(series: &proto::Metric) -> Vec<KeyValue> {
    series.get_label().iter().map(|label| text(label.name(), label.value())).collect()
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(any_value::Value::StringValue(value.to_owned()));
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value }), ..KeyValue::default() }
}

/// UCUM's word for what a name ends with; none for a count.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total").rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "",
    }
}

/// OTLP's time: nanoseconds since 1970, which 64 bits hold until 2554.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

    use super::*;

    const SPAN: Span = Span { began: UNIX_EPOCH, gathered: UNIX_EPOCH };

    fn only(registry: &Registry, span: Span) -> Metric {
        let mut metrics = metrics(&registry.gather(), span);
        assert_eq!(metrics.len(), 1);
        metrics.remove(0)
    }

    #[test]
    fn a_counter_is_a_monotonic_cumulative_sum_with_its_labels() {
        let registry = Registry::new();
        let counter = IntCounterVec::new(Opts::new("mail_total", "Mail."), &["listener", "code"]).unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.with_label_values(&["mx", "250"]).inc_by(7);
        let span = Span {
            began: UNIX_EPOCH + Duration::from_secs(1),
            gathered: UNIX_EPOCH + Duration::from_nanos(9),
        };
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
        assert_eq!(metrics(&families, SPAN).len(), families.len());
    }

    #[test]
    fn units_stand_in_names() {
        assert_eq!(unit("mailchute_delivery_seconds_total"), "s");
        assert_eq!(unit("mailchute_message_bytes"), "By");
        assert_eq!(unit("mailchute_messages_total"), "");
    }
}
