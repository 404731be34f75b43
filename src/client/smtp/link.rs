//! The socket of a conversation: connect, TLS, lines out, replies in; each by a deadline.

use std::future::poll_fn;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::reply::{Reader, Reply};
use super::trust::Trust;
use crate::client::dial::{Dial, Reach, Unconnected};
use crate::client::stream::Stream;

/// Octets of one read.
const READ: usize = 4096;

/// Where a server is, and how to reach it.
pub(crate) struct Server {
    dial: Dial,
    connector: TlsConnector,
    /// For people: what is known of the certificate once TLS has begun.
    proof: &'static str,
    name: Result<ServerName<'static>, &'static str>,
}

impl Server {
    /// `name` is what the certificate has to say; `host` where it is none.
    ///
    /// Fails, in words, where the authorities can't be read, or TLS needs a name and there is none.
    pub(super) fn new(
        (host, port, reach): (&str, u16, Reach),
        needs_tls: bool,
        trust: &Trust,
        name: Option<&str>,
    ) -> Result<Self, &'static str> {
        let name = ServerName::try_from(name.unwrap_or(host).trim_end_matches('.').to_owned());
        let name = name.map_err(|_| "the server name is no name that a certificate can hold");
        if needs_tls {
            name.as_ref().map_err(|problem| *problem)?;
        }
        let proof = if matches!(trust, Trust::Anybody) { "not verified" } else { "verified" };
        Ok(Self { dial: Dial::new(host, port, reach), connector: trust.connector()?, proof, name })
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The server can't be a target.
    #[error("can't connect: {0}")]
    Forbidden(String),
    /// Nobody to talk to.
    #[error("can't connect: {0}")]
    Connect(String),
    /// The same, and time is up.
    #[error("can't connect: {0}: no answer in time")]
    LateConnect(&'static str),
    /// TLS does not come about.
    #[error("TLS: {0}")]
    Tls(String),
    /// It took too long.
    #[error("no answer to {0} in time")]
    Late(&'static str),
    /// The connection ended.
    #[error("the connection broke while waiting for the answer to {0}")]
    Broken(&'static str),
    /// It is no mail server.
    #[error("{0}")]
    NotSmtp(String),
}

impl From<Unconnected> for Fault {
    fn from(unconnected: Unconnected) -> Self {
        match unconnected {
            Unconnected::Forbidden(why) => Self::Forbidden(why),
            Unconnected::Unreachable(why) => Self::Connect(why),
            Unconnected::Late(stage) => Self::LateConnect(stage),
        }
    }
}

/// A connection, and what was read of it.
pub(super) struct Link {
    stream: Stream,
    reader: Reader,
    local: IpAddr,
    /// The server's address.
    pub(super) peer: SocketAddr,
    /// For people: the TLS session, where there is one.
    pub(super) security: Option<String>,
}

/// What came of octets that were written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// All are on their way.
    All,
    /// The server answered before it had all of them, or does not read any more.
    Cut,
}

impl Link {
    /// Connects; TLS does not begin yet.
    pub(super) async fn connect(server: &Server, deadline: Instant) -> Result<Self, Fault> {
        let tcp = server.dial.connect(deadline).await?;
        let of = |error: std::io::Error| Fault::Connect(error.to_string());
        let (local, peer) = (tcp.local_addr().map_err(of)?.ip(), tcp.peer_addr().map_err(of)?);
        Ok(Self { stream: Stream::plain(tcp), reader: Reader::default(), local, peer, security: None })
    }

    /// Goes on inside TLS.
    pub(super) async fn secure(self, server: &Server, deadline: Instant) -> Result<Self, Fault> {
        // What was said in the clear behind the answer to STARTTLS is nobody's word.
        if !self.reader.is_empty() {
            return Err(Fault::NotSmtp("the server went on in the clear behind STARTTLS".to_owned()));
        }
        let name = server.name.clone().map_err(|problem| Fault::Tls(problem.to_owned()))?;
        let Self { stream, reader, local, peer, .. } = self;
        let Some(tcp) = stream.into_plain() else {
            return Err(Fault::Tls("it has begun already".to_owned()));
        };
        let shake = timeout_at(deadline, server.connector.connect(name.clone(), tcp)).await;
        let stream = shake.map_err(|_| Fault::Tls("no answer in time".to_owned()))?;
        let stream = stream.map_err(|error| Fault::Tls(error.to_string()))?;
        let session = stream.get_ref().1;
        let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let suite = suite.unwrap_or("unknown cipher");
        let security = format!("{version}, {suite}, certificate of {} {}", name.to_str(), server.proof);
        Ok(Self { stream: Stream::tls(stream), reader, local, peer, security: Some(security) })
    }

    /// RFC 5321 §4.1.3: how our own address stands in EHLO.
    pub(super) fn literal(&self) -> String {
        match self.local.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        }
    }

    /// Writes octets. Where the server has closed, what it said before may wait to be read.
    pub(super) async fn write(
        &mut self,
        octets: &[u8],
        stage: &'static str,
        deadline: Instant,
    ) -> Result<(), Fault> {
        let all = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout_at(deadline, all).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::Late(stage)),
        }
    }

    /// Writes octets of a message from where they are, and listens meanwhile: a server that has heard enough
    /// may say so, and then read no more.
    pub(super) async fn write_listening(
        &mut self,
        mut octets: &mut [IoSlice<'_>],
        stage: &'static str,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let all = poll_fn(|cx| self.poll_write_listening(&mut octets, cx));
        timeout_at(deadline, all).await.map_err(|_| Fault::Late(stage))
    }

    fn poll_write_listening(&mut self, rest: &mut &mut [IoSlice<'_>], cx: &mut Context<'_>) -> Poll<Written> {
        while !rest.is_empty() {
            match Pin::new(&mut self.stream).poll_write_vectored(cx, rest) {
                Poll::Ready(Ok(count)) if count > 0 => IoSlice::advance_slices(rest, count),
                Poll::Ready(_) => return Poll::Ready(Written::Cut),
                Poll::Pending => return self.poll_heard(cx),
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Written::All),
            Poll::Ready(Err(_)) => Poll::Ready(Written::Cut),
            Poll::Pending => self.poll_heard(cx),
        }
    }

    /// Ready once the server has said anything, or has closed.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Written> {
        self.poll_read(cx).map(|_| Written::Cut)
    }

    /// How many octets came; 0 at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut octets = [0; READ];
        let mut buffer = ReadBuf::new(&mut octets);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                self.reader.push(buffer.filled());
                Poll::Ready(buffer.filled().len())
            }
            Poll::Ready(Err(_)) => Poll::Ready(0),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The next reply.
    pub(super) async fn reply(&mut self, stage: &'static str, deadline: Instant) -> Result<Reply, Fault> {
        loop {
            match self.reader.reply() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(problem) => return Err(Fault::NotSmtp(format!("{problem}, to {stage}"))),
            }
            let read = timeout_at(deadline, self.stream.read_buf(self.reader.buffer())).await;
            match read.map_err(|_| Fault::Late(stage))? {
                Ok(0) | Err(_) => return Err(Fault::Broken(stage)),
                Ok(_) => {}
            }
        }
    }

    /// Whether the server has neither closed nor said anything unasked, which is that it closes.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.reader.is_empty() && self.poll_read(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// From now on closing is a reset: what waits to be sent is thrown away.
    pub(super) fn abort(&self) {
        self.stream.abort();
    }

    /// Says no more.
    pub(super) async fn shutdown(&mut self, deadline: Instant) {
        // What had to be said was said; a server that is gone already misses nothing.
        drop(timeout_at(deadline, self.stream.shutdown()).await);
    }
}
