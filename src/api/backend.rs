//! `MailBackend`: one destination, over HTTP or as a relay. Written by the application team.
//!
//! The brokers (nats, kafka, amqp, redis) are in [`super::broker`].

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    broker::{AmqpBackend, KafkaBackend, NatsBackend, RedisBackend},
    duration::Duration,
    reference::{AllowedRoutes, CaSecretRef, ClientTls, LocalRef, SecretKeyRef, ServiceRef},
    rules,
    schema::{HOST, REPLY, atomic, cel, map_of, structural},
    size::Size,
    status::MailBackendStatus,
};

/// What a backend is: exactly one kind of destination, and what holds for every kind.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "mailchute.dev",
    version = "v1alpha1",
    kind = "MailBackend",
    namespaced,
    status = "MailBackendStatus",
    shortname = "mbe",
    category = "mailchute",
    derive = "PartialEq",
    doc = "One destination of mail.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = structural, transform = cel(rules::BACKEND))]
pub struct MailBackendSpec {
    /// Which namespaces' routes may refer to this backend. Default: those of its own namespace.
    #[serde(default)]
    #[schemars(transform = cel(rules::ALLOWED_ROUTES))]
    pub allowed_routes: AllowedRoutes,
    /// An HTTP endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpBackend>,
    /// A stream of NATS JetStream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsBackend>,
    /// A topic of Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaBackend>,
    /// An exchange of an AMQP 0-9-1 broker, RabbitMQ for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp: Option<AmqpBackend>,
    /// A stream of Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisBackend>,
    /// A mail server that takes the message on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpRelay>,
    /// A mail store that says for each recipient whether it has the message (RFC 2033).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lmtp: Option<LmtpRelay>,
    /// How much one front-end pod asks of it.
    #[serde(default)]
    pub limits: BackendLimits,
    /// When a backend that fails is left alone.
    #[serde(default)]
    pub circuit: Circuit,
    /// HTTP only: SMTP replies to use for status codes (300 to 599) in place of the usual `451`, like `"406": "550 5.7.1
    /// Not wanted here"`. Codes 421, 450 to 452 and 550 to 554, with an enhanced code of the same class (RFC 3463).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(transform = map_of(32, 480, REPLY))]
    pub responses: BTreeMap<String, String>,
    /// The backend may answer differently for each recipient (an lmtp backend always does). PRDR is announced where one
    /// does. Default false.
    #[serde(default)]
    pub per_recipient_verdicts: bool,
    /// What to do when it takes a message for some recipients only, and the client has not asked for a reply per
    /// recipient: by LMTP or PRDR each hears its own. Default `Single`.
    #[serde(default)]
    pub on_partial: OnPartial,
    /// Puts large messages into an object store and sends a reference. Unset: every message is sent whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_messages: Option<LargeMessages>,
}

/// An HTTP endpoint: exactly one of `service` and `url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = cel(rules::HTTP_TARGET))]
pub struct HttpBackend {
    /// A Service in the backend's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRef>,
    /// An http or https URL, without user and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 2048),
        regex(pattern = r"^[hH][tT][tT][pP][sS]?://[^\s/?#@\\]+([/?][^\s#\\]*)?$")
    )]
    pub url: Option<String>,
    /// With `service`: path and query of the endpoint. Default `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^/[^\s#\\]*$"))]
    pub path: Option<String>,
    /// What a request looks like. Default `CloudEvent`.
    pub format: HttpFormat,
    /// How requests prove who sends them. Unset: they don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// Signs requests as Standard Webhooks say. Unset: they are not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// With https: how the server is verified. Unset: by the authorities of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// What a request looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HttpFormat {
    /// CloudEvents 1.0, binary mode: the raw message, its envelope in `ce-` header fields.
    #[default]
    CloudEvent,
    /// CloudEvents 1.0, structured mode: a JSON document with the message in base64.
    CloudEventStructured,
    /// The JSON of Postmark's inbound webhook, one request per recipient.
    Postmark,
    /// The form of SendGrid's inbound parse webhook.
    SendGrid,
    /// The form of SendGrid's inbound parse webhook, with the raw message.
    SendGridRaw,
}

