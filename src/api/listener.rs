//! One listener of a gateway: a port, what is spoken there, to whom, and how much.
//!
//! `auth.mode` depends on the profile (Submission: `Require`), so it is optional here and settled by compile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration::Duration,
    reference::{AllowedRoutes, CaSecretRef, LocalRef},
    rules,
    schema::{CIDR, DOMAIN, LABEL, atomic, cel, keyed_by},
};

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::LISTENER))]
pub struct Listener {
    /// Its name: in `sectionName` of references, in metrics, in logs.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// The TCP port in the pod; a Service maps 25, 465 or 587 to it. Unique within the gateway.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// What the listener is for; sets defaults below. Default `MX`. Submission also needs a TLS mode, and takes only
    /// fully qualified domains in MAIL and RCPT (`554`, RFC 6409 §4.2).
    #[serde(default)]
    pub profile: Profile,
    /// AUTH (RFC 4954). Default: none on MX and LMTP, required on Submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<ListenerAuth>,
    /// TLS. Unset: none, which Submission does not take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
    /// The PROXY protocol of load balancers (HAProxy, versions 1 and 2).
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// XCLIENT of Postfix.
    #[serde(default)]
    pub xclient: Xclient,
    /// How much one listener takes.
    #[serde(default)]
    pub limits: ListenerLimits,
    /// Which namespaces' routes may attach to this listener. Default: those of the gateway's own namespace.
    #[serde(default)]
    #[schemars(transform = cel(rules::ALLOWED_ROUTES))]
    pub allowed_routes: AllowedRoutes,
    /// Who may connect, and how clients are treated before the first command.
    #[serde(default)]
    pub connection: Connection,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Profile {
    /// Mail from other mail servers (RFC 5321).
    #[default]
    #[serde(rename = "MX")]
    Mx,
    /// Mail from mail clients and applications that sign in (RFC 6409).
    Submission,
    /// Mail from a mail server of one's own, with a reply per recipient after data (RFC 2033).
    #[serde(rename = "LMTP")]
    Lmtp,
}

/// AUTH on a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ListenerAuth {
    /// Whether clients may or must sign in. Default `Disabled` on MX and LMTP, `Require` on Submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AuthMode>,
    /// Also outside TLS, where a password can be read on the wire. Default false.
    pub allow_plaintext: bool,
}

/// Whether clients may or must sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthMode {
    /// AUTH is not announced.
    Disabled,
    /// Clients may sign in.
    Offer,
    /// Mail is only taken from clients that have signed in; others get `530 5.7.0`.
    Require,
}

/// TLS on a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::LISTENER_TLS))]
pub struct ListenerTls {
    /// When TLS begins.
    pub mode: TlsMode,
    /// Secrets of type `kubernetes.io/tls` in the gateway's namespace. The client's SNI chooses; without one, or with an
    /// unknown one, the first is taken. One that can't be used is left out; without any the listener is not opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub certificate_refs: Vec<LocalRef>,
    /// The oldest version that is spoken. Default `1.2` (RFC 8997 retires the older ones).
    #[serde(default)]
    pub min_version: TlsVersion,
    /// With `StartTLS`: mail is only taken inside TLS; outside, the answer is `530 5.7.0`. Default false (RFC 3207 §4
    /// forbids it for a publicly referenced MX).
    #[serde(default)]
    pub required: bool,
    /// Asks clients for a certificate. One that does not verify counts as none; the handshake goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificates>,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    /// There is none.
    Disabled,
    /// After the command STARTTLS (RFC 3207).
    #[serde(rename = "StartTLS")]
    StartTls,
    /// At once (RFC 8314 §3.3; port 465).
    Implicit,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// Which client certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificates {
    /// The authorities that may have signed them.
    pub ca_secret_ref: CaSecretRef,
}

/// The PROXY protocol on a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::PROXY_PROTOCOL))]
pub struct ProxyProtocol {
    /// Whether a header is read. Default `Disabled`.
    pub mode: ProxyMode,
    /// The proxies whose header is believed; other peers are clients like any other, or are refused with `Required`.
    #[serde(rename = "trustedCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 43), regex(pattern = CIDR)), transform = atomic)]
    pub trusted_cidrs: Vec<String>,
}

