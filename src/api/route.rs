//! `MailRoute`: recipients → backends. Written by the application team.
//!
//! Which of several routes takes a recipient is not said here but by the precedence in compile and the route table.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration::Duration,
    matches::{RecipientMatch, SenderMatch},
    rules,
    schema::{DOMAIN, FIELD_NAME, LABEL, ONE_LINE, SUBDOMAIN, atomic, cel, keyed_by, structural},
    status::MailRouteStatus,
};

/// What a route is: where it attaches, and which recipients go where.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "mailchute.dev",
    version = "v1alpha1",
    kind = "MailRoute",
    namespaced,
    status = "MailRouteStatus",
    shortname = "mrt",
    category = "mailchute",
    derive = "PartialEq",
    doc = "Which recipients go to which backends.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = structural)]
pub struct MailRouteSpec {
    /// The gateways, or listeners of gateways, that the route attaches to.
    #[schemars(length(min = 1, max = 32), transform = atomic)]
    pub parent_refs: Vec<ParentRef>,
    /// The rules; their order only decides between equal matches.
    #[schemars(length(min = 1, max = 64), transform = keyed_by("name"))]
    pub rules: Vec<RouteRule>,
}

/// A gateway, or one listener of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the MailGateway.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// Its namespace. Unset: the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
    /// Name of one of its listeners. Unset: all listeners that let the route attach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub section_name: Option<String>,
}

/// Some recipients and where their mail goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// Its name, unique in the route: in `sectionName` of policies, and part of the key by which backends know
    /// duplicates.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// Which recipients the rule takes: those of any of these.
    #[schemars(length(min = 1, max = 64), transform = atomic)]
    pub matches: Vec<RouteMatch>,
    /// Changes on the way, in this order. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub filters: Vec<Filter>,
    /// Where the mail goes.
    pub delivery: Delivery,
}

/// Some recipients, perhaps of some senders: all that is said must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteMatch {
    /// The recipients.
    pub recipient: RecipientMatch,
    /// The senders. Unset: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<SenderMatch>,
}

/// One change on the way: exactly the field that `type` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::FILTER))]
pub struct Filter {
    /// What is changed.
    #[serde(rename = "type")]
    pub kind: FilterKind,
    /// With `type: AddHeader`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_header: Option<AddHeader>,
    /// With `type: RewriteRecipient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite_recipient: Option<RewriteRecipient>,
}

/// What a filter changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FilterKind {
    /// A header field is put in front of the message.
    AddHeader,
    /// The backend is told another recipient.
    RewriteRecipient,
}

/// A header field to put in front of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddHeader {
    /// Its name (RFC 5322 §3.6.8). Those of trace and signature fields are refused.
    #[schemars(length(min = 1, max = 64), regex(pattern = FIELD_NAME))]
    pub name: String,
    /// Its value: one line.
    #[schemars(length(max = 512), regex(pattern = ONE_LINE))]
    pub value: String,
}

/// The recipient that the backend is told. Lists, `for` in Received and the dedupe key keep the original one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = cel(rules::REWRITE_RECIPIENT))]
pub struct RewriteRecipient {
    /// The new local part. Unset: as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = ONE_LINE))]
    pub local_part: Option<String>,
    /// The new domain. Unset: as it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = DOMAIN))]
    pub domain: Option<String>,
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::DELIVERY))]
pub struct Delivery {
    /// Whether one or all of the backends get a message. Default `Weighted`.
    #[serde(default)]
    pub strategy: Strategy,
    /// The backends.
    #[schemars(length(min = 1, max = 16), transform = atomic)]
    pub backend_refs: Vec<BackendRef>,
    /// How long a delivery may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// What is tried again while the sender waits.
    #[serde(default)]
    pub retry: Retry,
}

/// Whether one or all of the backends get a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// One backend, chosen by weight; a retry of the same message meets the same one.
    #[default]
    Weighted,
    /// Every backend; the message is confirmed when all have confirmed.
    FanOut,
}

/// A MailBackend and its weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackendRef {
    /// Kind of the target. Default, and so far the only one, `MailBackend`.
    #[serde(default = "mail_backend")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name of the MailBackend.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// Its namespace, where its `allowedRoutes` let this route in. Unset: the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub namespace: Option<String>,
    /// Its share of the messages, as a part of the sum of all weights; 0 for none. Default 1. With `FanOut` it means
    /// nothing.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: u32,
}

fn mail_backend() -> String {
    "MailBackend".into()
}

const fn one() -> u32 {
    1
}

/// How long a delivery may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::TIMEOUTS))]
pub struct Timeouts {
    /// From the end of the message to the backend's confirmation, retries included; then the sender gets `451`. Default
    /// `25s`, below what clients wait (RFC 5321 §4.5.3.2.6: 10 minutes, many far less).
    pub total: Duration,
    /// For one connection to be made. Default `5s`.
    pub connect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { total: Duration::from_secs(25), connect: Duration::from_secs(5) }
    }
}

/// What is tried again while the sender waits: connections that failed, 502, 503, GOAWAY and refused streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retry {
    /// How often after the first time. Default 2.
    #[schemars(range(min = 0, max = 2))]
    pub attempts: u32,
    /// How long to wait before each.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 2, backoff: Backoff::default() }
    }
}

/// How long to wait before each retry: doubled each time, with jitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::BACKOFF))]
pub struct Backoff {
    /// Before the first. Default `200ms`.
    pub base: Duration,
    /// Never more than this. Default `2s`.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(200), max: Duration::from_secs(2) }
    }
}
