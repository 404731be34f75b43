//! A collector that takes telemetry inside TLS only, from those who show a certificate and have a token.

use crate::collector::{Collector, Guard};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const TOKEN: &str = "sesame,open";
/// The token as a variable says it: "percent-encoded", as in W3C Baggage.
const HEADER: &str = "authorization=Bearer%20sesame%2Copen";

/// The collector, and files for those who call it.
struct Guarded {
    collector: Collector,
    folder: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Self {
        let (authority, clients) = (Authority::new(), Authority::new());
        let certificate = authority.server(&["127.0.0.1"]);
        let collector = Collector::guarded(&Guard { certificate, clients: clients.pem(), token: TOKEN });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), authority.pem()).unwrap();
        clients.client("front-end", &[]).write(folder.path(), "client");
        Self { collector, folder }
    }

    /// A front-end that knows all that it takes, but for these variables, and what it sends a message through.
    fn front_end(&self, protocol: &str, but: &[(&str, &str)]) -> FrontEnd {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let address = if protocol == "grpc" { self.collector.grpc } else { self.collector.http };
        let mut variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://{address}")),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", file("ca.crt")),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", file("client.crt")),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", file("client.key")),
            ("OTEL_EXPORTER_OTLP_HEADERS", HEADER.to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "100".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "10".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "10".to_owned()),
        ];
        for (name, value) in but {
            variables.iter_mut().find(|(of, _)| of == name).unwrap().1 = (*value).to_owned();
        }
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (backend, port) = (Recorder::start(), free_port());
        let manifests = Manifests::listening(port).all_to(backend.address);
        let front_end = FrontEnd::start_under(port, &manifests, &variables);
        let mut client = Client::greeted(front_end.smtp);
        let message = b"Subject: guarded\r\n\r\nOne.\r\n";
        assert_eq!(client.send("a@client.example", &["b@example.org"], message).code, 250);
        client.expect("QUIT", 221);
        front_end
    }

    fn takes(protocol: &str) {
        let guarded = Self::start();
        let front_end = guarded.front_end(protocol, &[]);
        let collector = &guarded.collector;
        until_true("all three signals come", || {
            let session = collector.spans().iter().any(|span| span.name == "smtp.session");
            session && !collector.logs().is_empty() && !collector.metrics().is_empty()
        });
        assert!(front_end.metric(&["mailchute_telemetry_dropped_total"]) < 1.0);
    }

    /// Nothing comes without what `but` lacks; it is counted, and the log says once how it failed, in the collector's words.
    fn refuses(&self, protocol: &str, but: &[(&str, &str)], detail: &str) {
        let front_end = self.front_end(protocol, but);
        let failed = ["mailchute_telemetry_exports_total", r#"signal="metrics""#, r#"outcome="failed""#];
        until_true("several requests have failed", || front_end.metric(&failed) > 2.0);
        let told = [r#""signal":"metrics""#, "the collector does not take telemetry"];
        front_end.wait_for_log(&told);
        let log = front_end.log();
        let lines: Vec<&str> =
            log.lines().filter(|line| told.iter().all(|word| line.contains(word))).collect();
        assert!(lines.len() == 1 && lines[0].contains(detail), "{protocol} {but:?}: {lines:#?}");
        assert!(!log.contains("sesame"), "{log}");
        let taken = front_end.metric(&["mailchute_telemetry_exports_total", r#"outcome="ok""#]);
        assert!(taken < 1.0 && self.collector.spans().is_empty(), "{protocol} {but:?}: {taken}");
    }
}

#[test]
fn over_http_who_shows_a_certificate_and_the_token_is_taken() {
    Guarded::takes("http/protobuf");
}

#[test]
fn over_grpc_the_same() {
    Guarded::takes("grpc");
}

#[test]
fn who_lacks_either_is_not_and_that_is_told_once() {
    let guarded = Guarded::start();
    let folder = tempfile::tempdir().unwrap();
    Authority::new().client("stranger", &[]).write(folder.path(), "client");
    let stranger =
        ["crt", "key"].map(|end| folder.path().join(format!("client.{end}")).display().to_string());
    for (protocol, no_token) in [("http/protobuf", "HTTP 401: "), ("grpc", "gRPC 16: ")] {
        guarded.refuses(
            protocol,
            &[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20wrong")],
            no_token,
        );
        let unknown = [
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &*stranger[0]),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &*stranger[1]),
        ];
        guarded.refuses(protocol, &unknown, "");
        // Ours is no authority of its own: the system's are believed, and none of them has signed this collector.
        guarded.refuses(protocol, &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "")], "TLS");
    }
}
