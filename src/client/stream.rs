//! A connection to a server, in the clear or inside TLS, that notes what was read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// ALPN's name of HTTP/2 (RFC 9113 §3.2).
pub(super) const HTTP2: &[u8] = b"h2";

/// A connection.
pub(super) struct Stream {
    kind: Kind,
    read: Octets,
}

enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How many octets were read so far. Clones count the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Octets(Arc<AtomicU64>);

impl Octets {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Stream {
    /// In the clear.
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { kind: Kind::Plain(stream), read: Octets::default() }
    }

    /// Inside TLS.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { kind: Kind::Tls(Box::new(stream)), read: Octets::default() }
    }

    /// Whether both sides have agreed on HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) => false,
            Kind::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }

    /// The connection to begin TLS in; `None` where it has begun.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self.kind {
            Kind::Plain(stream) => Some(stream),
            Kind::Tls(_) => None,
        }
    }

    /// From now on closing is a reset: what waits to be sent is thrown away.
    pub(super) fn abort(&self) {
        // Where it can't be, the peer learns of the end all the same.
        drop(self.tcp().set_zero_linger());
    }

    fn tcp(&self) -> &TcpStream {
        match &self.kind {
            Kind::Plain(stream) => stream,
            Kind::Tls(stream) => stream.get_ref().0,
        }
    }

    /// What was read, now and later.
    pub(super) fn read(&self) -> Octets {
        self.read.clone()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        let octets = buffer.filled().len() - before;
        if octets > 0 {
            this.read.0.fetch_add(octets as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
