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
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::certificates::Certificate;
use crate::support::manifests::free_port;
use crate::support::program::Running;
use crate::support::recorder::Recorder;

/// Its configuration, in its folder.
const CONFIGURATION: &str = "otelcol.yaml";

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

/// What a collector that takes not everything asks for.
pub(crate) struct Guard {
    /// Its own certificate and key, and the authority of its clients, in PEM.
    pub(crate) certificate: Certificate,
    pub(crate) clients: String,
    /// What stands behind `Bearer ` in a header.
    pub(crate) token: &'static str,
}

/// A collector. It is killed when this is dropped.
pub(crate) struct Collector {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    traces: Recorder,
    metrics: Recorder,
    logs: Recorder,
    running: Running,
    folder: TempDir,
}

impl Collector {
    /// Starts, and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// One that speaks TLS, with those who show a certificate and have the token.
    pub(crate) fn guarded(guard: &Guard) -> Self {
        Self::start_with(Some(guard))
    }

    fn start_with(guard: Option<&Guard>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [grpc, http] = [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let [traces, metrics, logs] = [(); 3].map(|()| Recorder::deciding(|_| 200));
        let to = [&traces, &metrics, &logs].map(|recorder| recorder.address);
        if let Some(guard) = guard {
            guard.certificate.write(folder.path(), "collector");
            std::fs::write(folder.path().join("clients.crt"), &guard.clients).unwrap();
        }
        let configuration = configuration([grpc, http], to, guard.map(|guard| (guard.token, folder.path())));
        std::fs::write(folder.path().join(CONFIGURATION), configuration.to_string()).unwrap();
        let running = run(&folder, [grpc, http]);
        Self { grpc, http, traces, metrics, logs, running, folder }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Starts it anew, where it was.
    pub(crate) fn restart(&mut self) {
        self.running = run(&self.folder, [self.grpc, self.http]);
    }

    /// Lets it do nothing from now on: it takes connections, and never answers.
    pub(crate) fn freeze(&self) {
        self.running.freeze();
    }

    /// All spans so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = requests::<ExportTraceServiceRequest>(&self.traces);
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }

    /// In how many requests they came.
    pub(crate) fn batches(&self) -> usize {
        self.traces.received().len()
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

/// Starts one that is written down in `folder`, and waits until it listens.
fn run(folder: &TempDir, addresses: [SocketAddr; 2]) -> Running {
    // It ends with us, however we end.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program()).stdin(Stdio::null());
    command.arg(format!("--config={}", folder.path().join(CONFIGURATION).display()));
    let mut running = Running::start(&mut command, &folder.path().join("log"));
    running.wait_until(|| addresses.iter().all(|address| TcpStream::connect(address).is_ok()));
    running
}

fn configuration(
    [grpc, http]: [SocketAddr; 2],
    [traces, metrics, logs]: [SocketAddr; 3],
    guard: Option<(&str, &Path)>,
) -> Value {
    let listening = |address: SocketAddr| {
        let mut door = json!({"endpoint": address.to_string()});
        if let Some((_, folder)) = guard {
            let file = |name: &str| folder.join(name);
            door["tls"] = json!({
                "cert_file": file("collector.crt"), "key_file": file("collector.key"),
                "client_ca_file": file("clients.crt"),
            });
            door["auth"] = json!({"authenticator": "bearertokenauth"});
        }
        door
    };
    let pipeline = json!({"receivers": ["otlp"], "exporters": ["otlp_http"]});
    let mut configuration = json!({
        "receivers": {"otlp": {"protocols": {"grpc": listening(grpc), "http": listening(http)}}},
        "exporters": {"otlp_http": {
            "traces_endpoint": format!("http://{traces}/"), "metrics_endpoint": format!("http://{metrics}/"),
            "logs_endpoint": format!("http://{logs}/"), "compression": "none", "sending_queue": {"enabled": false},
        }},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "metrics": pipeline, "logs": pipeline},
        },
    });
    if let Some((token, _)) = guard {
        configuration["extensions"] = json!({"bearertokenauth": {"token": token}});
        configuration["service"]["extensions"] = json!(["bearertokenauth"]);
    }
    configuration
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
