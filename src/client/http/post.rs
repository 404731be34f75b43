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
    /// To a server at any address: who has named it runs us. Fails, in words, where certificates or names can't be
    /// used.
    pub(crate) fn new(http: &plan::Http, version: Version) -> Result<Self, &'static str> {
        let authority = endpoint::host(http).parse().map_err(|_| "the host can't stand in a request")?;
        let scheme = if http.https { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { connector: Connector::anywhere(http)?, authority, scheme, version, line: None })
    }

    /// Posts `body` and reads the answer, of at most `limit` octets, all by `deadline`. A kept connection may have
    /// ended unseen: where no answer begins on it, the request goes on a new one. After a fault the next request has
    /// a new connection.
    pub(crate) async fn send(
        &mut self,
        path: &PathAndQuery,
        headers: HeaderMap,
        body: Bytes,
        limits: (Instant, usize),
    ) -> Result<Said, Fault> {
        if let Some(kept) = self.line.take().filter(Line::is_open) {
            match self.send_over(kept, path, headers.clone(), body.clone(), limits).await {
                Err(fault) if fault.again == Again::Now => {}
                said => return said,
            }
        }
        let line = self.dial(limits.0).await?;
        self.send_over(line, path, headers, body, limits).await
    }

    async fn send_over(
        &mut self,
        mut line: Line,
        path: &PathAndQuery,
        headers: HeaderMap,
        body: Bytes,
        (deadline, limit): (Instant, usize),
    ) -> Result<Said, Fault> {
        let request = self.request(&line, path, headers, body)?;
        let whole = async {
            let response = line.send(request).await.map_err(|error| broken(&error, Again::Now))?;
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
    let read = read.map_err(|error| broken(&*error, Again::Later))?;
    let trailers = read.trailers().cloned().unwrap_or_default();
    Ok(Said { status: head.status, headers: head.headers, body: read.to_bytes(), trailers })
}

fn broken(error: &(dyn std::error::Error + 'static), again: Again) -> Fault {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault { kind: Kind::Reset, detail: format!("{error}{cause}"), again }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn request(stream: &mut TcpStream) {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\nbody") {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        }
    }

    fn post(host: &str, port: u16) -> Post {
        let http = plan::Http {
            https: false,
            host: host.to_owned(),
            port,
            path: "/".to_owned(),
            format: plan::Format::default(),
            auth: None,
            signing: Vec::new(),
            ca: None,
            server_name: None,
            identity: None,
            allow_loopback: true,
        };
        Post::new(&http, Version::Any).unwrap()
    }

    async fn send(post: &mut Post) -> Result<Said, Fault> {
        let limits = (Instant::now() + Duration::from_secs(30), 1_024);
        let path = PathAndQuery::from_static("/v1/traces");
        post.send(&path, HeaderMap::new(), Bytes::from_static(b"body"), limits).await
    }

    #[tokio::test]
    async fn a_kept_connection_that_ends_in_place_of_an_answer_is_replaced_once() {
        const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut post = post("127.0.0.1", listener.local_addr().unwrap().port());
        let server = async {
            let (mut first, _) = listener.accept().await.unwrap();
            request(&mut first).await;
            first.write_all(OK).await.unwrap();
            request(&mut first).await;
            drop(first);
            let (mut second, _) = listener.accept().await.unwrap();
            request(&mut second).await;
            second.write_all(OK).await.unwrap();
            request(&mut second).await;
            drop(second);
            // A new one that ends so is a fault.
            let (mut third, _) = listener.accept().await.unwrap();
            request(&mut third).await;
        };
        let client = async {
            assert_eq!(send(&mut post).await.unwrap().status, StatusCode::OK);
            assert_eq!(send(&mut post).await.unwrap().status, StatusCode::OK);
            assert_eq!(send(&mut post).await.unwrap_err().kind, Kind::Reset);
        };
        tokio::join!(server, client);
    }

    #[tokio::test]
    async fn link_local_addresses_are_called_too() {
        // Without a zone nothing leaves this machine.
        let fault = send(&mut post("fe80::1", 4318)).await.unwrap_err();
        assert_eq!(fault.kind, Kind::Unreachable, "{fault:?}");
    }
}
