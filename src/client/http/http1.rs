//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! hyper gives a connection as two halves: one to send requests with, one that does the work and
//! usually gets a task of its own. Here both are polled by the request: no hop between tasks, and
//! a request that is dropped closes its connection at once, so nothing of it goes on.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Request, Response};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::{Content, MAX_HEAD};
use crate::client::fault::{Again, Fault, Kind};
use crate::client::stream::{Octets, Stream};

/// The half that works; boxed, since it is large and connections move in and out of the pool.
type Driver<B> = Box<http1::Connection<TokioIo<Stream>, B>>;

/// A connection and what is known of it.
pub(super) struct Connection<B: Content> {
    sender: http1::SendRequest<B>,
    /// `None` once the connection has ended.
    driver: Option<Driver<B>>,
    read: Octets,
    /// Requests sent before the current one.
    earlier: u32,
    /// Until when it may be idle.
    pub(super) idle_until: Instant,
}

impl<B: Content> Connection<B> {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let read = stream.read();
        let mut builder = http1::Builder::new();
        let (sender, driver) =
            builder.max_header_size(MAX_HEAD as usize).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Some(Box::new(driver)), read, earlier: 0, idle_until: Instant::now() })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn exchange(&mut self, request: Request<B>) -> Result<Response<Incoming>, Fault> {
        let before = self.read.count();
        let mut response = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let outcome = poll_fn(|cx| {
            drive(driver, cx);
            response.as_mut().poll(cx)
        });
        let error = match outcome.await {
            Ok(response) => return Ok(response),
            Err(error) => error.into_error(),
        };
        let silent = self.read.count() == before;
        let (detail, of_tls) = told(&error);
        if silent && self.earlier == 0 && of_tls {
            // With TLS 1.3 a server says only now that it does not admit us.
            return Err(Fault::connect(Kind::Unreachable, detail));
        }
        let again = if silent && self.earlier > 0 { Again::Now } else { Again::No };
        Err(Fault { kind: Kind::Reset, detail, again })
    }

    /// The next octets of an answer's body; nothing once it has ended as framed.
    pub(super) async fn data(&mut self, body: &mut Incoming) -> Option<Result<Bytes, String>> {
        let frame = poll_fn(|cx| {
            // The driver reads for a body only once that was asked for, hence the first poll.
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
                return Poll::Ready(frame);
            }
            drive(&mut self.driver, cx);
            Pin::new(&mut *body).poll_frame(cx)
        });
        let data = frame.await?.map(|frame| frame.into_data().unwrap_or_default());
        Some(data.map_err(|error| error.to_string()))
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
fn drive<B: Content>(driver: &mut Option<Driver<B>>, cx: &mut Context<'_>) {
    if let Some(connection) = driver
        && Pin::new(connection).poll(cx).is_ready()
    {
        *driver = None;
    }
}

/// An error and what caused it, and whether that was TLS.
fn told(error: &dyn std::error::Error) -> (String, bool) {
    let (mut text, mut of_tls) = (error.to_string(), false);
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        // What an I/O error wraps is not among its sources.
        if let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            of_tls |= inner.is::<rustls::Error>();
        }
        source = cause.source();
    }
    (text, of_tls)
}
