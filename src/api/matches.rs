//! How recipients and senders are matched: shared by routes and policies.
//!
//! Local parts match ASCII-case-insensitively, quoted and unquoted alike; domains match as A-labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    rules,
    schema::{DOMAIN_PATTERN, cel},
};

/// Which recipients are meant: all that is said must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientMatch {
    /// The recipient's domain: a domain (`example.net`), all domains below one (`*.example.net`), or `*` for any.
    #[schemars(length(min = 1, max = 255), regex(pattern = DOMAIN_PATTERN))]
    pub domain: String,
    /// What is before the `@`. Unset: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_part: Option<LocalPartMatch>,
    /// What to do with a detail behind the gateway's `subaddressing.separators` (`support+detail`). Default `Ignore`.
    #[serde(default)]
    pub subaddress: Subaddress,
}

/// One pattern for local parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalPartMatch {
    /// How `value` is read. Default `Exact`.
    #[serde(default, rename = "type")]
    pub kind: LocalPartKind,
    /// The text to match; it always has to match the whole local part.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
}

/// How the text of a pattern for local parts is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LocalPartKind {
    /// The local part itself.
    #[default]
    Exact,
    /// `*` stands for any number of characters, `?` for one, everything else for itself.
    Wildcard,
    /// A regular expression of linear time (no look-around, no back-references), matched against the whole local part.
    RegularExpression,
}

/// What becomes of the detail in a local part like `support+detail`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Subaddress {
    /// `support+detail` matches as `support` does, unless something matches it with its detail.
    #[default]
    Ignore,
    /// The separator is a character like any other.
    Literal,
}

/// Which senders are meant: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = cel(rules::SENDER_MATCH))]
pub struct SenderMatch {
    /// The domain of the reverse-path: a domain, all domains below one (`*.example.net`), or `*` for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = DOMAIN_PATTERN))]
    pub domain: Option<String>,
    /// `true`: the null reverse-path `<>` of bounces and other reports. (Not called `null`, which YAML reads as no key
    /// at all.)
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [true]))]
    pub null_reverse_path: Option<bool>,
}
