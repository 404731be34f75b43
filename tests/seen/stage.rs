//! A front-end that makes every series there is: two HTTP backends, of which one breaks, a stream, TLS, users, an
//! OpenTelemetry collector; and the traffic that makes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::version::TLS13;

use crate::collector::Collector;
use crate::series;
use crate::server::Server;
use crate::support::bounces::{KEY, Notifying, ask, bounces, keys, unknown};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::consumer::{Consumer, config};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::relay::Relay;
use crate::support::scene::tls;
use crate::support::secure::Tls;

/// The password `pencil`.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
/// Of a backend: it is soon left alone, and soon tried again.
const SHORT_OF_PATIENCE: &str = "circuit: {consecutiveFailures: 5, openFor: 1s}";
const API: &str = "apiVersion: mailchute.dev/v1alpha1\n";
const MESSAGE: &[u8] = b"Subject: seen\r\n\r\nOne.\r\n";

/// The front-end, and what stands behind it.
pub(crate) struct Stage {
    pub(crate) front_end: FrontEnd,
    bounces: SocketAddr,
    steady: Recorder,
    _relay: Relay,
    broker: Server,
    collector: Collector,
    answer: Arc<AtomicU16>,
    tls: Tls,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let answer = Arc::new(AtomicU16::new(204));
        let given = Arc::clone(&answer);
        let (steady, breaking) =
            (Recorder::start(), Recorder::deciding(move |_| given.load(Ordering::Relaxed)));
        let broker = Server::start();
        Consumer::connect(broker.address).create(&config());
        let port = free_port();
        let listener = format!(
            "{}, auth: {{mode: Offer, allowPlaintext: true}}, connection: {{perClient: {{connectionsPerMinute: \
             100000}}}}",
            tls("mode: StartTLS", &["mx"])
        );
        let manifests = Manifests::listening_with(port, &listener)
            .users(&[("alice", HASH)])
            .certificate("mx", &Authority::new().server_until(&["mx.example.org"], 2100))
            .document(&routed("ada", &format!("http: {{url: \"http://{}/\"}}", steady.address)))
            .document(&routed(
                "eve",
                &format!("http: {{url: \"http://{}/\"}}, {SHORT_OF_PATIENCE}", breaking.address),
            ))
            .document(&routed(
                "queue",
                &format!("nats: {{url: \"nats://{}\", stream: MAIL, subject: mail.in}}", broker.address),
            ));
        let relay = Relay::good(&["8BITMIME"]);
        let told = relay.address.port();
        let collector = Collector::start();
        let endpoint = format!("http://{}", collector.http);
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ];
        let manifests = |_| bounces(manifests, told, "All", &keys(KEY, None));
        let Notifying { front_end, bounces } = Notifying::start_under(port, manifests, &variables);
        let tls = Tls::of(&[&TLS13]);
        Self { front_end, bounces, steady, _relay: relay, broker, collector, answer, tls }
    }

    /// What healthy traffic is made of, once: mail that is taken, by all ways; clients that are wrong.
    pub(crate) fn traffic(&self) {
        let mut client = Client::greeted(self.front_end.smtp);
        for recipient in ["ada@example.org", "queue@example.org"] {
            assert_eq!(client.send("a@client.example", &[recipient], MESSAGE).code, 250, "{recipient}");
        }
        let event = self.steady.received().pop().unwrap();
        let told = ask(self.bounces, event.header("ce-bouncetoken"), &unknown("ada@example.org"));
        // So many are sent to one sender in a minute.
        assert!(matches!(told.status, 202 | 429), "{told:?}");
        client.expect("MAIL FROM:<a@client.example>", 250);
        client.expect("RCPT TO:<nobody@example.org>", 550);
        client.write(b"NO\0OP\r\n").unwrap();
        assert_eq!(client.reply().code / 100, 5);
        client.expect("QUIT", 221);
        let (mut client, _) = self.tls.start(self.front_end.smtp, "mx.example.org").unwrap();
        client.expect("EHLO client.example", 250);
        client.expect(&format!("AUTH PLAIN {}", STANDARD.encode("\0alice\0pencil")), 235);
        assert_eq!(client.send("a@client.example", &["ada@example.org"], MESSAGE).code, 250);
        client.expect("QUIT", 221);
    }

    /// A message to the backend that breaks: the code that ends it, at whichever command.
    pub(crate) fn send_to_breaking(&self) -> u16 {
        let mut client = Client::greeted(self.front_end.smtp);
        client.send("a@client.example", &["eve@example.org"], MESSAGE).code
    }

    /// Holds that the collector is told what Prometheus is told, of everything that a front-end counts.
    pub(crate) fn told_alike(&self) {
        let families = series::wait_until_equal(&self.collector, &self.front_end);
        assert!(families.len() > 25, "{families:?}");
    }

    /// Breaks the one backend: it answers 500 from now on.
    pub(crate) fn break_backend(&self) {
        self.answer.store(500, Ordering::Relaxed);
    }

    /// Ends the broker.
    pub(crate) fn kill_broker(&mut self) {
        self.broker.kill();
    }

    /// Ends the collector.
    pub(crate) fn kill_collector(&mut self) {
        self.collector.kill();
    }
}

/// Mail for a local part goes to a backend, which gets one attempt of two seconds.
fn routed(local_part: &str, backend: &str) -> String {
    format!(
        "{API}kind: MailRoute\nmetadata: {{name: {local_part}}}\nspec:\n  parentRefs: [{{name: public}}]\n  rules:\n  \
         - name: only\n    matches: [{{recipient: {{domain: example.org, localPart: {{type: Exact, value: \
         {local_part}}}}}}}]\n    delivery: {{backendRefs: [{{name: {local_part}}}], timeouts: {{total: 2s}}, retry: \
         {{attempts: 0}}}}\n---\n{API}kind: MailBackend\nmetadata: {{name: {local_part}}}\nspec: {{{backend}}}"
    )
}