/// How requests prove who sends them: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::HTTP_AUTH))]
pub struct HttpAuth {
    /// A bearer token (RFC 6750).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<BearerAuth>,
    /// User and password (RFC 7617).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
}

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BearerAuth {
    /// The key of a Secret that holds the token.
    pub secret_ref: SecretKeyRef,
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// A Secret of type `kubernetes.io/basic-auth`: the keys `username` and `password`.
    pub secret_ref: LocalRef,
}

/// Signatures of Standard Webhooks (HMAC-SHA-256, `v1`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// The keys of Secrets that hold signing keys (`whsec_…`): one, or several while keys are rotated; each signs.
    #[schemars(length(min = 1, max = 4), transform = atomic)]
    pub secret_refs: Vec<SecretKeyRef>,
}

/// A mail server that takes messages on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::RELAY))]
pub struct SmtpRelay {
    /// Its host name or address.
    #[schemars(length(min = 1, max = 253), regex(pattern = HOST))]
    pub host: String,
    /// Its port. Default 587.
    #[serde(default = "submission_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Whether it is spoken to inside TLS. Default `Required`.
    #[serde(default)]
    pub tls: RelayTls,
    /// Authorities that may have signed its certificate. Unset: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<CaSecretRef>,
    /// A Secret of type `kubernetes.io/basic-auth` to sign in with (RFC 4954). Unset: no AUTH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_secret_ref: Option<LocalRef>,
}

const fn submission_port() -> u16 {
    587
}

/// A mail store that speaks LMTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LmtpRelay {
    /// Its host name or address.
    #[schemars(length(min = 1, max = 253), regex(pattern = HOST))]
    pub host: String,
    /// Its port; never 25 (RFC 2033 §5), often 24.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Whether it is spoken to inside TLS. Default `Required`.
    #[serde(default)]
    pub tls: RelayTls,
    /// Authorities that may have signed its certificate. Unset: those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<CaSecretRef>,
}

/// Whether a relay is spoken to inside TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RelayTls {
    /// Never.
    Disabled,
    /// Where it offers STARTTLS, without looking at its certificate.
    Opportunistic,
    /// By STARTTLS and with a certificate that verifies, or not at all.
    #[default]
    Required,
    /// From the first byte and with a certificate that verifies (RFC 8314; port 465).
    Implicit,
}

/// How much one front-end pod asks of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct BackendLimits {
    /// Deliveries at once, per pod; what is more waits for its deadline, then the sender gets `451 4.3.2`. Default 256.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_in_flight: u32,
    /// The largest message, in bytes as it came; more gets `552 5.3.4`. Default 25Mi.
    pub max_message_bytes: Size,
}

impl Default for BackendLimits {
    fn default() -> Self {
        Self { max_in_flight: 256, max_message_bytes: Size::from_mib(25) }
    }
}

/// When a backend that fails is left alone: RCPT is then answered `451 4.3.2`, before any body is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = cel(rules::CIRCUIT))]
pub struct Circuit {
    /// So many messages in a row failed, and none succeeded for 5 s. Default 20.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub consecutive_failures: u32,
    /// How long until one message may try again; a Retry-After of the backend goes first. Default `10s`.
    pub open_for: Duration,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { consecutive_failures: 20, open_for: Duration::from_secs(10) }
    }
}

/// What to do when a backend takes a message for some recipients only, and one reply has to tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnPartial {
    /// It can't happen: a backend with verdicts per recipient gets one recipient per transaction.
    #[default]
    Single,
    /// `250`, and a delivery status notification for the refused ones. Where its sender can't be notified (the gateway has
    /// no `bounces`, or says who gets none), as `Single`.
    Bounce,
    /// `451` for all.
    Defer,
}

/// The claim check: large messages go to an object store, the backend gets a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LargeMessages {
    /// Messages above this many bytes. Default 512Ki.
    #[serde(default = "claim_check_threshold")]
    pub over: Size,
    /// Where they go.
    pub object_store: ObjectStore,
}

const fn claim_check_threshold() -> Size {
    Size::from_kib(512)
}

/// An object store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStore {
    /// Bucket and prefix: `s3://`, `gs://`, `az://`, or `nats://host:port/bucket` for JetStream.
    #[schemars(length(max = 2048), regex(pattern = r"^(s3|gs|az|nats)://[^\s/?#@\\]+(/[^\s?#\\]*)?$"))]
    pub url: String,
    /// A Secret with what the store wants to see. Unset: what the pod's environment gives (workload identity).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
}
