//! What is counted: every metric family, on one page; the words of their labels are in `label`.
//!
//! The families live in a registry of their own, not in a global, so that tests and several front-ends
//! in one process don't share counts. A label holds a name from the configuration or a word of a
//! closed enum, never an address, a domain or error text. A series appears when it is first used and
//! goes with its object: [`Metrics::remove_listener`], [`Metrics::remove_backend`],
//! [`Metrics::remove_route`].
//!
//! Serving the text is not done here, see `admin`.

mod check;
mod controller;
mod delivery;
mod export;
mod family;
mod label;
mod listener;
mod snapshot;
mod tls;
mod watch;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

use family::Family;

pub use check::{CHECK_SECONDS, Check, CheckOutcome};
pub use controller::PatchResult;
pub use delivery::{DeliveryMetrics, InFlight};
pub(crate) use export::ExportMetrics;
pub use export::Signal;
pub use label::{
    AuthOutcome, BounceOutcome, CircuitState, MessageOutcome, RecipientOutcome, RecipientReason,
    SessionOutcome,
};
pub use listener::{ActiveSession, ListenerMetrics};
pub use prometheus::TEXT_FORMAT;
pub use snapshot::{COMPILE_SECONDS, ReviewOutcome};
pub use tls::{HANDSHAKE_SECONDS, HandshakeOutcome, TlsVersion};
pub use watch::WatchEvent;

/// Upper bounds of a command's duration, seconds: from 50 µs (a command that asks nothing) by way of
/// a backend's answer to 60 s, over any delivery deadline.
pub const COMMAND_SECONDS: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 25.0, 60.0];

/// Upper bounds of one delivery attempt, seconds: from 500 µs (a neighbour on the same node) to 60 s.
pub const DELIVERY_SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];

/// Upper bounds of a message's size, octets: powers of four from 1 KiB, with the usual limits 10 MiB
/// and 25 MiB between them, to 64 MiB.
pub const MESSAGE_BYTES: &[f64] = &[
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    10_485_760.0,
    16_777_216.0,
    26_214_400.0,
    67_108_864.0,
];

macro_rules! families {
    ($($field:ident: $series:ty = $name:literal, $labels:expr, $help:literal $(, $buckets:expr)?;)*) => {
        #[derive(Debug)]
        struct Families {
            $($field: Family<$series>,)*
        }

        impl Families {
            fn declare(registry: &Registry) -> Self {
                let none: &[f64] = &[];
                Self { $($field: Family::declare(registry, $name, &$labels, $help, [none $(, $buckets)?].concat()),)* }
            }
        }
    };
}

