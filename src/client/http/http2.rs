//! One HTTP/2 connection (RFC 9113), shared by many requests.
//!
//! Built on the crate `h2`, which hyper stands on, rather than on hyper itself: hyper gives each body
//! a task of its own, which goes on when an early answer was read, and does not tell a stream that was
//! never processed from one that was. Here the request itself sends its body and reads its answer,
//! and all that is left to a task is the connection: frames, pings, its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ::http::header::CONTENT_LENGTH;
use ::http::{Request, StatusCode, response};
use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Ping, Reason, RecvStream, SendStream};
use http_body::Frame;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at};

use super::{Content, MAX_HEAD};
use crate::client::fault::{Again, Fault, Kind};
use crate::client::stream::{Octets, Stream};

/// How often a connection on which nothing came is asked whether it lives; it has as long to answer.
const PING: Duration = Duration::from_secs(5);

/// A connection, to open streams on.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    shared: Arc<Shared>,
}

/// What a connection and its streams know of it.
#[derive(Debug)]
pub(super) struct Shared {
    /// Streams that are open, or about to be.
    streams: AtomicUsize,
    /// Requests that were answered so far.
    answered: AtomicUsize,
    /// It did not answer a ping.
    dead: AtomicBool,
    /// When the last stream was closed.
    quiet_since: Mutex<Instant>,
    read: Octets,
}

impl Connection {
    /// Waits for the server's SETTINGS (RFC 9113 §3.4: the first frame it sends): what it admits is
    /// known then, and that it admits us, since a refused client certificate shows only now.
    pub(super) async fn new(stream: Stream) -> Result<Self, Fault> {
        let read = stream.read();
        // Until its SETTINGS have come.
        let built = client::Builder::new()
            .initial_max_send_streams(1)
            .max_header_list_size(MAX_HEAD)
            .enable_push(false)
            .handshake(stream)
            .await;
        let unreachable = |detail: String| Fault::connect(Kind::Unreachable, detail);
        let (sender, connection) = built.map_err(|error| unreachable(format!("HTTP/2: {error}")))?;
        let shared = Arc::new(Shared {
            streams: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            quiet_since: Mutex::new(Instant::now()),
            read,
        });
        let (settled, settings) = oneshot::channel();
        tokio::spawn(drive(connection, Arc::clone(&shared), settled));
        match settings.await {
            Ok(Ok(())) => Ok(Self { sender, shared }),
            Ok(Err(detail)) => Err(unreachable(format!("HTTP/2: {detail}"))),
            Err(_) => Err(unreachable("HTTP/2: the connection ended".to_owned())),
        }
    }

    /// Whether streams can still be opened on it, were there room.
    pub(super) fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    /// Since when it has no stream; `None` while it has.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let none = self.shared.streams.load(Ordering::Acquire) == 0;
        none.then(|| *self.shared.quiet_since.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Room for one more stream, where the server admits it (RFC 9113 §5.1.2). Called under the
    /// pool's lock.
    pub(super) fn room(&self) -> Option<Slot> {
        let taken = self.shared.streams.load(Ordering::Acquire);
        (taken < self.sender.current_max_send_streams()).then(|| self.slot())
    }

    /// A stream, room or not: it waits until the server admits it.
    pub(super) fn slot(&self) -> Slot {
        self.shared.streams.fetch_add(1, Ordering::AcqRel);
        Slot { sender: self.sender.clone(), shared: Arc::clone(&self.shared) }
    }

    pub(super) fn is(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }
}

/// The connection at work, until it ends or is silent for too long. Says once whether the server's
/// SETTINGS have come.
async fn drive(
    mut connection: client::Connection<Stream, Bytes>,
    shared: Arc<Shared>,
    settled: oneshot::Sender<Result<(), String>>,
) {
    let mut settled = Some(settled);
    let mut pings = connection.ping_pong();
    let mut ticks = interval_at(Instant::now() + PING, PING);
    let (mut heard, mut asked) = (0, false);
    loop {
        let work = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            if shared.read.count() > 0
                && polled.is_pending()
                && let Some(settled) = settled.take()
            {
                drop(settled.send(Ok(())));
            }
            polled
        });
        tokio::select! {
            biased;
            ended = work => {
                if let (Some(settled), Err(error)) = (settled, ended) {
                    drop(settled.send(Err(error.to_string())));
                }
                return;
            }
            _ = ticks.tick() => {}
        }
        let Some(pings) = &mut pings else { continue };
        let count = shared.read.count();
        if count != heard {
            // Whatever came is as good as the pong.
            let _ = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
            (heard, asked) = (count, false);
        } else if asked {
            shared.dead.store(true, Ordering::Release);
            return;
        } else {
            // Fails where a pong is still due: then that one is waited for.
            let _ = pings.send_ping(Ping::opaque());
            asked = true;
        }
    }
}

/// The right to open one stream.
pub(super) struct Slot {
    sender: SendRequest<Bytes>,
    shared: Arc<Shared>,
}

