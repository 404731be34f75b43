//! What a front-end asks for: the head of its request, read.
//!
//! | field | what it says |
//! | --- | --- |
//! | `Authorization: Bearer` | the pod's projected service-account token |
//! | `If-None-Match` (RFC 9110 §13.1.2) | the version in use; at once the acknowledgement of it |
//! | `Prefer: wait=N` (RFC 7240 §4.3) | how long to wait for another version, seconds |
//! | `Mailchute-Schemas` | the schema numbers that it reads, as `1, 2`; any where it is absent |
//! | `Mailchute-Refused` | `<version> <why>`: one that it can't use and does not want again |
//!
//! Nothing is believed here: whose token it is, and whether the gateway is there, is seen later.

use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderName, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use ring::digest::{SHA256, digest};

use super::answer::Refusal;
use crate::plan::{ObjectName, shown};
use crate::source::wire;

/// How long a request waits at most.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Octets of a version, at most.
const VERSION: usize = 128;
/// Characters that are kept of why a version was refused.
const WHY: usize = 500;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const SCHEMAS: HeaderName = HeaderName::from_static("mailchute-schemas");
const REFUSED: HeaderName = HeaderName::from_static("mailchute-refused");

/// A request for a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whose snapshot.
    pub(super) gateway: ObjectName,
    /// Who asks.
    pub(super) token: Token,
    /// The version in use, if there is one.
    pub(super) in_use: Option<String>,
    /// The version that can't be used, if there is one.
    pub(super) refused: Option<Refused>,
    /// How long to wait for something new.
    pub(super) wait: Duration,
    /// How the body may come.
    pub(super) coding: Coding,
}

/// A version that a front-end can't use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Which.
    pub(super) version: String,
    /// Why, in its words, on one line.
    pub(super) why: String,
}

/// How a body comes (RFC 9110 §8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Compressed.
    Gzip,
    /// As it is.
    Identity,
}

/// A bearer token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// What the apiserver is asked about.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// What stands for it in memory.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        hash
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Asked {
    /// Reads the head of a request.
    pub(super) fn read(method: &Method, path: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let gateway = gateway(path).ok_or(Refusal::NoSuchPath)?;
        if *method != Method::GET {
            return Err(Refusal::Method);
        }
        let token = token(headers)?;
        let written = words(headers, &SCHEMAS);
        let mut schemas = written.iter().filter_map(|word| word.parse::<u32>().ok());
        // There is one so far; with more it is the newest that both sides know.
        if !written.is_empty() && !schemas.any(|schema| schema == wire::SCHEMA) {
            return Err(Refusal::Schema);
        }
        Ok(Self {
            gateway,
            token,
            in_use: in_use(headers)?,
            refused: refused(headers)?,
            wait: wait(headers),
            coding: coding(headers),
        })
    }

    /// Whether the front-end has this version, or has had it and does not want it.
    pub(super) fn knows(&self, version: &str) -> bool {
        let refused = self.refused.as_ref().map(|refused| refused.version.as_str());
        self.in_use.as_deref() == Some(version) || refused == Some(version)
    }
}

/// `/v1/gateways/{namespace}/{name}/snapshot`.
fn gateway(path: &str) -> Option<ObjectName> {
    let rest = path.strip_prefix("/v1/gateways/")?.strip_suffix("/snapshot")?;
    let (namespace, name) = rest.split_once('/')?;
    let is_name = |name: &str| {
        let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-.".contains(&octet);
        (1..=253).contains(&name.len()) && name.bytes().all(fits)
    };
    (is_name(namespace) && is_name(name)).then(|| ObjectName::new(namespace, name))
}

fn token(headers: &HeaderMap) -> Result<Token, Refusal> {
    let written = headers.get(AUTHORIZATION).ok_or(Refusal::NoToken)?;
    let (scheme, token) =
        written.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NoToken)?;
    // RFC 6750 §2.1: b64token.
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(fits) {
        return Err(Refusal::NoToken);
    }
    Ok(Token(token.to_owned()))
}

/// A front-end names the one version that it uses. What is no entity tag is told, as it would be taken
/// for an acknowledgement of nothing.
fn in_use(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(written) = headers.get(IF_NONE_MATCH) else { return Ok(None) };
    let tag = written.to_str().ok().map(|text| text.strip_prefix("W/").unwrap_or(text));
    let tag = tag.and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let version = tag.filter(|tag| is_version(tag));
    version
        .map(|version| Some(version.to_owned()))
        .ok_or(Refusal::Malformed("If-None-Match is not one quoted version"))
}

fn refused(headers: &HeaderMap) -> Result<Option<Refused>, Refusal> {
    let Some(written) = headers.get(REFUSED) else { return Ok(None) };
    let text = String::from_utf8_lossy(written.as_bytes());
    let (version, why) = text.split_once(' ').unwrap_or((&text, ""));
    if !is_version(version) {
        return Err(Refusal::Malformed("Mailchute-Refused is not a version and why"));
    }
    let why = shown(&why.chars().take(WHY).collect::<String>());
    Ok(Some(Refused { version: version.to_owned(), why }))
}

fn is_version(text: &str) -> bool {
    (1..=VERSION).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet))
}

/// RFC 7240 §2: "If any preference is specified more than once, only the first instance is to be
/// considered", and one that can't be read is ignored.
fn wait(headers: &HeaderMap) -> Duration {
    let seconds = words(headers, &PREFER).into_iter().find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse::<u64>().ok())
    });
    seconds.flatten().map_or(Duration::ZERO, |seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// RFC 9110 §12.5.3; `gzip` is worth what it says, else what `*` says.
fn coding(headers: &HeaderMap) -> Coding {
    let written = words(headers, &ACCEPT_ENCODING);
    let wanted = |name: &str| {
        written.iter().find_map(|word| {
            let (coding, parameters) = word.split_once(';').unwrap_or((word, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            coding.trim().eq_ignore_ascii_case(name).then(|| weight.is_ok_and(|weight| weight > 0.0))
        })
    };
    if wanted("gzip").or_else(|| wanted("*")).unwrap_or(false) { Coding::Gzip } else { Coding::Identity }
}

/// The members of a list that may stand in several fields (RFC 9110 §5.6.1).
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests;
