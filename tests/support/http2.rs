//! An HTTP/2 server behind TLS that does with each request what its script says, right or wrong.
//!
//! Built on h2's own server side; what no server does by itself is written to the connection beside it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use mailchute::plan;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What to do with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Read it all, answer with this status and body.
    Answer(u16, &'static str),
    /// Read it all, wait, answer with this status.
    AnswerWhen(Arc<Notify>, u16),
    /// Answer with this status at once, then read what still comes.
    AnswerEarly(u16),
    /// Answer with this status at once, read some of what still comes, then reset the stream.
    AnswerEarlyAndReset(u16, Reason),
    /// Read it all; announce ten octets, send four, then do this.
    Truncate(Truncation),
    /// Refuse the stream unread.
    Refuse,
    /// Read it all, then reset the stream.
    Reset,
    /// Say GOAWAY that names the stream before this one as the last; answer no more.
    GoAwayBefore,
    /// Say GOAWAY that names this one as the last, then answer with `200`.
    GoAwayAfter,
    /// Read it all and close the connection without a word.
    Close,
    /// Read nothing and say nothing, ever.
    Hang,
    /// As if the cable were cut: nothing is read and nothing written on the connection from now on.
    Cut,
}

/// How a body ends too early.
#[derive(Clone, Copy)]
pub(crate) enum Truncation {
    /// The stream ends.
    End,
    /// The stream is reset.
    Reset,
    /// The connection ends.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Which connection it came by, from 0.
    pub(crate) connection: usize,
    /// `:scheme`, `:authority` and `:path`, as one.
    pub(crate) uri: String,
    /// Its header fields.
    pub(crate) headers: HeaderMap,
    /// What was read of its body.
    pub(crate) body: Vec<u8>,
    /// All of it.
    pub(crate) whole: bool,
}

#[derive(Default)]
struct State {
    script: Vec<Act>,
    heard: Vec<Heard>,
    connections: usize,
    /// Streams that the client reset, and why.
    resets: Vec<Reason>,
    /// How many of the handshakes resumed a session.
    resumed: usize,
}

/// The server; it ends with this handle.
pub(crate) struct Streams {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Streams {
    /// Acts in the order of requests; the last act is repeated. Admits `at_once` streams.
    pub(crate) async fn start(acceptor: TlsAcceptor, at_once: u32, script: impl Into<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { script: script.into(), ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(acceptor.clone(), stream, at_once, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    /// A backend that posts here and believes `ca`.
    pub(crate) fn target(&self, ca: &str) -> plan::Http {
        plan::Http {
            https: true,
            host: self.address.ip().to_string(),
            port: self.address.port(),
            path: "/inbound".to_owned(),
            format: plan::Format::CloudEvent,
            auth: None,
            signing: Vec::new(),
            ca: Some(ca.into()),
            server_name: None,
            identity: None,
            allow_loopback: true,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Connections opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// How many of them resumed a TLS session.
    pub(crate) fn resumed(&self) -> usize {
        self.state.lock().unwrap().resumed
    }

    /// Waits until so many requests have begun or come.
    pub(crate) async fn wait_heard(&self, requests: usize) {
        self.wait("requests", |state| state.heard.len() >= requests).await;
    }

    /// Waits until the client has reset so many streams, and gives the reasons.
    pub(crate) async fn wait_resets(&self, resets: usize) -> Vec<Reason> {
        self.wait("resets", |state| state.resets.len() >= resets).await;
        self.state.lock().unwrap().resets.clone()
    }

    async fn wait(&self, what: &str, done: impl Fn(&State) -> bool) {
        let polled = async {
            while !done(&self.state.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), polled).await;
        waited.unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }
}

async fn converse(acceptor: TlsAcceptor, stream: TcpStream, at_once: u32, state: Arc<Mutex<State>>) {
    let number = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.connections - 1
    };
    let Ok(stream) = acceptor.accept(stream).await else { return };
    if stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
        state.lock().unwrap().resumed += 1;
    }
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the client offers HTTP/2");
    let wire = Wire(Arc::new(Mutex::new(Some(stream))));
    let mut builder = server::Builder::new();
    builder.max_concurrent_streams(at_once);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(wire.clone()).await else { return };
    let close = Arc::new(Notify::new());
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = close.notified() => return,
        };
        let Some(Ok((request, respond))) = accepted else { return };
        let act = {
            let mut state = state.lock().unwrap();
            if state.script.len() > 1 { state.script.remove(0) } else { state.script[0].clone() }
        };
        let (state, wire, close) = (Arc::clone(&state), wire.clone(), Arc::clone(&close));
        tokio::spawn(act.perform(Stream { request, respond, number, state, wire, close }));
    }
}

/// One request, and what it takes to act on it.
struct Stream {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    number: usize,
    state: Arc<Mutex<State>>,
    wire: Wire,
    close: Arc<Notify>,
}

impl Stream {
    /// Notes the request; gives its place among those heard.
    fn note(&self) -> usize {
        let (uri, headers) = (self.request.uri().to_string(), self.request.headers().clone());
        let mut state = self.state.lock().unwrap();
        state.heard.push(Heard { connection: self.number, uri, headers, body: Vec::new(), whole: false });
        state.heard.len() - 1
    }