impl Slot {
    /// The connection that it is of.
    pub(super) fn connection(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.shared.quiet_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.shared.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn exchange<B: Content>(
    mut slot: Slot,
    request: Request<B>,
) -> Result<(response::Parts, Answer<B>), Fault> {
    let mut now = Sent { earlier: slot.shared.answered.load(Ordering::Acquire), read: 0 };
    if let Err(error) = poll_fn(|cx| slot.sender.poll_ready(cx)).await {
        return Err(now.unsent(&error));
    }
    now.read = slot.shared.read.count();
    let (mut head, body) = request.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    let ended = body.is_end_stream();
    let opened = slot.sender.send_request(Request::from_parts(head, ()), ended);
    let (response, stream) = opened.map_err(|error| now.unsent(&error))?;
    let mut upload = Upload { stream, body, chunk: Bytes::new(), sent: ended, over: false };
    let answered = answer(&mut upload, response).await;
    let (parts, incoming) = answered.map_err(|error| now.fault(&error, &slot.shared))?.into_parts();
    slot.shared.answered.fetch_add(1, Ordering::AcqRel);
    Ok((parts, Answer { incoming, upload, _slot: slot }))
}

/// Sends the body until an answer comes. That the body can't be sent shows in the answer, too.
async fn answer<B: Content>(
    upload: &mut Upload<B>,
    response: ResponseFuture,
) -> Result<::http::Response<RecvStream>, h2::Error> {
    let mut response = pin!(response);
    let mut broken = false;
    poll_fn(|cx| {
        if !broken && let Poll::Ready(Err(_)) = upload.poll(cx) {
            broken = true;
        }
        response.as_mut().poll(cx)
    })
    .await
}

/// The moment at which a request was sent.
struct Sent {
    /// Requests that the connection had answered before: it is a reused one.
    earlier: usize,
    /// Octets read on the connection before.
    read: u64,
}

impl Sent {
    /// Nothing of the request was sent, so nothing of it was processed.
    fn unsent(&self, error: &h2::Error) -> Fault {
        Fault { kind: Kind::Reset, detail: format!("not sent: {error}"), again: Again::Now }
    }

    /// What is not processed for sure is sent again: a stream that the server refused (RFC 9113 §8.7),
    /// or one above the last that its GOAWAY names (§6.8), which is all that GOAWAY ends. So is what a
    /// reused connection swallowed that closed without a word.
    fn fault(&self, error: &h2::Error, shared: &Shared) -> Fault {
        let silent = shared.read.count() == self.read && !shared.dead.load(Ordering::Acquire);
        let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let again = match () {
            () if error.is_remote() && refused => Again::Later,
            () if error.is_remote() && error.is_go_away() && error.reason() != Some(Reason::NO_ERROR) => {
                Again::Later
            }
            () if error.is_remote() && error.is_go_away() => Again::Now,
            () if error.is_io() && silent && self.earlier > 0 => Again::Now,
            () => Again::No,
        };
        let detail = if shared.dead.load(Ordering::Acquire) {
            "the connection does not answer pings".to_owned()
        } else {
            error.to_string()
        };
        Fault { kind: Kind::Reset, detail, again }
    }
}

/// An answer whose head is there.
pub(super) struct Answer<B: Content> {
    incoming: RecvStream,
    upload: Upload<B>,
    _slot: Slot,
}

impl<B: Content> Answer<B> {
    /// Whether there is no body, or all of it was read; where the request's own body still has to be
    /// sent it is not over yet.
    pub(super) fn is_end(&self) -> bool {
        self.incoming.is_end_stream() && self.upload.sent
    }

    /// The next octets of the body. An answer that takes the request ends no sooner than the request
    /// does, whenever it came: a stream that is reset might be taken for a request that is withdrawn.
    pub(super) async fn data(&mut self, status: StatusCode) -> Option<Result<Bytes, String>> {
        let Self { incoming, upload, .. } = self;
        poll_fn(|cx| {
            // That it can't be sent shows below.
            let sending = upload.poll(cx).is_pending();
            match ready!(incoming.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Fails only where the stream is gone, which the next octets tell.
                    drop(incoming.flow_control().release_capacity(data.len()));
                    Poll::Ready(Some(Ok(data)))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(error.to_string()))),
                None if !status.is_success() => Poll::Ready(None),
                None => match upload.stream.poll_reset(cx) {
                    // RFC 9113 §8.1: the answer is whole, and the rest of the request not wanted.
                    Poll::Ready(Ok(Reason::NO_ERROR)) => Poll::Ready(None),
                    Poll::Ready(Ok(why)) => Poll::Ready(Some(Err(format!("reset behind its end: {why}")))),
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error.to_string()))),
                    Poll::Pending if sending => Poll::Pending,
                    Poll::Pending => Poll::Ready(None),
                },
            }
        })
        .await
    }

    /// The answer was read to its end. What took the request gets all that was sent of it; of one that
    /// was not taken nothing more is sent.
    pub(super) fn finish(mut self, status: StatusCode) {
        self.upload.over = self.upload.sent && status.is_success();
    }
}

/// The body of a request on its way. Dropped before all is over it takes back what was not sent yet,
/// and resets the stream.
struct Upload<B> {
    stream: SendStream<Bytes>,
    body: B,
    /// What the body has given and the window has no room for.
    chunk: Bytes,
    /// The end was sent.
    sent: bool,
    /// So did the answer, which takes the request.
    over: bool,
}

impl<B: Content> Upload<B> {
    /// Sends what the window has room for; ready when all is sent, or can't be.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        while !self.sent {
            if self.chunk.is_empty() {
                let frame: Option<Result<Frame<Bytes>, Infallible>> =
                    ready!(Pin::new(&mut self.body).poll_frame(cx));
                match frame {
                    Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
                    Some(Err(never)) => match never {},
                    None => self.send(Bytes::new(), true)?,
                }
                continue;
            }
            self.stream.reserve_capacity(self.chunk.len());
            while self.stream.capacity() == 0 {
                match ready!(self.stream.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
                }
            }
            let piece = self.chunk.split_to(self.stream.capacity().min(self.chunk.len()));
            let end = self.chunk.is_empty() && self.body.is_end_stream();
            self.send(piece, end)?;
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, piece: Bytes, end: bool) -> Result<(), h2::Error> {
        self.stream.send_data(piece, end)?;
        self.sent = end;
        Ok(())
    }
}

impl<B> Drop for Upload<B> {
    fn drop(&mut self) {
        if !self.over {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}
