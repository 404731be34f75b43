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

/// What goes in one request.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) metrics: Vec<Metric>,
    pub(crate) points: usize,
}

/// All of `families` in parts of at most so many points, less what OTLP has no place for: we declare neither
/// summaries nor untyped ones.
pub(crate) fn parts(families: &[MetricFamily], span: Span, most: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for family in families {
        for series in family.get_metric().chunks(most) {
            let Some(metric) = metric(family, series, span) else { continue };
            if parts.last().is_none_or(|part| part.points + series.len() > most) {
                parts.push(Part::default());
            }
            let Some(part) = parts.last_mut() else { continue };
            part.metrics.push(metric);
            part.points += series.len();
        }
    }
    parts
}

fn metric(family: &MetricFamily, series: &[proto::Metric], span: Span) -> Option<Metric> {
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
mod tests;
