//! The collector: what comes to it by gRPC or HTTP goes on, signal by signal, to where the test reads it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tempfile::TempDir;

use crate::support::manifests::free_port;
use crate::support::program::Running;
use crate::support::recorder::Recorder;

/// Where the program is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/build");
        let output = Command::new(build).args(["where", "otelcol"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Path::new(String::from_utf8(output.stdout).unwrap().trim_end()).join("otelcol")
    })
}

/// A collector. It is killed when this is dropped.
pub(crate) struct Collector {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    traces: Recorder,
    metrics: Recorder,
    logs: Recorder,
    _running: Running,
    _folder: TempDir,
}

impl Collector {
    /// Starts, and waits until it listens.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [grpc, http] = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let [traces, metrics, logs] = [(); 3].map(|()| Recorder::deciding(|_| 200));
        let file = folder.path().join("otelcol.yaml");
        let to = [&traces, &metrics, &logs].map(|recorder| recorder.address);
        std::fs::write(&file, configuration(grpc, http, to)).unwrap();
        // It ends with us, however we end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program()).stdin(Stdio::null());
        command.arg(format!("--config={}", file.display()));
        let mut running = Running::start(&mut command, &folder.path().join("log"));
        running.wait_until(|| [grpc, http].iter().all(|address| TcpStream::connect(address).is_ok()));
        Self { grpc, http, traces, metrics, logs, _running: running, _folder: folder }
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = requests::<ExportTraceServiceRequest>(&self.traces);
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }

    /// Whose the spans so far are.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        let requests = requests::<ExportTraceServiceRequest>(&self.traces);
        requests.into_iter().flat_map(|request| request.resource_spans).filter_map(|of| of.resource).collect()
    }

    /// All log records so far.
    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        let requests = requests::<ExportLogsServiceRequest>(&self.logs);
        let resources = requests.into_iter().flat_map(|request| request.resource_logs);
        resources.flat_map(|of| of.scope_logs).flat_map(|of| of.log_records).collect()
    }

    /// The newest figures.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let newest = requests::<ExportMetricsServiceRequest>(&self.metrics).pop().unwrap_or_default();
        let resources = newest.resource_metrics.into_iter();
        resources.flat_map(|of| of.scope_metrics).flat_map(|of| of.metrics).collect()
    }
}

fn requests<T: Message + Default>(recorder: &Recorder) -> Vec<T> {
    recorder.received().iter().map(|request| T::decode(request.body.clone()).unwrap()).collect()
}

fn configuration(grpc: SocketAddr, http: SocketAddr, [traces, metrics, logs]: [SocketAddr; 3]) -> String {
    let pipeline = "{receivers: [otlp], exporters: [otlp_http]}";
    format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"{grpc}\"}}, http: {{endpoint: \"{http}\"}}}}}}\n\
         exporters:\n  otlp_http:\n    traces_endpoint: http://{traces}/\n    metrics_endpoint: http://{metrics}/\n    \
         logs_endpoint: http://{logs}/\n    compression: none\n    sending_queue: {{enabled: false}}\n\
         service:\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {pipeline}, metrics: {pipeline}, logs: {pipeline}}}\n"
    )
}

/// An attribute as text; nothing where there is none.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key);
    match value.and_then(|attribute| attribute.value.clone()?.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}
