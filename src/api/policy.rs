//! `RecipientPolicy`: which recipients exist, limits, what is asked of senders.
//!
//! What wins where several policies hold is decided by compile, block by block.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    backend::HttpAuth,
    duration::Duration,
    matches::LocalPartMatch,
    reference::{ClientTls, ConfigMapKeyRef, ServiceRef},
    rules,
    schema::{DOMAIN_PATTERN, LABEL, MAILBOX, SUBDOMAIN, atomic, cel, structural},
    size::Size,
    status::RecipientPolicyStatus,
};

/// What a policy says, and for which routes or gateways. Of each block the most specific policy that sets it wins:
/// rule, then route, listener, gateway.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "mailchute.dev",
    version = "v1alpha1",
    kind = "RecipientPolicy",
    plural = "recipientpolicies",
    namespaced,
    status = "RecipientPolicyStatus",
    shortname = "rcp",
    category = "mailchute",
    derive = "PartialEq",
    doc = "Which recipients exist, limits, and what is asked of senders.",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = structural, transform = cel(rules::POLICY))]
pub struct RecipientPolicySpec {
    /// What the policy holds for, in its own namespace.
    #[schemars(length(min = 1, max = 16), transform = atomic)]
    pub target_refs: Vec<TargetRef>,
    /// Which recipients exist. Others get `550 5.1.1`, postmaster never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Recipients>,
    /// Asks a service whether a recipient exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// How much is taken. A gateway's are floors that a route can only tighten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<PolicyLimits>,
    /// What clients must have done; else `530 5.7.0`. A gateway's are floors that a route can only tighten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<Require>,
    /// SPF, DKIM and DMARC. Unset: nothing is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_authentication: Option<SenderAuthentication>,
    /// First contact is deferred (RFC 6647). Unset: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greylisting: Option<Greylisting>,
}

/// A route or gateway, or one rule or listener of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Its kind.
    pub kind: TargetKind,
    /// Its name, in the policy's namespace.
    #[schemars(length(min = 1, max = 253), regex(pattern = SUBDOMAIN))]
    pub name: String,
    /// Name of one rule of a route or one listener of a gateway. Unset: all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub section_name: Option<String>,
}

/// What a policy may hold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// A route, or one rule of it.
    MailRoute,
    /// A gateway, or one listener of it.
    MailGateway,
}

/// Which recipients exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::RECIPIENTS))]
pub struct Recipients {
    /// Whether those listed are the ones that exist, or the ones that don't. Default `AllowList`.
    pub mode: ListMode,
    /// Mailboxes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 10_000),
        inner(length(min = 3, max = 320), regex(pattern = MAILBOX)),
        transform = atomic
    )]
    pub addresses: Vec<String>,
    /// Patterns for mailboxes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), transform = atomic)]
    pub patterns: Vec<RecipientPattern>,
    /// Lists kept elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub from: Vec<RecipientSource>,
}

/// Whether those listed exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ListMode {
    /// Who is listed exists, everyone else doesn't.
    #[default]
    AllowList,
    /// Who is listed doesn't exist, everyone else does.
    DenyList,
}

/// A pattern for mailboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientPattern {
    /// A domain (`example.net`), all domains below one (`*.example.net`), or `*` for any.
    #[schemars(length(min = 1, max = 255), regex(pattern = DOMAIN_PATTERN))]
    pub domain: String,
    /// What is before the `@`. Unset: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_part: Option<LocalPartMatch>,
}

/// A list kept elsewhere: one mailbox per line; empty lines and what follows a `#` at the start of a line don't count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientSource {
    /// The key of a ConfigMap that holds the list.
    pub config_map_ref: ConfigMapKeyRef,
}

