//! One HTTP/2 connection to one server, for a caller that has to know when it ends: no other takes its
//! place unasked, and an answer is there as a whole or not at all.

use ::http::uri::{Authority, Scheme};
use ::http::{HeaderMap, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::Empty;
use tokio::time::{Instant, timeout_at};

use super::connect::Connector;
use super::{endpoint, http2};
use crate::client::fault::{Fault, Kind};
use crate::plan;

/// The connection.
pub(crate) struct Direct {
    connection: http2::Connection,
    authority: Authority,
}

/// An answer, read to its end.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Direct {
    /// Connects by `deadline`: DNS, TCP, TLS and the settings of both sides.
    pub(crate) async fn connect(http: &plan::Http, deadline: Instant) -> Result<Self, Fault> {
        let misconfigured = |what: &str| Fault::connect(Kind::Misconfigured, what);
        let authority = endpoint::host(http).parse();
        let authority = authority.map_err(|_| misconfigured("the host can't stand in a request"))?;
        let connector = Connector::new(http).map_err(misconfigured)?;
        let stream = connector.connect(deadline).await?;
        if !stream.speaks_http2() {
            return Err(Fault::connect(Kind::Unreachable, "the server does not speak HTTP/2"));
        }
        let connection = timeout_at(deadline, http2::Connection::new(stream)).await;
        let connection =
            connection.map_err(|_| Fault::connect(Kind::Timeout, "HTTP/2: no answer in time"))??;
        Ok(Self { connection, authority })
    }

    /// Whether the server still takes requests on it.
    pub(crate) fn is_open(&mut self) -> bool {
        self.connection.is_open()
    }

    /// Gets what `request`, which has a path, asks for: the head of the answer by `deadline`, a body of
    /// at most `limit` octets by `end`.
    pub(crate) async fn get(
        &self,
        mut request: Request<Empty<Bytes>>,
        (deadline, end): (Instant, Instant),
        limit: usize,
    ) -> Result<Answered, Fault> {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        let answered = timeout_at(deadline, http2::exchange(self.connection.slot(), request)).await;
        let (head, mut answer) = answered.map_err(|_| Fault::late())??;
        let broken = |detail: String| Fault::connect(Kind::Reset, detail);
        let mut body = Vec::new();
        let whole = async {
            while let Some(data) = answer.data(head.status).await {
                let data = data.map_err(broken)?;
                if data.len() > limit - body.len() {
                    return Err(broken(format!("the answer has more than {limit} octets")));
                }
                body.extend_from_slice(&data);
            }
            Ok(())
        };
        timeout_at(end, whole).await.map_err(|_| broken("the answer does not end in time".to_owned()))??;
        answer.finish(head.status);
        Ok(Answered { status: head.status, headers: head.headers, body: body.into() })
    }
}
