//! The snapshot server: HTTP/2 over TLS, for front-ends alone.
//!
//! ```text
//! socket ─▶ standing (places, deadlines) ─▶ TLS, ALPN h2 ─▶ HTTP/2 ─▶ desk ─▶ answer
//! ```
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection, from its first octet to its end |
//! | `standing` | what a connection may take before and after it has shown a good token |
//! | `request` | the head of a request, read |
//! | `desk` | from the head to the answer |
//! | `reviews` | whose token it is |
//! | `fleet` | which front-ends there are, and what they use |
//! | `answer` | snapshots, and why there is none, in words |
//!
//! Whoever reaches the port may ask, so all that it may take is bounded: connections, streams, octets of
//! heads, time. What is plain HTTP, or HTTP/1.1, is told so.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::authority::{Certified, Presented};
use super::picture::Pictures;
use crate::metrics::Metrics;
use desk::Desk;
use fleet::Fleet;
use reviews::Reviews;
use standing::Standing;

mod answer;
mod connection;
mod desk;
mod fleet;
mod request;
mod reviews;
mod standing;

/// Connections that have not shown a good token; more wait in the kernel's queue.
const STRANGERS: usize = 256;
/// Connections that have: front-ends. More are told that they are too many.
const MEMBERS: usize = 2048;
/// Pause after a failed accept: what fails then is the process's supply of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For answers under way, once the server is to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why a server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Told,
    /// Nobody draws pictures any more, by a fault of ours.
    NoMorePictures,
}

/// Serves pictures to front-ends.
#[derive(Debug)]
pub struct SnapshotServer {
    desk: Desk,
    acceptor: Acceptor,
    closing: watch::Sender<bool>,
}

impl SnapshotServer {
    /// A server that presents what `certificate` holds at each handshake, and takes tokens for `audience`.
    ///
    /// # Errors
    ///
    /// TLS can't be configured, which no input makes happen.
    pub fn new(
        client: kube::Client,
        audience: String,
        pictures: Pictures,
        certificate: watch::Receiver<Certified>,
        metrics: &Metrics,
    ) -> Result<Self, rustls::Error> {
        let (closing, closed) = watch::channel(false);
        let desk = Desk {
            pictures,
            reviews: Arc::new(Reviews::new(client, audience, metrics.clone())),
            fleet: Arc::new(Fleet::new(metrics.clone())),
            metrics: metrics.clone(),
            closing: closed,
        };
        Ok(Self { desk, acceptor: Acceptor(acceptor(certificate)?), closing })
    }

    /// Serves until `shutdown` is done, or there will be no more pictures; then takes no more, answers who
    /// waits, and lets all end.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Ended {
        let Self { desk, acceptor, closing } = self;
        let (strangers, members) = (Arc::new(Semaphore::new(STRANGERS)), Arc::new(Semaphore::new(MEMBERS)));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let counting = fleet::keep_count(Arc::clone(&desk.fleet), desk.pictures.clone());
        let mut counting = pin!(counting);
        let ended = loop {
            tokio::select! {
                () = &mut shutdown => break Ended::Told,
                () = &mut counting => break Ended::NoMorePictures,
                Some(_) = connections.join_next() => {}
                (stream, permit) = accept(&listener, &strangers) => {
                    let standing = Standing::stranger(permit, Arc::clone(&members));
                    connections.spawn(connection::run(stream, acceptor.0.clone(), desk.clone(), standing));
                }
            }
        };
        drop(listener);
        closing.send_replace(true);
        // What is not done by then is cut off when the set is dropped.
        let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
        ended
    }
}

async fn accept(listener: &TcpListener, strangers: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(strangers).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "can't accept a front-end's connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// RFC 9113 §9.2 needs TLS 1.2 or better; front-ends are as new as we are, so TLS 1.3 it is. Sessions are
/// not resumed: a front-end connects once an hour, and proves each time that it believes our authority.
fn acceptor(certificate: watch::Receiver<Certified>) -> Result<TlsAcceptor, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13])?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(Presented(certificate)));
    config.alpn_protocols = vec![connection::PROTOCOL.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// TLS, which has no words for itself.
struct Acceptor(TlsAcceptor);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
