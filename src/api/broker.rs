//! The backends that are message brokers.
//!
//! Subjects, routing keys and partition keys may be templates over `{gateway} {route} {rcpt.domain} {rcpt.local}
//! {mailfrom.domain}`, sanitised for each system; topic, exchange and stream names are fixed text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration::Duration,
    reference::{ClientTls, LocalRef},
    rules,
    schema::{ONE_LINE, atomic, cel},
};

/// A stream of NATS JetStream; a message is confirmed by the publish acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NatsBackend {
    /// `nats://` or `tls://` URL of a server, without user and password. The port is 4222 unless given. Where a gateway
    /// allows Services only, `nats://name.namespace.svc` of one in this namespace.
    #[schemars(length(max = 2048), regex(pattern = r"^(nats|tls)://[^\s/?#@\\]+/?$"))]
    pub url: String,
    /// Name of the stream; it has to exist.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[^\s.*>/\\]+$"))]
    pub stream: String,
    /// Subject to publish on, one of the stream's; may be a template. Each value is one token, in which what a subject
    /// can't have there (dots too) is percent-encoded; the domain of `<>` is `%none`.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s*>]+$"))]
    pub subject: String,
    /// A Secret with the key `creds` (a credentials file), `nkey` (a user's seed), `token`, or `username` and `password`.
    /// Unset: none is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
    /// TLS is required, and how the server is verified. Unset: as the server asks, by the authorities of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// A topic of Kafka; a message is confirmed by the delivery report with `acks=all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaBackend {
    /// `host:port` of one or more brokers to begin with.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(max = 260), regex(pattern = r"^[^\s/@,]+:[0-9]{1,5}$")),
        transform = atomic
    )]
    pub brokers: Vec<String>,
    /// Name of the topic.
    #[schemars(length(min = 1, max = 249), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub topic: String,
    /// What chooses the partition; may be a template. Unset: the dedupe key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = ONE_LINE))]
    pub partition_key: Option<String>,
    /// How to sign in. Unset: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<KafkaSasl>,
    /// TLS, and how brokers are verified. Unset: in the clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// How to sign in to Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KafkaSasl {
    /// The SASL mechanism.
    pub mechanism: SaslMechanism,
    /// A Secret of type `kubernetes.io/basic-auth`: the keys `username` and `password`.
    pub secret_ref: LocalRef,
}

/// A SASL mechanism, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SaslMechanism {
    /// RFC 4616.
    #[serde(rename = "PLAIN")]
    Plain,
    /// RFC 7677.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// As RFC 7677, with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// An exchange of an AMQP 0-9-1 broker; a message is confirmed by the publisher confirm, unless it was returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::AMQP))]
pub struct AmqpBackend {
    /// `amqp://` or `amqps://` URL with the virtual host, without user and password.
    #[schemars(length(max = 2048), regex(pattern = r"^amqps?://[^\s/?#@\\]+(/[^\s/?#\\]*)?$"))]
    pub url: String,
    /// Name of the exchange; it has to exist. Empty: the default exchange.
    #[schemars(length(max = 127), regex(pattern = ONE_LINE))]
    pub exchange: String,
    /// Routing key; may be a template.
    #[schemars(length(max = 255), regex(pattern = ONE_LINE))]
    pub routing_key: String,
    /// A Secret of type `kubernetes.io/basic-auth`: the keys `username` and `password`. Unset: none is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_secret_ref: Option<LocalRef>,
    /// With `amqps`: how the server is verified. Unset: by the authorities of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// A stream of Redis; a message is confirmed by the reply to XADD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::REDIS))]
pub struct RedisBackend {
    /// `redis://` or `rediss://` URL, perhaps with the number of a database, without user and password.
    #[schemars(length(max = 2048), regex(pattern = r"^rediss?://[^\s/?#@\\]+(/[0-9]*)?$"))]
    pub url: String,
    /// Key of the stream.
    #[schemars(length(min = 1, max = 512), regex(pattern = ONE_LINE))]
    pub stream: String,
    /// About how many entries to keep; older ones are trimmed. Unset: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_entries: Option<u32>,
    /// Adds a message only once. Unset: a message that the sender repeats is added again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<RedisDedupe>,
    /// Waits for replicas. Unset: the primary's word is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<RedisWait>,
    /// A Secret of type `kubernetes.io/basic-auth`: the keys `username`, which may be missing, and `password`. Unset:
    /// none is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_secret_ref: Option<LocalRef>,
    /// With `rediss`: how the server is verified. Unset: by the authorities of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// Adds a message only once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RedisDedupe {
    /// How long keys are remembered. Default `1h`.
    pub window: Duration,
}

impl Default for RedisDedupe {
    fn default() -> Self {
        Self { window: Duration::from_secs(3600) }
    }
}

/// Waits for replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RedisWait {
    /// How many have to have the message. Default 1.
    #[schemars(range(min = 1, max = 100))]
    pub replicas: u32,
    /// How long to wait for them; then the sender gets `451`. Default `2s`.
    pub timeout: Duration,
}

impl Default for RedisWait {
    fn default() -> Self {
        Self { replicas: 1, timeout: Duration::from_secs(2) }
    }
}
