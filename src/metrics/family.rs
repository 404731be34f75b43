//! One metric family: label values → series.
//!
//! Not the vectors of the `prometheus` crate: those find a series by a hash of its label values run
//! together, so `("a", "bc")` and `("ab", "c")` would be one, and drop a series only by all its values.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::core::{Collector, Desc, Metric};
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Counter, Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};

/// The values of a series' labels, in the order of the family's names.
type Values = Box<[Box<str>]>;

/// A series of some kind: counter, gauge, histogram.
pub(super) trait Series: Metric + fmt::Debug + 'static {
    /// What the exposition calls the kind.
    const TYPE: MetricType;

    /// A new series at zero; `buckets` speak to histograms only.
    fn create(opts: Opts, buckets: &[f64]) -> prometheus::Result<Self>;
}

macro_rules! plain_series {
    ($($series:ty => $kind:ident),*) => {
        $(impl Series for $series {
            const TYPE: MetricType = MetricType::$kind;

            fn create(opts: Opts, _buckets: &[f64]) -> prometheus::Result<Self> {
                Self::with_opts(opts)
            }
        })*
    };
}

plain_series!(IntCounter => COUNTER, Counter => COUNTER, IntGauge => GAUGE, Gauge => GAUGE);

impl Series for Histogram {
    const TYPE: MetricType = MetricType::HISTOGRAM;

    fn create(opts: Opts, buckets: &[f64]) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::from(opts).buckets(buckets.to_vec()))
    }
}

/// All series of one name.
#[derive(Debug)]
pub(super) struct Family<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    desc: Desc,
    buckets: Vec<f64>,
    series: RwLock<HashMap<Values, S>>,
}

impl<S: Series> Family<S> {
    /// A family without series, known to `registry`.
    pub(super) fn declare(
        registry: &Registry,
        name: &'static str,
        labels: &[&'static str],
        help: &'static str,
        buckets: Vec<f64>,
    ) -> Self {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
            .expect("names and labels are constants, and a test declares them all");
        let inner = Arc::new(Inner { desc, buckets, series: RwLock::default() });
        registry
            .register(Box::new(Exposed(Arc::clone(&inner))))
            .expect("each name stands once in the table, and a test declares them all");
        Self(inner)
    }

    /// The series with these values, made where it is missing. Takes a lock: for the first use.
    pub(super) fn get(&self, values: &[&str]) -> S {
        let values: Values = values.iter().map(|&value| value.into()).collect();
        let held = self.0.series.read().unwrap_or_else(PoisonError::into_inner).get(&values).cloned();
        held.unwrap_or_else(|| {
            let mut series = self.0.series.write().unwrap_or_else(PoisonError::into_inner);
            series.entry(values).or_insert_with_key(|values| self.0.create(values)).clone()
        })
    }

    /// Drops each series whose value of `label` is not to be kept.
    pub(super) fn retain(&self, label: &str, keep: impl Fn(&str) -> bool) {
        let index = self.0.desc.variable_labels.iter().position(|name| name == label);
        let Some(index) = index else { return };
        let mut series = self.0.series.write().unwrap_or_else(PoisonError::into_inner);
        series.retain(|values, _| keep(&values[index]));
    }
}

impl<S: Series> Inner<S> {
    fn create(&self, values: &[Box<str>]) -> S {
        assert_eq!(values.len(), self.desc.variable_labels.len(), "labels of {}", self.desc.fq_name);
        let names = self.desc.variable_labels.iter().cloned();
        let labels = names.zip(values.iter().map(ToString::to_string)).collect();
        let opts = Opts::new(self.desc.fq_name.clone(), self.desc.help.clone()).const_labels(labels);
        S::create(opts, &self.buckets).expect("the family was declared with the same name and labels")
    }
}

/// What the registry holds of a family.
struct Exposed<S>(Arc<Inner<S>>);

impl<S: Series> Collector for Exposed<S> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let series = self.0.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut family = MetricFamily::default();
        family.set_name(self.0.desc.fq_name.clone());
        family.set_help(self.0.desc.help.clone());
        family.set_field_type(S::TYPE);
        family.set_metric(series.values().map(Metric::metric).collect());
        vec![family]
    }
}
