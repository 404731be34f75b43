//! Requests to one server: over HTTP/1.1, or over HTTP/2 where TLS has agreed on it (ALPN).
//!
//! ```text
//! Client::exchange ─▶ Pool: an idle connection, a free stream, or a turn to dial
//!                       │                               │
//!                       ▼                               ▼
//!                   http1, http2 ◀── connect (dial, TLS with ALPN)
//!                       │
//!                       ▼
//!                   Arriving: head and body of the answer
//! ```
//!
//! A request that is dropped ends at once: over HTTP/1.1 its connection closes, over HTTP/2 its
//! stream is reset and what waits to be sent of it is thrown away. Redirects are not followed; what
//! is sent again, and how often, is for the caller to say: see [`Again`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ::http::uri::{Authority, Scheme};
use ::http::{HeaderMap, Request, StatusCode, Uri};
use hyper::body::{Body, Bytes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use tokio::time::{Instant, timeout_at};

use super::fault::{Again, Fault, Kind};
use crate::plan;
use connect::Connector;
use pool::{Pool, Taken};

mod connect;
mod direct;
mod endpoint;
mod http1;
mod http2;
mod pool;
mod post;

pub(crate) use direct::{Answered, Direct};
pub(crate) use endpoint::Endpoint;
pub(crate) use post::{Post, Said, Version};

/// Octets of an answer's head, at most.
const MAX_HEAD: u32 = 64 * 1024;

/// What is encoded in the value of a query's parameter: all but the unreserved characters of RFC 3986 §2.3.
pub(crate) const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The body of a request: octets that are at hand.
pub(crate) trait Content: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static> Content for B {}

/// One server, and the connections to it.
pub(crate) struct Client<B: Content> {
    connector: Connector,
    authority: Authority,
    pool: Arc<Pool<B>>,
}

/// An answer whose body is still to come.
pub(crate) struct Arriving<B: Content> {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    coming: Coming<B>,
    pool: Arc<Pool<B>>,
}

/// What the body comes by.
enum Coming<B: Content> {
    One(http1::Connection<B>, hyper::body::Incoming),
    Two(http2::Answer<B>),
}

impl<B: Content> Client<B> {
    /// Fails, in words, where certificates or names can't be used.
    pub(crate) fn new(http: &plan::Http) -> Result<Self, &'static str> {
        let authority = endpoint::host(http).parse().map_err(|_| "the host can't stand in a request")?;
        Ok(Self { connector: Connector::new(http)?, authority, pool: Arc::new(Pool::new(http.https)) })
    }

    /// Sends a request, which has a path and `Host`, and waits for the head of its answer. A connect
    /// takes no longer than `patience`.
    pub(crate) async fn exchange(
        &self,
        request: Request<B>,
        patience: Duration,
        deadline: Instant,
    ) -> Result<Arriving<B>, Fault> {
        match self.line(patience, deadline).await? {
            Line::One(connection) => self.over_one(connection, request, deadline).await,
            Line::Two(stream) => self.over_two(stream, request, deadline).await,
        }
    }

    /// An idle connection or a free stream, or else a new connection.
    async fn line(&self, patience: Duration, deadline: Instant) -> Result<Line<B>, Fault> {
        loop {
            match self.pool.take().await {
                Taken::One(connection) => return Ok(Line::One(connection)),
                Taken::Two(stream) => return Ok(Line::Two(stream)),
                Taken::Dial(turn) => {
                    // What fails for want of time says nothing to those who have more.
                    let shortened = Instant::now() + patience > deadline;
                    let dialed = self.dial(patience, deadline).await;
                    if let (Some(turn), Err(fault)) = (&turn, &dialed)
                        && !(shortened && fault.kind == Kind::Timeout)
                    {
                        turn.tell(fault);
                    }
                    return dialed;
                }
                Taken::Wait(waiting) => {
                    let waited = timeout_at(deadline, waiting.wait()).await;
                    waited.map_err(|_| Fault::connect(Kind::Timeout, "no connection in time"))??;
                }
            }
        }
    }

    async fn dial(&self, patience: Duration, deadline: Instant) -> Result<Line<B>, Fault> {
        let deadline = deadline.min(Instant::now() + patience);
        let stream = self.connector.connect(deadline).await?;
        if !stream.speaks_http2() {
            self.pool.speaks_one();
            let connection = http1::Connection::new(stream).await;
            let broken = |error: hyper::Error| Fault::connect(Kind::Unreachable, error.to_string());
            return connection.map(Line::One).map_err(broken);
        }
        let connection = timeout_at(deadline, http2::Connection::new(stream)).await;
        let connection =
            connection.map_err(|_| Fault::connect(Kind::Timeout, "HTTP/2: no answer in time"))??;
        Ok(Line::Two(self.pool.share(connection)))
    }

    async fn over_one(
        &self,
        mut connection: http1::Connection<B>,
        request: Request<B>,
        deadline: Instant,
    ) -> Result<Arriving<B>, Fault> {
        let response = match timeout_at(deadline, connection.exchange(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(fault)) => {
                if fault.again == Again::Now {
                    self.pool.clear();
                }
                return Err(fault);
            }
            Err(_) => return Err(Fault::late()),
        };
        let (head, body) = response.into_parts();
        Ok(self.arriving(head, Coming::One(connection, body)))
    }

    async fn over_two(
        &self,
        stream: http2::Slot,
        mut request: Request<B>,
        deadline: Instant,
    ) -> Result<Arriving<B>, Fault> {
        // RFC 9113 §8.3.1: ":authority" takes the place of Host.
        request.headers_mut().remove(::http::header::HOST);
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        let connection = stream.connection();
        let answered = timeout_at(deadline, http2::exchange(stream, request)).await;
        match answered {
            Ok(Ok((head, answer))) => Ok(self.arriving(head, Coming::Two(answer))),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                // It may be the connection that hangs.
                self.pool.retire(&connection);
                Err(Fault::late())
            }
        }
    }

    fn arriving(&self, head: ::http::response::Parts, coming: Coming<B>) -> Arriving<B> {
        Arriving { status: head.status, headers: head.headers, coming, pool: Arc::clone(&self.pool) }
    }
}

/// What a request can be sent by.
enum Line<B: Content> {
    One(http1::Connection<B>),
    Two(http2::Slot),
}

impl<B: Content> Arriving<B> {
    /// Whether there is no body, or all of it was read.
    pub(crate) fn is_end(&self) -> bool {
        match &self.coming {
            Coming::One(_, body) => body.is_end_stream(),
            Coming::Two(answer) => answer.is_end(),
        }
    }

    /// The next octets of the body; nothing once it has ended as framed.
    pub(crate) async fn data(&mut self) -> Option<Result<Bytes, String>> {
        match &mut self.coming {
            Coming::One(connection, body) => connection.data(body).await,
            Coming::Two(answer) => answer.data(self.status).await,
        }
    }

    /// The body was read to its end: what it came by may be used again.
    pub(crate) async fn finish(self) {
        match self.coming {
            Coming::One(connection, _) => self.pool.put(connection, &self.headers).await,
            Coming::Two(answer) => answer.finish(self.status),
        }
    }
}
