//! One request for a snapshot, and what its answer means.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, ETAG, HeaderName, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Empty;

use super::Options;
use super::trouble::Trouble;
use crate::client::http::Answered;
use crate::plan::{ObjectName, shown};
use crate::source::wire::{Decoded, Decoder, MAX_BODY, SCHEMA, WireError, deflate, inflate};

/// How long the controller may wait for something new.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// Octets of an answer as they are sent: what [`MAX_BODY`] is compressed.
pub(super) const MAX_SENT: usize = 32 << 20;
/// Characters of why a snapshot is refused, and of what the controller says of a failure.
const WORDS: usize = 500;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const SCHEMAS: HeaderName = HeaderName::from_static("mailchute-schemas");
const REFUSED: HeaderName = HeaderName::from_static("mailchute-refused");

/// A snapshot that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) version: String,
    pub(super) why: String,
}

/// The request for what is newer than what is in use and what was refused.
pub(super) async fn request(
    options: &Options,
    in_use: Option<&str>,
    refusal: Option<&Refusal>,
) -> Result<Request<Empty<Bytes>>, Trouble> {
    let ObjectName { namespace, name } = &options.gateway;
    let mut request = Request::new(Empty::new());
    let path = format!("/v1/gateways/{namespace}/{name}/snapshot");
    // A name that is none makes a path that is none: `/`, which the controller does not know.
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, authorization(options).await?);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(SCHEMAS, HeaderValue::from(SCHEMA));
    let mut say = |name, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    say(PREFER, format!("wait={}", WAIT.as_secs()));
    if let Some(version) = in_use {
        say(IF_NONE_MATCH, format!("\"{version}\""));
    }
    if let Some(Refusal { version, why }) = refusal {
        say(REFUSED, format!("{version} {}", in_ascii(why)));
    }
    Ok(request)
}

/// The token as it is now: kubelet writes a new one before the old one expires.
async fn authorization(options: &Options) -> Result<HeaderValue, Trouble> {
    let unusable = |source| Trouble::Token { file: options.token.clone(), source };
    let token = tokio::fs::read(&options.token).await.map_err(unusable)?;
    let token = token.trim_ascii();
    if token.is_empty() {
        return Err(unusable(io::Error::new(io::ErrorKind::InvalidData, "it is empty")));
    }
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat());
    let mut value =
        value.map_err(|_| unusable(io::Error::new(io::ErrorKind::InvalidData, "it is no token")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// On one line, in what a header field takes.
fn in_ascii(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().map(kept).take(WORDS).collect()
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// Nothing is newer.
    Same,
    /// A snapshot, still to be read.
    Snapshot(Received),
}

/// A snapshot as it came.
pub(super) struct Received {
    /// What the answer's entity tag says.
    pub(super) version: String,
    pub(super) body: Bytes,
    pub(super) coding: Coding,
}

/// How a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Plain,
}

/// Version and size only: it holds Secrets.
impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot {} of {} octets, {:?}", self.version, self.body.len(), self.coding)
    }
}

/// Reads the head of an answer.
pub(super) fn meaning(answered: Answered) -> Result<Meaning, Trouble> {
    let Answered { status, headers, body } = answered;
    match status {
        StatusCode::NOT_MODIFIED => Ok(Meaning::Same),
        StatusCode::OK => {
            let version = tag(&headers).unwrap_or_else(|| "without a version".to_owned());
            let unusable = |why: String| Trouble::Unusable { version: version.clone(), why };
            let coding = headers.get(CONTENT_ENCODING).map_or(Ok("identity"), HeaderValue::to_str);
            let coding = match coding {
                Ok("gzip") => Coding::Gzip,
                Ok("identity") => Coding::Plain,
                _ => return Err(unusable("its coding was not asked for".to_owned())),
            };
            Ok(Meaning::Snapshot(Received { version, body, coding }))
        }
        StatusCode::NOT_FOUND => Err(Trouble::NoGateway(words(&body))),
        status => Err(Trouble::Answered { status, reason: words(&body) }),
    }
}

/// RFC 9110 §8.8.3, without what makes it weak: what is compressed on the way may be.
fn tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    Some(tag.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// The first line of what the controller says.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    shown(text.lines().next().unwrap_or_default()).chars().take(WORDS).collect()
}

impl Received {
    /// Reads it; takes long where there is much.
    pub(super) fn read(&self, decoder: &mut Decoder) -> Result<Decoded, WireError> {
        match self.coding {
            Coding::Gzip => decoder.decode(&inflate(&self.body, MAX_BODY)?),
            Coding::Plain => decoder.decode(&self.body),
        }
    }

    /// Its body, compressed.
    pub(super) fn compressed(self) -> Bytes {
        match self.coding {
            Coding::Gzip => self.body,
            Coding::Plain => deflate(&self.body).into(),
        }
    }
}

/// What is wrong with a snapshot that can be read.
pub(super) fn mistaken(decoded: &Decoded, gateway: &ObjectName, version: &str) -> Option<String> {
    if decoded.gateway != *gateway {
        return Some(format!("it is of gateway {}", decoded.gateway));
    }
    (decoded.version != version).then(|| format!("it calls itself {}", decoded.version))
}

#[cfg(test)]
mod tests;