    /// Reads the body; whether it came whole.
    async fn read(&mut self, place: usize) -> bool {
        while let Some(data) = self.request.body_mut().data().await {
            let Ok(data) = data else {
                self.state.lock().unwrap().resets.extend(data.err().and_then(|error| error.reason()));
                return false;
            };
            self.request.body_mut().flow_control().release_capacity(data.len()).unwrap();
            self.state.lock().unwrap().heard[place].body.extend_from_slice(&data);
        }
        self.state.lock().unwrap().heard[place].whole = true;
        true
    }

    /// Reads more than the first window holds: what was said before has been sent then.
    async fn read_some(&mut self) {
        let mut left = 256 * 1024_usize;
        while left > 0
            && let Some(Ok(data)) = self.request.body_mut().data().await
        {
            self.request.body_mut().flow_control().release_capacity(data.len()).unwrap();
            left = left.saturating_sub(data.len());
        }
    }

    fn answer(&mut self, status: u16, body: &'static str) {
        let head = Response::builder().status(status).body(()).unwrap();
        if let Ok(mut stream) = self.respond.send_response(head, body.is_empty())
            && !body.is_empty()
        {
            drop(stream.send_data(Bytes::from_static(body.as_bytes()), true));
        }
    }

    /// Waits until the client resets it.
    async fn reset(&mut self) {
        let reset = std::future::poll_fn(|cx| self.respond.poll_reset(cx)).await;
        self.state.lock().unwrap().resets.extend(reset.ok());
    }
}

impl Act {
    async fn perform(self, mut stream: Stream) {
        let unread = matches!(
            self,
            Self::Refuse | Self::AnswerEarly(..) | Self::AnswerEarlyAndReset(..) | Self::Hang | Self::Cut
        );
        let unheard = matches!(self, Self::GoAwayBefore);
        let place = if unheard { None } else { Some(stream.note()) };
        if let Some(place) = place.filter(|_| !unread)
            && !stream.read(place).await
        {
            return;
        }
        match self {
            Self::Answer(status, body) => stream.answer(status, body),
            Self::AnswerWhen(notify, status) => {
                tokio::select! {
                    () = notify.notified() => stream.answer(status, ""),
                    () = stream.reset() => {}
                }
            }
            Self::AnswerEarly(status) => {
                stream.answer(status, "");
                stream.read(place.unwrap()).await;
            }
            Self::AnswerEarlyAndReset(status, reason) => {
                stream.answer(status, "");
                stream.read_some().await;
                stream.respond.send_reset(reason);
            }
            Self::Truncate(how) => stream.truncate(how).await,
            Self::Refuse => stream.respond.send_reset(Reason::REFUSED_STREAM),
            Self::Reset => stream.respond.send_reset(Reason::INTERNAL_ERROR),
            Self::GoAwayBefore => {
                let last = u32::from(stream.respond.stream_id()) - 2;
                stream.wire.go_away(last).await;
            }
            Self::GoAwayAfter => {
                let last = u32::from(stream.respond.stream_id());
                stream.wire.go_away(last).await;
                stream.answer(200, "");
            }
            Self::Close => stream.close.notify_one(),
            Self::Hang => stream.reset().await,
            Self::Cut => stream.wire.cut(),
        }
    }
}

impl Stream {
    async fn truncate(&mut self, how: Truncation) {
        let head = Response::builder().header("content-length", 10).body(()).unwrap();
        let mut body = self.respond.send_response(head, false).unwrap();
        body.send_data(Bytes::from_static(b"four"), matches!(how, Truncation::End)).unwrap();
        match how {
            Truncation::End => {}
            Truncation::Reset => body.send_reset(Reason::INTERNAL_ERROR),
            Truncation::Close => self.close.notify_one(),
        }
    }
}

/// The connection, for h2 and for what is written beside it. Without a stream it is cut.
#[derive(Clone)]
struct Wire(Arc<Mutex<Option<TlsStream<TcpStream>>>>);

impl Wire {
    /// RFC 9113 §6.8: the last stream, then NO_ERROR.
    async fn go_away(&mut self, last: u32) {
        let frame = [&[0, 0, 8, 7, 0, 0, 0, 0, 0][..], &last.to_be_bytes(), &[0; 4]].concat();
        self.write_all(&frame).await.unwrap();
        self.flush().await.unwrap();
    }

    /// The connection stays open, and nobody is there.
    fn cut(&self) {
        let stream = self.0.lock().unwrap().take();
        std::mem::forget(stream);
    }

    fn poll<T>(
        &self,
        act: impl FnOnce(Pin<&mut TlsStream<TcpStream>>) -> Poll<std::io::Result<T>>,
    ) -> Poll<std::io::Result<T>> {
        match &mut *self.0.lock().unwrap() {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.poll(|stream| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<std::io::Result<usize>> {
        self.poll(|stream| stream.poll_write(cx, octets))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll(|stream| stream.poll_shutdown(cx))
    }
}
