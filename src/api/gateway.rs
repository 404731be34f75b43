//! `MailGateway`: listeners, which domains exist and which namespaces may claim them. Written by the platform team.
//!
//! Listeners are in [`super::listener`]. Defaults that depend on a listener's profile are applied by compile.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    backend::SmtpRelay,
    listener::Listener,
    reference::{AllowedRoutes, LocalRef},
    rules,
    schema::{DOMAIN, DOMAIN_PATTERN, MAILBOX, SUBDOMAIN, cel, keyed_by, set, structural},
    status::MailGatewayStatus,
};

/// What a gateway is: its listeners, its domains, and what holds for all mail that comes in there.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "mailchute.dev",
    version = "v1alpha1",
    kind = "MailGateway",
    namespaced,
    status = "MailGatewayStatus",
    shortname = "mgw",
    category = "mailchute",
    derive = "PartialEq",
    doc = "A place where mail comes in: listeners, the domains that exist, and the namespaces that may claim them.",
    printcolumn = r#"{"name":"Hostname","type":"string","jsonPath":".spec.hostname"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = structural, transform = cel(rules::GATEWAY))]
pub struct MailGatewaySpec {
    /// The public host name: in the greeting, the answer to EHLO, `by` of Received (RFC 5321 §4.4), and the authserv-id
    /// of Authentication-Results (RFC 8601 §2.5).
    #[schemars(length(min = 1, max = 253), regex(pattern = DOMAIN))]
    pub hostname: String,
    /// Who may fetch this gateway's configuration from the controller. Not needed where configuration comes from files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front_ends: Option<FrontEnds>,
    /// Where clients connect: 1 to 16, each with its own name and port.
    #[schemars(length(min = 1, max = 16), transform = keyed_by("name"))]
    pub listeners: Vec<Listener>,
    /// The domains for which mail is taken, and which namespaces' routes may claim their recipients. A recipient of any
    /// other domain is refused with `550 5.7.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), transform = keyed_by("name"))]
    pub domains: Vec<Domain>,
    /// How a local part is told from its detail (RFC 5233), as in `support+detail`.
    #[serde(default)]
    pub subaddressing: Subaddressing,
    /// Mailbox that gets the mail for postmaster of any domain where no route takes it (RFC 5321 §4.5.1). It has to be a
    /// recipient that a route takes. Unset: such mail is refused, which is a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 320), regex(pattern = MAILBOX))]
    pub postmaster: Option<String>,
    /// Which header fields are put in front of a message beside Received.
    #[serde(default)]
    pub stamp: Stamp,
    /// What to do when the recipients of one message belong to different rules. Default `Split`.
    #[serde(default)]
    pub mixed_delivery: MixedDelivery,
    /// Which targets the backends of routes may have.
    #[serde(default)]
    pub backends: GatewayBackends,
    /// How clients prove who they are, on listeners that offer or require AUTH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<GatewayAuth>,
    /// How delivery status notifications are sent. Unset: none are, and DSN (RFC 3461) is not announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounces: Option<Bounces>,
}

/// Who may fetch a gateway's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrontEnds {
    /// The ServiceAccount of the front-end pods, in the gateway's namespace; no other gets the snapshot.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub service_account_name: String,
}

/// One domain for which mail is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// A domain (`example.net`), all domains below one (`*.example.net`), or `*` for any domain. Behind `*` a relay
    /// backend works only on listeners that require AUTH.
    #[schemars(length(min = 1, max = 255), regex(pattern = DOMAIN_PATTERN))]
    pub name: String,
    /// Which namespaces' routes may claim recipients of this domain. Default: those of the gateway's own namespace.
    /// `namespaces.selector` must be set if and only if `namespaces.from` is `Selector`.
    #[serde(default)]
    pub allowed_routes: AllowedRoutes,
}

/// How a local part is told from its detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Subaddressing {
    /// The characters that begin a detail; the first of them in a local part counts. Default `+`; empty: there are no
    /// details.
    #[schemars(length(max = 8), regex(pattern = r"^[!#$%&'*+\-/=?^_`{|}~]*$"))]
    pub separators: String,
}

