//! One connection over which one request at a time is posted, and kept for the next: HTTP/1.1, or HTTP/2 from
//! its first octet where that was agreed on beforehand (RFC 9113 §3.3) or by ALPN. Answers come with their
//! trailers, which gRPC says in how it went.
//!
//! For what is not mail: a request that is dropped may go on for a moment, which [`super::Client`] rules out.

use ::http::uri::{Authority, Parts, PathAndQuery, Scheme};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::{Instant, timeout_at};

use super::connect::Connector;
use super::{MAX_HEAD, endpoint};
use crate::client::fault::{Again, Fault, Kind};
use crate::client::stream::Stream;
use crate::plan;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.1, unless the server asks for HTTP/2 by ALPN.
    Any,
    /// HTTP/2 and nothing else, in the clear too.
    Two,
}

/// The server, and the connection to it while there is one.
pub(crate) struct Post {
    connector: Connector,
    authority: Authority,
    scheme: Scheme,
    version: Version,
    line: Option<Line>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

enum Line {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Post {
    /// Fails, in words, where certificates or names can't be used.
    pub(crate) fn new(http: &plan::Http, version: Version) -> Result<Self, &'static str> {
        let authority = endpoint::host(http).parse().map_err(|_| "the host can't stand in a request")?;
        let scheme = if http.https { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { connector: Connector::new(http)?, authority, scheme, version, line: None })
    }

    /// Posts `body` and reads the answer, of at most `limit` octets, all by `deadline`. After a fault the next
    /// request has a new connection.
    pub(crate) async fn send(
        &mut self,
        path: &PathAndQuery,
        headers: HeaderMap,
        body: Bytes,
        (deadline, limit): (Instant, usize),
    ) -> Result<Said, Fault> {
        let kept = self.line.take().filter(Line::is_open);
        let mut line = match kept {
            Some(line) => line,
            None => self.dial(deadline).await?,
        };
        let request = self.request(&line, path, headers, body)?;
        let whole = async {
            let response = line.send(request).await.map_err(|error| broken(&error))?;
            read(response, limit).await
        };
        let said = timeout_at(deadline, whole).await.map_err(|_| Fault::late())??;
        self.line = Some(line);
        Ok(said)
    }

    async fn dial(&self, deadline: Instant) -> Result<Line, Fault> {
        let stream = self.connector.connect(deadline).await?;
        let agreed = stream.speaks_http2();
        if self.version == Version::Two && self.scheme == Scheme::HTTPS && !agreed {
            return Err(Fault::connect(Kind::Unreachable, "the server does not speak HTTP/2"));
        }
        let handshake = Line::open(stream, agreed || self.version == Version::Two);
        let opened = timeout_at(deadline, handshake).await;
        let opened = opened.map_err(|_| Fault::connect(Kind::Timeout, "HTTP: no answer in time"))?;
        opened.map_err(|error| Fault::connect(Kind::Unreachable, error.to_string()))
    }

    fn request(
        &self,
        line: &Line,
        path: &PathAndQuery,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let unusable = |_| Fault::connect(Kind::Misconfigured, "the host can't stand in a request");
        let mut parts = Parts::default();
        parts.path_and_query = Some(path.clone());
        match line {
            Line::One(_) => {
                let host = HeaderValue::try_from(self.authority.as_str());
                headers.insert(header::HOST, host.map_err(|_| unusable(()))?);
            }
            Line::Two(_) => {
                parts.scheme = Some(self.scheme.clone());
                parts.authority = Some(self.authority.clone());
            }
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| unusable(()))?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Line {
    /// The connection works in a task of its own, which ends when the line is dropped.
    async fn open(stream: Stream, two: bool) -> hyper::Result<Self> {
        let stream = TokioIo::new(stream);
        if two {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let (sender, connection) = builder.max_header_list_size(MAX_HEAD).handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Self::Two(sender))
        } else {
            let mut builder = http1::Builder::new();
            let (sender, connection) = builder.max_header_size(MAX_HEAD as usize).handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Self::One(sender))
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::One(sender) => !sender.is_closed(),
            Self::Two(sender) => !sender.is_closed(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Said, Fault> {
    let (head, body) = response.into_parts();
    let read = Limited::new(body, limit).collect().await;
    let read = read.map_err(|error| broken(&*error))?;
    let trailers = read.trailers().cloned().unwrap_or_default();
    Ok(Said { status: head.status, headers: head.headers, body: read.to_bytes(), trailers })
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Fault {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault { kind: Kind::Reset, detail: format!("{error}{cause}"), again: Again::Later }
}
