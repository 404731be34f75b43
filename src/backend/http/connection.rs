//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper gives a connection as two halves: one to send requests with, one that does the work and
//! usually gets a task of its own. Here both are polled by the delivery: no hop between tasks, and
//! a delivery that is dropped closes its connection at once, so nothing of it goes on.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::body::Segments;
use super::connect::Stream;

/// Octets of an answer's head, at most.
const MAX_HEAD: usize = 64 * 1024;

/// The half that works; boxed, since it is large and connections move in and out of the pool.
type Driver = Box<http1::Connection<TokioIo<Watched>, Segments>>;

/// A connection and what is known of it.
pub(super) struct Connection {
    sender: http1::SendRequest<Segments>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    /// Whether an octet came since the last request was sent.
    answered: Arc<AtomicBool>,
    /// Requests sent before the current one.
    pub(super) earlier: u32,
    /// Until when it may be idle.
    pub(super) idle_until: Instant,
}

/// Why there is no answer.
pub(super) struct NoAnswer {
    /// Whether the connection closed before the first octet of an answer.
    pub(super) silent: bool,
    pub(super) detail: String,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let answered = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Watched { stream, read: Arc::clone(&answered) });
        let (sender, driver) = http1::Builder::new().max_header_size(MAX_HEAD).handshake(io).await?;
        Ok(Self { sender, driver: Some(Box::new(driver)), answered, earlier: 0, idle_until: Instant::now() })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Segments>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        self.answered.store(false, Ordering::Relaxed);
        let mut response = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let outcome = poll_fn(|cx| {
            drive(driver, cx);
            response.as_mut().poll(cx)
        });
        outcome.await.map_err(|error| NoAnswer {
            silent: !self.answered.load(Ordering::Relaxed),
            detail: full_text(error.error()),
        })
    }

    /// The next frame of an answer's body.
    pub(super) async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        poll_fn(|cx| {
            // The driver reads for a body only once that was asked for, hence the first poll.
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            drive(&mut self.driver, cx);
            Pin::new(&mut *body).poll_frame(cx)
        })
        .await
    }

    /// Whether another request can be sent, as far as can be told without waiting.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        drive(&mut self.driver, cx);
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Marks a connection whose answer was read to its end; it may then be idle for so long.
    pub(super) fn rest(&mut self, idle: Duration) {
        self.earlier = self.earlier.saturating_add(1);
        self.idle_until = Instant::now() + idle;
    }
}

/// Lets the connection work; one that ended is dropped, which tells its waiting half.
fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(connection) = driver
        && Pin::new(connection).poll(cx).is_ready()
    {
        *driver = None;
    }
}

/// An error and what caused it.
fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A stream that notes when something was read.
struct Watched {
    stream: Stream,
    read: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.read.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