impl Default for Subaddressing {
    fn default() -> Self {
        Self { separators: "+".into() }
    }
}

/// Which header fields are put in front of a message beside Received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Stamp {
    /// Return-Path with the reverse-path (RFC 5321 §4.4), in place of any that came; never towards a relay. Default
    /// true.
    pub return_path: bool,
    /// Message-ID (RFC 5322 §3.6.4). Default `IfMissing`.
    pub message_id: StampField,
    /// Date (RFC 5322 §3.6.1). Default `IfMissing`.
    pub date: StampField,
}

impl Default for Stamp {
    fn default() -> Self {
        Self { return_path: true, message_id: StampField::IfMissing, date: StampField::IfMissing }
    }
}

/// When a header field is added. One that is there is never replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StampField {
    /// Where the message has none: towards HTTP and queues, and towards relays from submission listeners only (RFC 5321
    /// §6.4, RFC 6409 §8).
    #[default]
    IfMissing,
    /// It is not added.
    Never,
}

/// What to do when the recipients of one message belong to different rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MixedDelivery {
    /// A recipient of another rule gets `452 4.5.3`; the sender gives it a transaction of its own.
    #[default]
    Split,
    /// One transaction delivers to all; meant for submission and LMTP.
    FanOut,
}

/// Which targets the backends of routes may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GatewayBackends {
    /// The kinds of target. Default both. `[Service]` refuses every host that isn't a Service of the cluster, brokers
    /// and relays too.
    #[schemars(length(min = 1, max = 2), transform = set)]
    pub allow: Vec<BackendTarget>,
}

impl Default for GatewayBackends {
    fn default() -> Self {
        Self { allow: vec![BackendTarget::Service, BackendTarget::Url] }
    }
}

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackendTarget {
    /// A Service of the cluster.
    Service,
    /// Any URL or host.
    #[serde(rename = "URL")]
    Url,
}

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayAuth {
    /// A Secret in the gateway's namespace: each key is a user, each value a hash of the password. Names that can't be
    /// keys, such as `a@b`, stand in a value of lines `name:hash`, as htpasswd writes them; the key of such a value is no
    /// user. Names count in the case they are written in.
    ///
    /// A hash is argon2 (`$argon2id$…`; at most 128 MiB, 1 GiB in all passes, 16 lanes), bcrypt (`$2b$…`; a cost of at
    /// most 14) or SCRAM keys (`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` as PostgreSQL writes them; 4096 to
    /// 1000000 iterations). SCRAM-SHA-256 is offered only where every user has SCRAM keys; PLAIN and LOGIN take any.
    ///
    /// An entry that can't be read is a finding, and as long as there is one, a failure to sign in is `454 4.7.0` rather
    /// than `535 5.7.8`. Where nobody could sign in, listeners that take AUTH are not opened.
    pub credentials_secret_ref: LocalRef,
}

/// How delivery status notifications are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bounces {
    /// The relay that takes the notifications.
    pub relay: SmtpRelay,
    /// A Secret in the gateway's namespace with the keys of bounce tokens, each any 32 octets or more (`openssl rand
    /// -base64 32`); a line end behind them is no part of the key. `primary` seals and opens, `secondary` only opens and
    /// may be absent.
    ///
    /// To change them without refusing a token: put the new one in `secondary`, wait until all front-ends have it,
    /// exchange the two, and take the old one away after five days, which is as long as a token is good.
    pub seal_secret_ref: LocalRef,
    /// Who gets notifications. Default `Vouched`.
    #[serde(default)]
    pub senders: BounceSenders,
}

/// Who gets notifications. The null reverse-path and the gateway's own addresses never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BounceSenders {
    /// Those that are vouched for: who has signed in by AUTH, or shows a client certificate that verifies on a listener of
    /// profile Submission. On listeners where nobody can be, DSN is not announced.
    #[default]
    Vouched,
    /// Everybody, for closed networks: where mail comes from the world, by way of another mail server too, notifications
    /// then go to people whose addresses were forged.
    All,
}
