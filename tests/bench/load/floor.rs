//! The floor: the least that an SMTP to HTTP proxy on tokio and hyper can do, as a yardstick.
//!
//! It makes the system calls that any such proxy has to make (one read, one write for all replies to it, one
//! request on a pooled connection) and little else. It is no mail server: it checks nothing, has no limits or
//! deadlines, does not undo dot-stuffing, stamps nothing. RFC 5321, 2920 and 3030 as far as the load generator
//! speaks them.

use crate::secure;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri, header::HeaderValue};
use hyper_util::rt::TokioIo;
use memchr::{memchr, memmem::Finder};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::{io, mem};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const CAPABILITIES: &[u8] = b"250-floor\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE\r\n";

/// RFC 5321 §4.1.1.4: the mail data are terminated by `CRLF . CRLF`.
static END_OF_DATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n.\r\n"));

thread_local! {
    /// One read buffer for all sessions of a thread: an idle session holds none.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to take SMTP; port 0 picks a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to post to: http://host:port/path
    #[arg(long)]
    to: Uri,
    /// TLS from the first octet on, with a certificate of its own making.
    #[arg(long)]
    tls: bool,
    /// Worker threads; tokio's own choice unless given.
    #[arg(long)]
    workers: Option<usize>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()?.block_on(async {
        let authority = options.to.authority().context("--to needs a host and a port")?.to_string();
        let host = HeaderValue::from_str(&authority)?;
        let path = options.to.path().parse()?;
        let backend = Arc::new(Backend { authority, host, path, idle: Mutex::default() });
        let listener = TcpListener::bind(options.listen).await?;
        let tls = if options.tls { Some(secure::acceptor()?) } else { None };
        println!("listening {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            let (tls, backend) = (tls.clone(), Arc::clone(&backend));
            tokio::spawn(async move { converse(Wire::open(stream, tls).await?, backend).await });
        }
    })
}

/// A client's connection.
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    async fn open(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(match tls {
            None => Self::Plain(stream),
            // Boxed, so that the handshake's state is not part of every idle session.
            Some(tls) => Self::Tls(Box::new(Box::pin(tls.accept(stream)).await?)),
        })
    }

    /// One read, and what the session makes of it; what it left stands in the second field.
    async fn read(&mut self, session: &mut Session, replies: &mut Vec<u8>) -> io::Result<(Step, Vec<u8>)> {
        match self {
            Self::Plain(stream) => loop {
                stream.readable().await?;
                let read = READ.with_borrow_mut(|buffer| {
                    let read = stream.try_read(buffer)?;
                    io::Result::Ok(session.read(&buffer[..read], replies))
                });
                match read {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            },
            Self::Tls(stream) => {
                let read = |context: &mut Context<'_>| {
                    READ.with_borrow_mut(|buffer| {
                        let mut buffer = ReadBuf::new(buffer);
                        ready!(Pin::new(&mut **stream).poll_read(context, &mut buffer))?;
                        Poll::Ready(Ok(session.read(buffer.filled(), replies)))
                    })
                };
                poll_fn(read).await
            }
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(octets).await,
            Self::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.shutdown().await,
        }
    }
}

async fn converse(mut wire: Wire, backend: Arc<Backend>) -> io::Result<()> {
    wire.write(b"220 floor ESMTP\r\n").await?;
    let mut session = Session::default();
    loop {
        let mut replies = Vec::new();
        let (mut step, mut rest) = wire.read(&mut session, &mut replies).await?;
        while let Step::Deliver = step {
            let transaction = mem::take(&mut session.transaction);
            // Boxed, so that the delivery's state is not part of every idle session.
            let delivered = Box::pin(backend.deliver(transaction)).await.unwrap_or(false);
            replies.extend_from_slice(if delivered { b"250 Ok\r\n" } else { b"451 Later\r\n" });
            let taken;
            (taken, step) = session.take(&rest, &mut replies);
            rest.drain(..taken);
        }
        if !replies.is_empty() {
            wire.write(&replies).await?;
        }
        if let Step::Close = step {
            return wire.close().await;
        }
    }
}

enum Step {
    Read,
    Deliver,
    Close,
}

#[derive(Default)]
enum Expect {
    #[default]
    Command,
    Data,
    Chunk {
        left: usize,
        last: bool,
    },
}

#[derive(Default)]
struct Session {
    expect: Expect,
    transaction: Transaction,
    /// The beginning of a command line whose end has not come yet.
    partial: Vec<u8>,
}

#[derive(Default)]
struct Transaction {
    from: Vec<u8>,
    to: Vec<u8>,
    /// Opens with a CRLF that is not the message's, so that a message without a line ends like any other.
    body: Vec<u8>,
}

