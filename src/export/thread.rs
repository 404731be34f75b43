//! The thread that sends: three loops on one runtime, until the process ends.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope as Scope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, SdkLogRecord};
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::collector::{Collector, Request};
use super::families::{self, Span};
use super::queue::{LogRecord, Queue};
use crate::metrics::Metrics;

/// How long the end of the process waits for the last records.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Points of one request: a server by grpc-go takes messages of 4 MiB unless it is told otherwise, and a histogram's
/// point with the longest names of Kubernetes stays under 1,300 octets.
const MOST_POINTS: usize = 3_000;

/// What there is to send, and to where.
pub struct Work {
    pub(super) traces: Option<(Queue<SpanData>, Collector)>,
    pub(super) logs: Option<(Queue<LogRecord>, Collector)>,
    pub(super) metrics: Option<(Duration, Collector)>,
    resource: ResourceAttributesWithSchema,
    registry: Metrics,
    began: SystemTime,
}

/// Sends what waits when it is dropped: keep it until the process ends.
#[derive(Debug)]
#[must_use = "records that wait are lost without it"]
pub struct Running {
    stop: watch::Sender<bool>,
    done: mpsc::Receiver<()>,
}

impl Work {
    pub(super) fn new(resource: &Resource, registry: &Metrics) -> Self {
        let (resource, registry) = (resource.into(), registry.clone());
        Self { traces: None, logs: None, metrics: None, resource, registry, began: SystemTime::now() }
    }

    /// Starts the thread.
    pub fn start(self) -> io::Result<Running> {
        let (stop, stopped) = watch::channel(false);
        let (telling, done) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            // What the exporter does is not exported itself, or there would be no end of it.
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            runtime.block_on(self.run(&stopped));
            // Whoever waited for it may have gone on.
            let _ = telling.send(());
        };
        thread::Builder::new().name("export".to_owned()).spawn(work)?;
        Ok(Running { stop, done })
    }

    async fn run(self, stopped: &watch::Receiver<bool>) {
        let Self { traces, logs, metrics, resource, registry, began } = self;
        let spans = async {
            let Some((queue, collector)) = traces else { return };
            drain(queue, collector, |batch| spans(batch, &resource), stopped.clone()).await;
        };
        let logs = async {
            let Some((queue, collector)) = logs else { return };
            drain(queue, collector, |batch| log_records(&batch, &resource), stopped.clone()).await;
        };
        let metrics = async {
            let Some((every, collector)) = metrics else { return };
            let gather = || points(&registry, began, &resource);
            report(every, collector, gather, stopped.clone()).await;
        };
        tokio::join!(spans, logs, metrics);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the thread is gone already there is nothing to stop or to wait for.
        let _ = self.stop.send(true);
        let _ = self.done.recv_timeout(LAST_WORDS);
    }
}

/// Sends batch by batch; at the end first what was under way, then what waits, for as long as there is time. A
/// collector that had taken what was under way has it twice.
async fn drain<T>(
    queue: Queue<T>,
    mut collector: Collector,
    encode: impl Fn(Vec<T>) -> Request,
    mut stopped: watch::Receiver<bool>,
) {
    let mut under_way = None;
    let forever = async {
        loop {
            let batch = queue.take().await;
            if !batch.is_empty() {
                collector.export(under_way.insert(encode(batch))).await;
                under_way = None;
            }
        }
    };
    tokio::select! {
        () = forever => {}
        () = until(&mut stopped) => {}
    }
    let end = Instant::now() + LAST_WORDS;
    let waiting = || Some(queue.take_now()).filter(|batch| !batch.is_empty()).map(&encode);
    while let Some(request) = under_way.take().or_else(waiting) {
        collector.export_last(&request, end).await;
        if Instant::now() >= end {
            return collector.lose(queue.len());
        }
    }
}

/// Sends all figures every so often, and once more at the end.
async fn report(
    every: Duration,
    mut collector: Collector,
    gather: impl Fn() -> Vec<Request>,
    mut stopped: watch::Receiver<bool>,
) {
    let forever = async {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            for request in gather() {
                collector.export(&request).await;
            }
        }
    };
    tokio::select! {
        () = forever => {}
        () = until(&mut stopped) => {}
    }
    let end = Instant::now() + LAST_WORDS;
    for request in gather() {
        collector.export_last(&request, end).await;
    }
}

/// It is time to end; so it is where nobody is left to say it.
async fn until(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn spans(batch: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Request {
    let records = batch.len();
    let resource_spans = group_spans_by_resource_and_scope(batch, resource);
    Request { message: ExportTraceServiceRequest { resource_spans }.encode_to_vec(), records }
}

fn log_records(batch: &[LogRecord], resource: &ResourceAttributesWithSchema) -> Request {
    let records: Vec<(&SdkLogRecord, &InstrumentationScope)> =
        batch.iter().map(|(record, scope)| (record, scope)).collect();
    let resource_logs = group_logs_by_resource_and_scope(&LogBatch::new(&records), resource);
    Request { message: ExportLogsServiceRequest { resource_logs }.encode_to_vec(), records: batch.len() }
}

/// All figures as they are now.
fn points(registry: &Metrics, began: SystemTime, resource: &ResourceAttributesWithSchema) -> Vec<Request> {
    let span = Span { began, gathered: SystemTime::now() };
    let parts = families::parts(&registry.gather(), span, MOST_POINTS);
    parts.into_iter().map(|part| figures(part, resource)).collect()
}

fn figures(part: families::Part, resource: &ResourceAttributesWithSchema) -> Request {
    let scope = Some(Scope {
        name: "mailchute".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Scope::default()
    });
    let resource_metrics = ResourceMetrics {
        resource: Some(ProtoResource {
            attributes: resource.attributes.0.clone(),
            ..ProtoResource::default()
        }),
        scope_metrics: vec![ScopeMetrics { scope, metrics: part.metrics, schema_url: String::new() }],
        schema_url: resource.schema_url.clone().unwrap_or_default(),
    };
    let message = ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }.encode_to_vec();
    Request { message, records: part.points }
}

#[cfg(test)]
mod tests;
