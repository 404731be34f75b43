//! What a service says of a recipient, and what is believed of it.
//!
//! | answer | means |
//! | --- | --- |
//! | `204`, or `200` with an empty body | exists |
//! | `200` with a document that says so | exists |
//! | `200`, `404` or `410` with a document that says so | does not exist |
//! | anything else | trouble |
//!
//! A "no" makes mail bounce, so it has to be explicit: a `404` of a proxy, of a default virtual host or
//! of a service that was deployed with another path never carries the document. Nor does the page that
//! a web application shows for every path, with `200`, so a body that is no document is no "yes".

use http::StatusCode;
use http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use http_body_util::Empty;
use hyper::body::Bytes;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::client::circuit::Health;
use crate::client::http::Arriving;

/// The content type of the document.
pub(super) const CONTENT_TYPE: &str = "application/vnd.mailchute.recipient+json";

/// The version of the document that is spoken.
const VERSION: u64 = 1;
/// Octets of a document.
const MAX_BODY: usize = 64 * 1024;

/// What can be remembered of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Exists,
    Missing,
}

/// An answer as far as it was read.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Empty,
    Document(Vec<u8>),
    /// A document that is too long, or something else.
    Other(&'static str),
    /// It broke off, or took too long.
    Broken(String),
}

/// Fields that are not known are left alone: they belong to no known version.
#[derive(Deserialize)]
struct Document {
    version: u64,
    exists: bool,
}

impl Answer {
    /// Reads as much as it takes to know what it says.
    pub(super) async fn read(mut arriving: Arriving<Empty<Bytes>>, deadline: Instant) -> Self {
        let status = arriving.status;
        let types = arriving.headers.get_all(CONTENT_TYPE_HEADER);
        let document = types.iter().any(|value| is_document(value.as_bytes()));
        let read = timeout_at(deadline, read_body(&mut arriving, document)).await;
        let body = read.unwrap_or_else(|_| Body::Broken("half an answer in time".to_owned()));
        if matches!(body, Body::Empty | Body::Document(_)) {
            arriving.finish().await;
        }
        Self { status, body }
    }

    /// What it shows of the service: whoever answers is alive, though it may be set up wrongly.
    pub(super) fn health(&self) -> Health {
        if self.status.is_server_error() || matches!(self.body, Body::Broken(_)) {
            Health::Down { retry_after: None }
        } else {
            Health::Alive
        }
    }

    /// What it says; the error is for the log.
    pub(super) fn known(&self) -> Result<Known, String> {
        let status = self.status.as_u16();
        match (status, &self.body) {
            (_, Body::Broken(why)) => Err(why.clone()),
            (200 | 204, Body::Empty) => Ok(Known::Exists),
            (200 | 404 | 410, Body::Document(octets)) => match (status, exists(octets)?) {
                (200, true) => Ok(Known::Exists),
                (_, false) => Ok(Known::Missing),
                (_, true) => Err(format!("status {status} with a document that says the contrary")),
            },
            (404 | 410, Body::Empty) => Err(format!("status {status} without a document")),
            (200 | 404 | 410, Body::Other(what)) => Err(format!("status {status} with {what}")),
            _ => Err(format!("status {status}")),
        }
    }
}

async fn read_body(arriving: &mut Arriving<Empty<Bytes>>, document: bool) -> Body {
    let mut octets = Vec::new();
    while let Some(data) = arriving.data().await {
        match data {
            Ok(data) if data.is_empty() => {}
            Ok(_) if !document => return Body::Other("a body that is no document"),
            Ok(data) if octets.len() + data.len() > MAX_BODY => {
                return Body::Other("a document over 64 KiB");
            }
            Ok(data) => octets.extend_from_slice(&data),
            Err(error) => return Body::Broken(format!("half an answer: {error}")),
        }
    }
    if document { Body::Document(octets) } else { Body::Empty }
}

/// RFC 9110 §8.3.1: parameters don't matter, nor does case.
fn is_document(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|octet| *octet == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
}

fn exists(octets: &[u8]) -> Result<bool, String> {
    let document: Document =
        serde_json::from_slice(octets).map_err(|error| format!("not the JSON of an answer: {error}"))?;
    if document.version == VERSION {
        Ok(document.exists)
    } else {
        Err("a version that is not known".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(status: u16, body: Body) -> Option<Known> {
        Answer { status: StatusCode::from_u16(status).unwrap(), body }.known().ok()
    }

    fn document(text: &str) -> Body {
        Body::Document(text.as_bytes().to_vec())
    }

    #[test]
    fn only_an_explicit_answer_counts() {
        let yes = || document(r#"{"version":1,"exists":true}"#);
        let no = || document(r#"{"version":1,"exists":false,"why":"left"}"#);
        let page = || Body::Other("a body that is no document");
        for (status, body, expected) in [
            (204, Body::Empty, Some(Known::Exists)),
            (200, Body::Empty, Some(Known::Exists)),
            (200, yes(), Some(Known::Exists)),
            (200, no(), Some(Known::Missing)),
            (404, no(), Some(Known::Missing)),
            (410, no(), Some(Known::Missing)),
            (404, yes(), None),
            (410, yes(), None),
            (404, Body::Empty, None),
            (410, Body::Empty, None),
            (404, page(), None),
            (200, page(), None),
            (201, yes(), None),
            (206, no(), None),
            (202, Body::Empty, None),
            (301, no(), None),
            (302, Body::Empty, None),
            (400, no(), None),
            (401, no(), None),
            (403, no(), None),
            (429, no(), None),
            (500, no(), None),
            (503, no(), None),
            (200, Body::Broken("reset".to_owned()), None),
            (404, Body::Broken("reset".to_owned()), None),
        ] {
            assert_eq!(known(status, body.clone()), expected, "{status} {body:?}");
        }
    }

    #[test]
    fn a_document_that_is_not_understood_is_no_answer() {
        for text in [
            "",
            "<html>",
            "false",
            "{}",
            r#"{"exists":false}"#,
            r#"{"version":1}"#,
            r#"{"version":2,"exists":false}"#,
            r#"{"version":"1","exists":false}"#,
            r#"{"version":1,"exists":"false"}"#,
            r#"{"version":1,"exists":null}"#,
            r#"{"version":1,"exists":false,"exists":true}"#,
            r#"{"version":1,"exists":false} more"#,
        ] {
            for status in [200, 404, 410] {
                assert_eq!(known(status, document(text)), None, "{status} {text}");
            }
        }
    }

    #[test]
    fn the_document_is_known_by_its_type_alone() {
        for (value, expected) in [
            ("application/vnd.mailchute.recipient+json", true),
            ("Application/Vnd.Mailchute.Recipient+JSON; charset=utf-8", true),
            ("application/json", false),
            ("text/html", false),
            ("application/vnd.mailchute.recipient+json-seq", false),
            ("", false),
        ] {
            assert_eq!(is_document(value.as_bytes()), expected, "{value}");
        }
    }
}