/// Whether a PROXY header is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProxyMode {
    /// None is read.
    #[default]
    Disabled,
    /// A trusted peer gets one second to send one before the greeting.
    Optional,
    /// Only trusted peers may connect, and each has to send one.
    Required,
}

/// XCLIENT on a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Xclient {
    /// The peers that may use it. Default: none.
    #[serde(rename = "trustedCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 43), regex(pattern = CIDR)), transform = atomic)]
    pub trusted_cidrs: Vec<String>,
}

/// How much one listener takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct ListenerLimits {
    /// Sessions at once, per pod; more get `421 4.3.2`. Default 10000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions: u32,
    /// Messages per session; 0 for any number. Announced as MAILMAX (RFC 9422). Default 0.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub messages_per_session: u32,
    /// Recipients per message; more get `452 4.5.3`. Announced as RCPTMAX (RFC 9422). Default 1000; at least 100 (RFC
    /// 5321 §4.5.3.1.8).
    #[schemars(range(min = 100, max = 10_000))]
    pub recipients: u32,
    /// Errors of syntax or sequence since the last accepted message before the session ends with `421 4.7.0`. Default
    /// 10.
    #[schemars(range(min = 1, max = 1000))]
    pub errors: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self { sessions: 10_000, messages_per_session: 0, recipients: 1000, errors: 10 }
    }
}

/// Who may connect, and how clients are treated before the first command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Connection {
    /// Where it is not empty, only these clients may connect; others get `554 5.7.1`.
    #[serde(rename = "allowCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 43), regex(pattern = CIDR)), transform = atomic)]
    pub allow_cidrs: Vec<String>,
    /// These clients may not connect, even where `allowCIDRs` has them; they get `554 5.7.1`.
    #[serde(rename = "denyCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 43), regex(pattern = CIDR)), transform = atomic)]
    pub deny_cidrs: Vec<String>,
    /// Limits for each client address; IPv6 clients count by /64.
    pub per_client: PerClient,
    /// Wait before the greeting; who speaks earlier gets `554 5.5.0`. Default `0s`, no wait.
    pub greeting_delay: Duration,
    /// DNS lists of clients (RFC 5782) to ask. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = keyed_by("zone"))]
    pub dnsbl: Vec<Dnsbl>,
    /// What becomes of a message with a CR or LF that stands alone in DATA; it never ends the data. Default `Reject`.
    pub bare_newlines: BareNewlines,
}

/// Limits for each client address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PerClient {
    /// Sessions at once, per pod; more get `421 4.7.0`. Default 50.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sessions: u32,
    /// Connections per minute, a minute's worth at once; more get `421 4.7.0`. Unset: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_minute: Option<u32>,
    /// Messages per minute, a minute's worth at once; more get `451 4.7.1`. Unset: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub messages_per_minute: Option<u32>,
}

impl Default for PerClient {
    fn default() -> Self {
        Self { sessions: 50, connections_per_minute: None, messages_per_minute: None }
    }
}

/// One DNS list of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dnsbl {
    /// The zone under which reversed addresses are looked up.
    #[schemars(length(min = 1, max = 253), regex(pattern = DOMAIN))]
    pub zone: String,
    /// The answers that count: addresses (`127.0.0.2`) and ranges (`127.0.0.2-127.0.0.11`). Empty: any in 127.0.0.0/8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 31), regex(pattern = r"^[0-9.]+(-[0-9.]+)?$")), transform = atomic)]
    pub codes: Vec<String>,
    /// What becomes of a client that is listed. Default `Reject`.
    #[serde(default)]
    pub action: DnsblAction,
}

/// What becomes of a client that a DNS list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsblAction {
    /// It gets `554 5.7.1`.
    #[default]
    Reject,
    /// It is only counted and logged: to try out a list.
    Mark,
}

/// What becomes of a message with a CR or LF that stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BareNewlines {
    /// The whole message is read, then refused with `550 5.6.11`.
    #[default]
    Reject,
    /// It is delivered byte for byte; a relay backend still gets none of it.
    Pass,
}