families! {
    sessions_active: IntGauge = "mailchute_smtp_sessions_active",
        ["listener"], "SMTP sessions that are open.";
    sessions: IntCounter = "mailchute_smtp_sessions_total",
        ["listener", "outcome"], "SMTP sessions that ended.";
    commands: IntCounter = "mailchute_smtp_commands_total",
        ["listener", "command", "code"], "SMTP commands, by the code of their reply.";
    command_seconds: Histogram = "mailchute_smtp_command_duration_seconds",
        ["listener", "command"], "Time from an SMTP command to its reply.", COMMAND_SECONDS;
    auth: IntCounter = "mailchute_smtp_auth_total",
        ["listener", "mechanism", "outcome"], "Attempts to sign in.";
    violations: IntCounter = "mailchute_smtp_protocol_violations_total",
        ["listener", "kind"], "Breaches of the protocol by clients.";
    handshakes: IntCounter = "mailchute_smtp_tls_handshakes_total",
        ["listener", "version", "outcome"], "TLS handshakes with clients, by how they ended.";
    handshake_seconds: Histogram = "mailchute_smtp_tls_handshake_duration_seconds",
        ["listener"], "Time of one TLS handshake.", HANDSHAKE_SECONDS;
    certificate_expiry: IntGauge = "mailchute_certificate_expiry_timestamp_seconds",
        ["listener"], "When the first of a listener's certificates expires.";
    recipients: IntCounter = "mailchute_recipients_total",
        ["listener", "outcome", "reason"], "Recipients, as they were answered at RCPT.";
    messages: IntCounter = "mailchute_messages_total",
        ["listener", "route", "outcome"], "Messages, as they were answered after their data.";
    message_bytes: Histogram = "mailchute_message_bytes",
        ["listener"], "Size of complete messages as they were sent.", MESSAGE_BYTES;
    policy_checks: IntCounter = "mailchute_policy_checks_total",
        ["check", "outcome"], "Checks of clients, senders and recipients.";
    policy_seconds: Histogram = "mailchute_policy_check_duration_seconds",
        ["check"], "Time of one check of a policy.", CHECK_SECONDS;
    delivery_attempts: IntCounter = "mailchute_delivery_attempts_total",
        ["backend", "kind", "outcome"], "Attempts to deliver a message.";
    delivery_duration: Histogram = "mailchute_delivery_duration_seconds",
        ["kind"], "Time of one delivery attempt.", DELIVERY_SECONDS;
    delivery_seconds: Counter = "mailchute_delivery_seconds_total",
        ["backend"], "Time spent in delivery attempts.";
    delivery_in_flight: IntGauge = "mailchute_delivery_in_flight",
        ["backend"], "Deliveries under way.";
    circuit_state: IntGauge = "mailchute_circuit_state",
        ["backend"], "Circuit of a backend: 0 closed, 1 half-open, 2 open.";
    backend_connected: IntGauge = "mailchute_backend_connected",
        ["backend"], "Whether the connection to a broker is there: 1 or 0.";
    stream_window: IntGauge = "mailchute_stream_duplicate_window_seconds",
        ["backend"], "For how long a stream knows a message that it has, and keeps no second copy.";
    bounces: IntCounter = "mailchute_bounces_total",
        ["outcome"], "Delivery status notifications, by what became of them.";
    message_memory: IntGauge = "mailchute_message_memory_bytes",
        [], "Memory that holds messages.";
    message_memory_limit: IntGauge = "mailchute_message_memory_limit_bytes",
        [], "The byte budget for messages.";
    config_connected: IntGauge = "mailchute_config_connected",
        [], "Whether the controller answers this front-end: 1 or 0.";
    config_last_success: Gauge = "mailchute_config_last_success_timestamp_seconds",
        [], "When the configuration in use was last known to be the newest.";
    config_snapshot: IntGauge = "mailchute_config_snapshot_info",
        ["version"], "The configuration in use.";
    config_rejects: IntCounter = "mailchute_config_rejects_total",
        [], "Configurations that were not taken into use.";
    config_ignored: IntGauge = "mailchute_config_ignored_fields",
        [], "Fields of the last snapshot that this version does not know and has left out.";
    leader: IntGauge = "mailchute_leader",
        [], "Whether this controller is the one that writes: 1, else 0.";
    authority_expiry: IntGauge = "mailchute_authority_expiry_timestamp_seconds",
        [], "When the authority expires that signs the controller's certificate.";
    status_patches: IntCounter = "mailchute_status_patches_total",
        ["result"], "Writes of the status of objects.";
    crd_outdated: IntGauge = "mailchute_crd_outdated",
        ["kind"], "Whether the CRD in the cluster is older than the controller: 1, else 0.";
    watch_events: IntCounter = "mailchute_watch_events_total",
        ["kind", "event"], "What was seen of the objects of a kind in the cluster.";
    watch_synced: IntGauge = "mailchute_watch_synced",
        ["kind"], "Whether all objects of a kind are known and their changes are heard of: 1 or 0.";
    compile_seconds: Histogram = "mailchute_compile_seconds",
        [], "Time to compile all gateways and to make what is sent of them.", COMPILE_SECONDS;
    compile_errors: IntCounter = "mailchute_compile_errors_total",
        [], "Compiles that failed by a fault of mailchute: what was published stays.";
    snapshot_routes: IntGauge = "mailchute_snapshot_routes",
        ["gateway"], "Routes in the snapshot that is published.";
    snapshot_held: IntGauge = "mailchute_snapshot_held",
        ["gateway"], "By how many routes a snapshot has fewer that is held back for it.";
    snapshot_requests: IntCounter = "mailchute_snapshot_requests_total",
        ["code"], "Requests for snapshots, by the code of their answer.";
    snapshot_refusals: IntCounter = "mailchute_snapshot_refusals_total",
        ["gateway"], "Snapshots that a front-end could not use.";
    clients: IntGauge = "mailchute_clients",
        ["version_current"], "Front-ends, by whether they use what is published.";
    token_reviews: IntCounter = "mailchute_token_reviews_total",
        ["outcome"], "Questions to the apiserver whose a token is.";
    telemetry_exports: IntCounter = "mailchute_telemetry_exports_total",
        ["signal", "outcome"], "Requests to the OpenTelemetry collector.";
    telemetry_dropped: IntCounter = "mailchute_telemetry_dropped_total",
        ["signal", "reason"], "Spans, log records and metric points that did not reach the collector.";
}

