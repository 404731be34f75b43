//! Traces, metrics and logs on their way to an OpenTelemetry collector.
//!
//! ```text
//!  spans ─▶ layer ─▶ queue ─┐
//!  logs  ─▶ layer ─▶ queue ─┼─▶ a thread of its own ─▶ collector
//!  metrics ◀── gathered ────┘
//! ```
//!
//! Mail waits for none of it: queues are bounded, and what finds no room is dropped and counted. All encoding and
//! sending is done by one thread with a runtime of its own.
//!
//! | file | what |
//! | --- | --- |
//! | `settings` | what the standard environment variables ask for |
//! | `resource` | who we are |
//! | `queue` | spans and log records that wait |
//! | `families` | metric families as OTLP has them, from the registry that Prometheus is served from |
//! | `collector` | requests |
//! | `answer` | what is answered to them |
//! | `thread` | what sends, and its end |

use std::io;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use crate::metrics::{Metrics, Signal};
use crate::telemetry::{Layers, TelemetryError, filter_of};
use collector::Collector;
use queue::Queue;
use settings::Settings;

mod answer;
mod collector;
mod families;
mod queue;
mod resource;
mod settings;
mod thread;

pub use settings::SettingsError;
pub use thread::{Running, Work};

/// What is exported, ready to begin.
pub struct Export {
    layers: Layers,
    work: Work,
}

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A variable.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// Names or certificates.
    #[error("the exporter of {}: {problem}", signal.as_str())]
    Collector {
        /// Of what.
        signal: Signal,
        /// In words.
        problem: String,
    },
    /// The filter of what is logged.
    #[error("{0}")]
    Filter(#[from] TelemetryError),
    /// Its thread can't be started.
    #[error("can't start the exporter: {0}")]
    Thread(#[from] io::Error),
}

impl Export {
    /// What the environment asks for; `None` where that is nothing. Logs are those that `filter` lets through.
    pub fn prepare(
        environment: &dyn Fn(&str) -> Option<String>,
        filter: &str,
        metrics: &Metrics,
    ) -> Result<Option<Self>, ExportError> {
        let settings = Settings::read(environment)?;
        if settings.is_empty() {
            return Ok(None);
        }
        let resource = resource::ours(environment)?;
        let mut export = Self { layers: Layers::new(), work: Work::new(&resource, metrics) };
        if let Some((target, batching)) = &settings.traces {
            let counts = metrics.export(Signal::Traces);
            let queue = Queue::new(*batching, counts.overflowed.clone());
            export.work.traces = Some((queue.clone(), collector(Signal::Traces, target, counts)?));
            let provider = SdkTracerProvider::builder().with_resource(resource.clone());
            let tracer = provider.with_span_processor(queue).build().tracer("mailchute");
            let layer = tracing_opentelemetry::layer().with_tracer(tracer);
            // Events are logs, which have a signal of their own.
            let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
            let ours = filter_fn(|of| of.is_span() && of.target().starts_with("mailchute"));
            export.layers.push(layer.with_level(false).with_target(false).with_filter(ours).boxed());
        }
        if let Some((target, batching)) = &settings.logs {
            let counts = metrics.export(Signal::Logs);
            let queue = Queue::new(*batching, counts.overflowed.clone());
            export.work.logs = Some((queue.clone(), collector(Signal::Logs, target, counts)?));
            let provider = SdkLoggerProvider::builder().with_resource(resource).with_log_processor(queue);
            let layer = OpenTelemetryTracingBridge::new(&provider.build());
            export.layers.push(layer.with_filter(filter_of(filter)?).boxed());
        }
        if let Some((target, interval)) = &settings.metrics {
            let counts = metrics.export(Signal::Metrics);
            export.work.metrics = Some((*interval, collector(Signal::Metrics, target, counts)?));
        }
        Ok(Some(export))
    }

    /// What the subscriber has to feed, and what is to be started once it does.
    pub fn into_parts(self) -> (Layers, Work) {
        (self.layers, self.work)
    }
}

fn collector(
    signal: Signal,
    target: &settings::Target,
    counts: crate::metrics::ExportMetrics,
) -> Result<Collector, ExportError> {
    Collector::new(signal, target, counts).map_err(|problem| ExportError::Collector { signal, problem })
}
