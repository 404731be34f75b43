//! One connection, from its first octet to its end.
//!
//! What is no TLS, and what does not mean to speak HTTP/2 inside, is told so in the words of HTTP/1.1,
//! which is what such clients read; one whose ALPN (RFC 7301) has no `h2` hears it as a TLS alert.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::desk::Desk;
use super::request::LONGEST_WAIT;
use super::standing::Standing;

/// RFC 9113 §3.2: the name of HTTP/2 over TLS.
pub(super) const PROTOCOL: &[u8] = b"h2";
/// RFC 8446 §5.1: the type of the record that a handshake begins with.
const HANDSHAKE_RECORD: u8 = 22;
/// For the handshake, the first octet with it.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// A connection's life: then its front-end connects anew, maybe to another replica.
const AGE: Duration = Duration::from_secs(3600);
/// For requests under way at the end of it.
const GRACE: Duration = LONGEST_WAIT.saturating_add(Duration::from_secs(5));
/// Requests under way on one connection: a front-end needs one.
const STREAMS: u32 = 8;
/// Octets of a head. A token has about 1,200.
const HEAD: u32 = 16 * 1024;
/// The smallest that RFC 9113 §4.2 allows: nobody has anything to send.
const FRAME: u32 = 16 * 1024;
/// How often a peer has to show that it is there, and how fast.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// Octets of what a client of another protocol has sent that are read before it is told.
const UNREAD: usize = 16 * 1024;

/// Serves a connection to its end.
pub(super) async fn run(stream: TcpStream, acceptor: TlsAcceptor, desk: Desk, standing: Standing) {
    let Ok(peer) = stream.peer_addr() else { return };
    let tls = match timeout(HANDSHAKE, shake_hands(stream, &acceptor)).await {
        Ok(Ok(Some(tls))) => tls,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no TLS with a front-end"),
        Err(_) => return tracing::debug!(%peer, "no TLS with a front-end in time"),
    };
    let mut closing = desk.closing.clone();
    let standing = Arc::new(standing);
    let of_requests = Arc::clone(&standing);
    let service = service_fn(move |request| {
        let answer = desk.clone().answer(request, peer, Arc::clone(&of_requests));
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = pin!(protocol().serve_connection(TokioIo::new(tls), service));
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = standing.over() => return tracing::debug!(%peer, "a connection has had its time"),
        _ = timeout(AGE, closing.wait_for(|closing| *closing)) => None,
    };
    let served = match served {
        Some(served) => Ok(served),
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await
        }
    };
    if let Ok(Err(error)) = served {
        tracing::debug!(%peer, %error, "a front-end's connection ended early");
    }
}

fn protocol() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .max_frame_size(FRAME)
        .initial_stream_window_size(FRAME)
        .initial_connection_window_size(64 * 1024)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

/// `None`: the client speaks another protocol, and was told.
async fn shake_hands(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<Option<TlsStream<TcpStream>>> {
    // Answers are whole already: waiting to fill a packet only delays them.
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first[0] != HANDSHAKE_RECORD {
        let why = ("400 Bad Request", "this port speaks TLS: use https\n");
        tell(stream, why).await?;
        return Ok(None);
    }
    let tls = acceptor.accept(stream).await?;
    if tls.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
        let why = ("505 HTTP Version Not Supported", "this port speaks HTTP/2: offer h2 by ALPN\n");
        tell(tls, why).await?;
        return Ok(None);
    }
    Ok(Some(tls))
}

/// Says why in HTTP/1.1, then lets the client close: what it has sent and is not read would reset the
/// connection before it has read what we say.
async fn tell(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    (status, why): (&str, &str),
) -> io::Result<()> {
    let mut unread = vec![0; UNREAD];
    let _ = stream.read(&mut unread).await?;
    let length = why.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{why}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