impl Session {
    /// What one read brought; nothing is the end.
    fn read(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (Step, Vec<u8>) {
        if input.is_empty() {
            return (Step::Close, Vec::new());
        }
        let (taken, step) = self.take(input, replies);
        (step, input[taken..].to_vec())
    }

    /// Takes input until it is used up or a message is complete; says how much it took.
    fn take(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (usize, Step) {
        let mut at = 0;
        while at < input.len() {
            let (taken, step) = match self.expect {
                Expect::Command => self.line(&input[at..], replies),
                Expect::Data => self.data(&input[at..]),
                Expect::Chunk { left, last } => self.chunk(&input[at..], left, last, replies),
            };
            at += taken;
            if !matches!(step, Step::Read) {
                return (at, step);
            }
        }
        (at, Step::Read)
    }

    fn line(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (usize, Step) {
        let Some(end) = memchr(b'\n', input) else {
            self.partial.extend_from_slice(input);
            return (input.len(), Step::Read);
        };
        if self.partial.is_empty() {
            return (end + 1, self.command(&input[..end], replies));
        }
        let mut line = mem::take(&mut self.partial);
        line.extend_from_slice(&input[..end]);
        (end + 1, self.command(&line, replies))
    }

    fn command(&mut self, line: &[u8], replies: &mut Vec<u8>) -> Step {
        let mut verb = [0; 4];
        verb.iter_mut().zip(line).for_each(|(to, octet)| *to = octet.to_ascii_uppercase());
        let reply: &[u8] = match &verb {
            b"EHLO" => CAPABILITIES,
            b"MAIL" => {
                self.transaction.from.extend_from_slice(path(line));
                b"250 Ok\r\n"
            }
            b"RCPT" => {
                if !self.transaction.to.is_empty() {
                    self.transaction.to.push(b',');
                }
                self.transaction.to.extend_from_slice(path(line));
                b"250 Ok\r\n"
            }
            b"DATA" => {
                self.transaction.body.extend_from_slice(b"\r\n");
                self.expect = Expect::Data;
                b"354 Go\r\n"
            }
            b"BDAT" => return self.bdat(line, replies),
            b"RSET" => {
                self.transaction = Transaction::default();
                b"250 Ok\r\n"
            }
            b"HELO" | b"NOOP" => b"250 Ok\r\n",
            b"QUIT" => {
                replies.extend_from_slice(b"221 Bye\r\n");
                return Step::Close;
            }
            _ => b"500 What?\r\n",
        };
        replies.extend_from_slice(reply);
        Step::Read
    }

    fn bdat(&mut self, line: &[u8], replies: &mut Vec<u8>) -> Step {
        let mut words = line.split(u8::is_ascii_whitespace).skip(1).filter(|word| !word.is_empty());
        let size = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        let Some(left) = size else {
            replies.extend_from_slice(b"501 Size?\r\n");
            return Step::Close;
        };
        let last = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LAST"));
        if self.transaction.body.is_empty() {
            self.transaction.body.extend_from_slice(b"\r\n");
        }
        self.chunk(&[], left, last, replies).1
    }

    fn data(&mut self, input: &[u8]) -> (usize, Step) {
        let body = &mut self.transaction.body;
        let before = body.len();
        let from = before.saturating_sub(4);
        body.extend_from_slice(input);
        let Some(found) = END_OF_DATA.find(&body[from..]) else {
            return (input.len(), Step::Read);
        };
        body.truncate(from + found + 2);
        self.expect = Expect::Command;
        (from + found + 5 - before, Step::Deliver)
    }

    fn chunk(&mut self, input: &[u8], left: usize, last: bool, replies: &mut Vec<u8>) -> (usize, Step) {
        let taken = left.min(input.len());
        self.transaction.body.extend_from_slice(&input[..taken]);
        if taken < left {
            self.expect = Expect::Chunk { left: left - taken, last };
            return (taken, Step::Read);
        }
        self.expect = Expect::Command;
        if last {
            return (taken, Step::Deliver);
        }
        replies.extend_from_slice(b"250 Ok\r\n");
        (taken, Step::Read)
    }
}

/// What stands between the angle brackets of MAIL or RCPT.
fn path(line: &[u8]) -> &[u8] {
    let open = memchr(b'<', line).map_or(line.len(), |at| at + 1);
    let path = &line[open..];
    &path[..memchr(b'>', path).unwrap_or(path.len())]
}

struct Backend {
    authority: String,
    host: HeaderValue,
    path: Uri,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Backend {
    async fn deliver(&self, transaction: Transaction) -> Result<bool> {
        let mut request =
            Request::post(self.path.clone()).body(Full::new(Bytes::from(transaction.body).slice(2..)))?;
        let headers = request.headers_mut();
        headers.insert("host", self.host.clone());
        headers.insert("content-type", HeaderValue::from_static("message/rfc822"));
        headers.insert("ce-mailfrom", HeaderValue::from_maybe_shared(Bytes::from(transaction.from))?);
        headers.insert("ce-rcptto", HeaderValue::from_maybe_shared(Bytes::from(transaction.to))?);
        let mut sender = self.sender().await?;
        let mut response = sender.send_request(request).await?;
        while let Some(frame) = response.frame().await {
            frame?;
        }
        self.idle().push(sender);
        Ok(response.status().is_success())
    }

    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>> {
        loop {
            let Some(mut sender) = self.idle().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
