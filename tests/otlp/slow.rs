//! A collector that never answers makes no sender wait.

use std::time::{Duration, Instant};

use crate::collector::Collector;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

const MESSAGES: usize = 400;
const MESSAGE: &[u8] = b"Subject: one\r\n\r\nOne.\r\n";
/// What may lie between the two on a machine that does other things at the same time. The exporter waits ten seconds
/// for an answer.
const NOISE: Duration = Duration::from_millis(50);

/// A front-end, and how long each of its messages took.
struct Side {
    front_end: FrontEnd,
    took: Vec<Duration>,
}

impl Side {
    fn start(backend: &Recorder, variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let manifests = Manifests::listening(port).all_to(backend.address);
        Self { front_end: FrontEnd::start_under(port, &manifests, variables), took: Vec::new() }
    }

    fn send(&mut self) {
        let started = Instant::now();
        let mut client = Client::greeted(self.front_end.smtp);
        assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
        client.expect("QUIT", 221);
        self.took.push(started.elapsed());
    }

    fn percentile(&mut self, hundredth: usize) -> Duration {
        self.took.sort_unstable();
        self.took[self.took.len() * hundredth / 100]
    }
}

#[test]
fn mail_takes_no_longer_than_without_one() {
    let (collector, backend) = (Collector::start(), Recorder::start());
    let endpoint = format!("http://{}", collector.grpc);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
    ];
    let (mut without, mut with) = (Side::start(&backend, &[]), Side::start(&backend, &variables));
    collector.freeze();
    // In turns, so that both have the same machine.
    for _ in 0..MESSAGES {
        without.send();
        with.send();
    }
    assert_eq!(backend.received().len(), 2 * MESSAGES);
    let dropped = with.front_end.metric(&["mailchute_telemetry_dropped_total", r#"reason="queue_full""#]);
    assert!(dropped > 0.0, "the queue was never full");
    for hundredth in [50, 99] {
        let (quick, slow) = (without.percentile(hundredth), with.percentile(hundredth));
        println!("a message, p{hundredth}: {quick:?}; with a collector that never answers {slow:?}");
        assert!(slow < 2 * quick + NOISE, "p{hundredth}: {quick:?}, {slow:?}");
    }
}
