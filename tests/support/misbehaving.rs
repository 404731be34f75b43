//! An HTTP server that does with each request what its script says, right or wrong.
//!
//! Written on bare sockets, since a real server can't be made to break its own framing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailchute::plan;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Any free port.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What to do with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Read it all, write these octets, stay.
    Answer(Vec<u8>),
    /// Read it all, write these octets, close.
    AnswerAndClose(Vec<u8>),
    /// Read it all, write these octets, close later.
    AnswerAndCloseWhen(Arc<Notify>, Vec<u8>),
    /// Write these octets as soon as the head was read, then read on.
    AnswerEarly(Vec<u8>),
    /// Read it all, wait, write these octets, stay.
    AnswerWhen(Arc<Notify>, Vec<u8>),
    /// Reset the connection once the head was read.
    ResetBeforeBody,
    /// Read it all, then reset the connection.
    ResetAfterBody,
    /// Read it all, write these octets, reset the connection.
    AnswerAndReset(Vec<u8>),
    /// Read it all and close without a word.
    Close,
    /// Read it all and say nothing.
    Hang,
}

/// An answer with a body and its true length.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        answer += header;
        answer += "\r\n";
    }
    (answer + "\r\n" + body).into_bytes()
}

/// A plain answer, as an act.
pub(crate) fn status(status: &str) -> Act {
    Act::Answer(answer(status, &[], "words that don't matter"))
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Which connection it came by, from 0.
    pub(crate) connection: usize,
    /// Request line and headers, with their line ends.
    pub(crate) head: String,
    /// The octets behind the head.
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[derive(Default)]
struct State {
    script: Vec<Act>,
    heard: Vec<Heard>,
    connections: usize,
    closed: usize,
}

/// The server; it ends with this handle.
pub(crate) struct Misbehaving {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Misbehaving {
    /// Acts in the order of requests; the last act is repeated.
    pub(crate) async fn start(script: impl Into<Vec<Act>>) -> Self {
        Self::serve(LOOPBACK, script.into(), None).await
    }

    /// The same on a given address.
    pub(crate) async fn start_at(address: SocketAddr, script: impl Into<Vec<Act>>) -> Self {
        Self::serve(address, script.into(), None).await
    }

    /// The same behind TLS.
    pub(crate) async fn start_tls(script: impl Into<Vec<Act>>, acceptor: TlsAcceptor) -> Self {
        Self::serve(LOOPBACK, script.into(), Some(acceptor)).await
    }

    async fn serve(at: SocketAddr, script: Vec<Act>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { script, ..State::default() }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, tls.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    /// What has come so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    /// Connections opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait_heard(&self, requests: usize) {
        self.wait("requests", |state| state.heard.len() >= requests).await;
    }

    /// Waits until so many connections have ended.
    pub(crate) async fn wait_closed(&self, connections: usize) {
        self.wait("closed connections", |state| state.closed >= connections).await;
    }

    async fn wait(&self, what: &str, done: impl Fn(&State) -> bool) {
        let polled = async {
            // Slept first, so that what the server did has reached the client's side of the socket.
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                if done(&self.state.lock().unwrap()) {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), polled).await;
        waited.unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }

    /// A backend that posts here.
    pub(crate) fn target(&self) -> plan::Http {
        plan::Http {
            https: false,
            host: self.address.ip().to_string(),
            port: self.address.port(),
            path: "/inbound".to_owned(),
            format: plan::Format::CloudEvent,
            auth: None,
            signing: Vec::new(),
            ca: None,
            server_name: None,
            identity: None,
            allow_loopback: true,
        }
    }
}

async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    let connection = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.connections - 1
    };
    match tls {
        None => talk(stream, connection, &state).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                talk(stream, connection, &state).await;
            }
        }
    }
    state.lock().unwrap().closed += 1;
}

async fn talk(mut stream: impl Peer, connection: usize, state: &Mutex<State>) {
    let mut buffer = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut buffer).await {
        let mut heard = Heard { connection, head, body: Vec::new() };
        let act = {
            let mut state = state.lock().unwrap();
            if state.script.len() > 1 { state.script.remove(0) } else { state.script[0].clone() }
        };
        match &act {
            Act::ResetBeforeBody => {
                state.lock().unwrap().heard.push(heard);
                return stream.abort();
            }
            Act::AnswerEarly(octets) => stream.write_all(octets).await.unwrap(),
            _ => {}
        }
        let length: usize = heard.header("content-length").unwrap().parse().unwrap();
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        heard.body = buffer.drain(..length).collect();
        state.lock().unwrap().heard.push(heard);
        if !act.finish(&mut stream).await {
            return;
        }
    }
}

impl Act {
    /// What comes after the request; whether the connection stays.
    async fn finish(self, stream: &mut impl Peer) -> bool {
        match self {
            Self::Answer(octets) => stream.write_all(&octets).await.is_ok(),
            Self::AnswerWhen(notify, octets) => {
                notify.notified().await;
                stream.write_all(&octets).await.is_ok()
            }
            Self::AnswerAndClose(octets) => {
                drop(stream.write_all(&octets).await);
                drop(stream.shutdown().await);
                false
            }
            Self::AnswerAndCloseWhen(notify, octets) => {
                drop(stream.write_all(&octets).await);
                notify.notified().await;
                false
            }
            Self::AnswerAndReset(octets) => {
                drop(stream.write_all(&octets).await);
                stream.abort();
                false
            }
            Self::ResetAfterBody => {
                stream.abort();
                false
            }
            Self::Hang => {
                drop(stream.read(&mut [0]).await);
                false
            }
            Self::AnswerEarly(_) => true,
            Self::Close | Self::ResetBeforeBody => false,
        }
    }
}

async fn read_head(stream: &mut impl Peer, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|octets| octets == b"\r\n\r\n") {
            let head = buffer.drain(..end + 4).collect();
            return Some(String::from_utf8(head).unwrap());
        }
        if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

/// A connection that can be reset.
trait Peer: AsyncRead + AsyncWrite + Unpin + Send {
    /// From now on closing it is a reset.
    fn abort(&self);
}

impl Peer for TcpStream {
    fn abort(&self) {
        self.set_zero_linger().unwrap();
    }
}

impl Peer for TlsStream<TcpStream> {
    fn abort(&self) {
        self.get_ref().0.abort();
    }
}
