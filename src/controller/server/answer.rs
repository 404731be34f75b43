//! What a front-end is answered: a snapshot, that there is none newer, or why it gets none, in words.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::request::Coding;
use crate::controller::picture::Published;
use crate::plan::ObjectName;
use crate::source::wire;

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

const SCHEMA: HeaderName = HeaderName::from_static("mailchute-schema");

/// Why there is no snapshot for who asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A field of the request can't be read.
    #[error("{0}")]
    Malformed(&'static str),
    /// There is one kind of path.
    #[error("there is nothing here: ask for /v1/gateways/NAMESPACE/NAME/snapshot")]
    NoSuchPath,
    /// There is one method.
    #[error("a snapshot is read by GET")]
    Method,
    /// Nobody says who asks.
    #[error("who asks? send the pod's service-account token as Authorization: Bearer")]
    NoToken,
    /// The apiserver does not know the token.
    #[error(
        "the token is not valid here: it has expired, is of another cluster, is not for audience {audience}, or what it \
         is bound to is gone"
    )]
    Token {
        /// The audience that is asked for.
        audience: String,
    },
    /// The token is of somebody else.
    #[error(
        "{user} may not have the snapshot of gateway {gateway}: only the service account that its \
         spec.frontEnds.serviceAccountName names, in namespace {}, may", gateway.namespace
    )]
    Stranger {
        /// Who asked.
        user: String,
        /// For what.
        gateway: ObjectName,
    },
    /// The gateway is not there.
    #[error("there is no MailGateway {0}")]
    NoSuchGateway(ObjectName),
    /// There is no schema that both sides know.
    #[error(
        "snapshots are of schema {}: the front-end does not read it, so it is older than the controller",
        wire::SCHEMA
    )]
    Schema,
    /// The gateway was never good enough to be published.
    #[error(
        "MailGateway {0} can't be used as it is, and never could since this controller began: see its status"
    )]
    Unusable(ObjectName),
    /// Not all has been read yet.
    #[error("the controller has not read the whole cluster yet")]
    Starting,
    /// The apiserver can't say who it is.
    #[error("the apiserver can't be asked about the token now")]
    Unreviewed,
    /// There are as many front-ends connected as may be.
    #[error("too many front-ends are connected")]
    Crowded,
}

impl Refusal {
    /// The status code.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::Token { .. } => StatusCode::UNAUTHORIZED,
            Self::Stranger { .. } => StatusCode::FORBIDDEN,
            Self::NoSuchPath | Self::NoSuchGateway(_) => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Schema => StatusCode::NOT_ACCEPTABLE,
            Self::Unusable(_) | Self::Starting | Self::Unreviewed | Self::Crowded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> Answer {
        let mut answer = Response::new(Full::new(Bytes::from(format!("{self}\n"))));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status() {
            // RFC 9110 §11.6.1: "A server generating a 401 response MUST send a WWW-Authenticate header field".
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => headers.insert(ALLOW, HeaderValue::from_static("GET")),
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        answer
    }
}

/// A snapshot.
pub(super) fn snapshot(published: &Published, coding: Coding) -> Answer {
    let body = match coding {
        Coding::Gzip => published.encoded.gzip.clone(),
        Coding::Identity => published.encoded.body.clone(),
    };
    let mut answer = Response::new(Full::new(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(SCHEMA, HeaderValue::from(wire::SCHEMA));
    tagged(answer, &published.encoded.version)
}

/// RFC 9110 §15.4.5: what the front-end has is the newest, or what it does not want.
pub(super) fn nothing_new(version: &str) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    tagged(answer, version)
}

fn tagged(mut answer: Answer, version: &str) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A version is hexadecimal: always a value.
    headers.extend(HeaderValue::from_str(&format!("\"{version}\"")).ok().map(|tag| (ETAG, tag)));
    answer
}