/// Asks a service whether a recipient exists: `GET <path>?recipient=<address>`, percent-encoded, the address with its
/// detail, in lower case and without quotes, its domain in A-labels.
///
/// It exists: `204`, or `200` with an empty body, or with a document of type
/// `application/vnd.mailchute.recipient+json` that says `{"version":1,"exists":true}`. It does not exist, which is
/// answered `550 5.1.1`: `200`, `404` or `410` with such a document that says `"exists":false`. Anything else (a page
/// with `200`, a `404` without the document, redirects, which are not followed, other codes, an answer that is late or
/// broken) is trouble, see `onError`: no service that is down, slow or called by a wrong path bounces mail.
///
/// Lists (`recipients`) come first, and postmaster is never asked about. Those who ask for one recipient at the same
/// time share a request. A service that gave no answer five times in a row is left alone for 10 s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = cel(rules::VERIFICATION))]
pub struct Verification {
    /// The service.
    pub http: VerificationHttp,
    /// How long to wait for it in all. Default `2s`.
    #[serde(default = "verification_timeout")]
    pub timeout: Duration,
    /// How long answers are remembered.
    #[serde(default)]
    pub cache: VerificationCache,
    /// What becomes of a recipient while there is trouble; deferred with `451 4.3.0`. Default `Defer`.
    #[serde(default)]
    pub on_error: OnError,
}

const fn verification_timeout() -> Duration {
    Duration::from_secs(2)
}

/// An HTTP endpoint that knows recipients: exactly one of `service` and `url`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::HTTP_TARGET))]
pub struct VerificationHttp {
    /// A Service in the policy's namespace.
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
    /// How requests prove who sends them. Unset: they don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// With https: how the server is verified. Unset: by the authorities of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// How long answers are remembered by a front-end pod; `0s`: not at all. Trouble never is. As many are kept as 16 MiB
/// hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VerificationCache {
    /// That a recipient exists. Default `10m`.
    pub positive: Duration,
    /// That a recipient does not exist. Default `1m`.
    pub negative: Duration,
}

impl Default for VerificationCache {
    fn default() -> Self {
        Self { positive: Duration::from_secs(600), negative: Duration::from_secs(60) }
    }
}

/// What becomes of mail while a check can't be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnError {
    /// It is deferred with a `451`.
    #[default]
    Defer,
    /// It is taken as if the check had passed.
    Accept,
}

/// How much is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyLimits {
    /// The largest message, in bytes; more gets `552 5.3.4`. Default 10Mi.
    pub max_message_bytes: Size,
    /// Recipients per message; more get `452 4.5.3`. Default 100.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_recipients: u32,
    /// Limits for each sender. Unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_sender: Option<PerSender>,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self { max_message_bytes: Size::from_mib(10), max_recipients: 100, per_sender: None }
    }
}

/// Limits for each sender: the user who signed in, else the reverse-path. Bounces, which have none, count for their
/// client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PerSender {
    /// Messages per minute, under all rules that the policy holds for, a minute's worth at once; more get `451 4.7.1`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub messages_per_minute: u32,
}

/// What clients must have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Require {
    /// Mail only inside TLS. Default false.
    pub tls: bool,
    /// Mail only from clients that have signed in. Default false.
    pub auth: bool,
}

/// What is made of SPF, DKIM and DMARC; these are the defaults once the block is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct SenderAuthentication {
    /// SPF (RFC 7208); refused with `550 5.7.23`. Default `Mark`.
    pub spf: CheckMode,
    /// DKIM (RFC 6376); refused with `550 5.7.20`. Default `Mark`.
    pub dkim: CheckMode,
    /// DMARC (RFC 7489); refused with `550 5.7.1` where the domain's policy says reject. Default `Enforce`.
    pub dmarc: CheckMode,
    /// What becomes of mail while DNS can't be asked; deferred with `451 4.4.3`. Default `Defer`.
    pub on_dns_error: OnError,
}

impl Default for SenderAuthentication {
    fn default() -> Self {
        Self {
            spf: CheckMode::Mark,
            dkim: CheckMode::Mark,
            dmarc: CheckMode::Enforce,
            on_dns_error: OnError::Defer,
        }
    }
}

/// What is made of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CheckMode {
    /// It is not made.
    Disabled,
    /// Its result is written into Authentication-Results and told to the backend.
    Mark,
    /// As `Mark`, and mail that fails it is refused.
    Enforce,
}

/// First contact of client, sender and recipient is deferred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = cel(rules::GREYLISTING))]
pub struct Greylisting {
    /// How long, from the first attempt; till then the answer is `451 4.7.1`. Default `60s`.
    pub delay: Duration,
    /// How long those that came back are remembered. Default `36h`.
    pub ttl: Duration,
}

impl Default for Greylisting {
    fn default() -> Self {
        Self { delay: Duration::from_secs(60), ttl: Duration::from_secs(36 * 3600) }
    }
}
