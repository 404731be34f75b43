//! Accepting HTTP/1.1 connections: so many at a time, none of them for ever, all of them let go in the end.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::sources::Sources;

/// Pause after a failed accept: what fails then is the process's supply of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections: usize,
    /// Those that come from one address; more are closed.
    pub per_address: usize,
    /// For the whole head of a request, counted from the end of the last answer.
    pub idle: Duration,
    /// A connection's life; a request under way may end within `grace` after it.
    pub age: Duration,
    /// For answers under way once the connection is to end.
    pub grace: Duration,
}

/// Where a request comes from: an extension of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub IpAddr);

/// Serves until `shutdown` is done; then takes no more, and waits `grace` for answers under way.
pub async fn serve<H, F, B>(
    listener: TcpListener,
    limits: Limits,
    handle: H,
    shutdown: impl Future<Output = ()>,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Error + Send + Sync> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (sources, closing) = (Sources::default(), watch::Sender::new(false));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (stream, source, slot) = accept(&listener, &slots) => {
                let Some(counted) = sources.count(source, limits.per_address) else {
                    tracing::debug!(%source, "too many HTTP connections from one address");
                    continue;
                };
                let connection = connection((stream, source), limits, handle.clone(), closing.subscribe());
                connections.spawn(async move {
                    connection.await;
                    drop((slot, counted));
                });
            }
        }
    }
    drop(listener);
    closing.send_replace(true);
    // What is not done by then is cut off when the set is dropped.
    let _ = timeout(limits.grace, async { while connections.join_next().await.is_some() {} }).await;
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, IpAddr, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, source)) => return (stream, source.ip(), slot),
            Err(error) => {
                tracing::warn!(%error, "can't accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection<H, F, B>(
    (stream, source): (TcpStream, IpAddr),
    limits: Limits,
    handle: H,
    mut closing: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: Error + Send + Sync> + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Source(source.to_canonical()));
        let answer = handle(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.idle);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        _ = timeout(limits.age, closing.wait_for(|&closing| closing)) => None,
    };
    let served = match served {
        Some(served) => Ok(served),
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(limits.grace, connection).await
        }
    };
    if let Ok(Err(error)) = served {
        tracing::debug!(%error, "HTTP connection ended early");
    }
}