/// All families and their registry. Clones count into the same series.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    families: Arc<Families>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Declares every family in a new registry.
    pub fn new() -> Self {
        let registry = Registry::new();
        let families = Arc::new(Families::declare(&registry));
        families.config_rejects.get(&[]);
        Self { registry, families }
    }

    /// The handles of one listener, to be kept for as long as it is open.
    ///
    /// `listener` is its name, with as much of the gateway before it as it takes to be unique.
    pub fn listener(&self, listener: &str) -> ListenerMetrics {
        ListenerMetrics::new(&self.families, listener)
    }

    /// The handles of one backend (`namespace/name`), to be kept with its pool and circuit.
    pub fn delivery(&self, backend: &str, kind: &'static str) -> DeliveryMetrics {
        DeliveryMetrics::new(&self.families, backend, kind)
    }

    /// The gauge of memory that holds messages, octets.
    pub fn message_memory(&self) -> IntGauge {
        self.families.message_memory.get(&[])
    }

    /// The gauge of the byte budget, octets.
    pub fn message_memory_limit(&self) -> IntGauge {
        self.families.message_memory_limit.get(&[])
    }

    /// A configuration was taken into use that was the newest at `as_of`; `version` is the one label that
    /// shows.
    pub fn config_accepted(&self, version: &str, as_of: SystemTime) {
        self.config_current(as_of);
        self.families.config_snapshot.retain("version", |held| held == version);
        self.families.config_snapshot.get(&[version]).set(1);
    }

    /// The configuration in use is the newest at `as_of`.
    pub fn config_current(&self, as_of: SystemTime) {
        let since = as_of.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.families.config_last_success.get(&[]).set(since.as_secs_f64());
    }

    /// The controller answers.
    pub fn config_connected(&self) {
        self.families.config_connected.get(&[]).set(1);
    }

    /// The controller does not answer, or not as it should.
    pub fn config_disconnected(&self) {
        self.families.config_connected.get(&[]).set(0);
    }

    /// So many fields of a snapshot are not known.
    pub fn config_ignored(&self, fields: usize) {
        self.families.config_ignored.get(&[]).set(i64::try_from(fields).unwrap_or(i64::MAX));
    }

    /// A configuration was not taken into use.
    pub fn config_rejected(&self) {
        self.families.config_rejects.get(&[]).inc();
    }

    /// A notification was sent, or not.
    pub fn bounce(&self, outcome: BounceOutcome) {
        self.families.bounces.get(&[outcome.as_str()]).inc();
    }

    /// Drops the series of a listener that is closed. Handles that still live count on unseen.
    pub fn remove_listener(&self, listener: &str) {
        let families = &self.families;
        let other = |held: &str| held != listener;
        families.sessions_active.retain("listener", other);
        families.sessions.retain("listener", other);
        families.commands.retain("listener", other);
        families.command_seconds.retain("listener", other);
        families.auth.retain("listener", other);
        families.violations.retain("listener", other);
        families.handshakes.retain("listener", other);
        families.handshake_seconds.retain("listener", other);
        families.certificate_expiry.retain("listener", other);
        families.recipients.retain("listener", other);
        families.messages.retain("listener", other);
        families.message_bytes.retain("listener", other);
    }

    /// Drops the series of a backend that is gone. Handles that still live count on unseen.
    pub fn remove_backend(&self, backend: &str) {
        let families = &self.families;
        let other = |held: &str| held != backend;
        families.delivery_attempts.retain("backend", other);
        families.delivery_seconds.retain("backend", other);
        families.delivery_in_flight.retain("backend", other);
        families.circuit_state.retain("backend", other);
        families.backend_connected.retain("backend", other);
        families.stream_window.retain("backend", other);
    }

    /// Drops the series of a route (`namespace/name`) that is gone.
    pub fn remove_route(&self, route: &str) {
        self.families.messages.retain("route", |held| held != route);
    }

    /// All series as they are now.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// All series in Prometheus' text format, of content type [`TEXT_FORMAT`].
    pub fn render(&self) -> String {
        let mut text = String::new();
        // The encoder fails only where its writer does, or on a family without series: neither exists here.
        if let Err(error) = TextEncoder::new().encode_utf8(&self.gather(), &mut text) {
            tracing::error!(%error, "metrics can't be rendered");
        }
        text
    }
}

#[cfg(test)]
mod tests;
