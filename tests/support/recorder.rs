//! An HTTP backend that keeps what it was sent, and answers as it is told.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::until::PATIENCE;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Received {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body is our prefix and then these octets, no more, no less.
    pub(crate) fn assert_carries(&self, sent: &[u8]) {
        let prefix = self.body.strip_suffix(sent).map(String::from_utf8_lossy);
        let Some(prefix) = prefix else {
            panic!(
                "sent\n{:?}\nhave\n{:?}",
                String::from_utf8_lossy(sent),
                String::from_utf8_lossy(&self.body)
            )
        };
        let fields: Vec<&str> = prefix.lines().filter(|line| !line.starts_with([' ', '\t'])).collect();
        let names: Vec<&str> = fields.iter().map(|field| field.split(':').next().unwrap()).collect();
        assert!(prefix.ends_with("\r\n"), "{prefix:?}");
        assert_eq!(names.get(..2), Some(&["Return-Path", "Received"][..]), "{prefix}");
        assert!(names[2..].iter().all(|name| ["Message-ID", "Date"].contains(name)), "{prefix}");
    }
}

/// Decides on the status that a request is answered with.
type Decide = Box<dyn Fn(&Received) -> u16 + Send + Sync>;

struct State {
    received: Mutex<Vec<Received>>,
    came: Condvar,
    decide: Decide,
    open: watch::Sender<bool>,
}

/// The backend; it listens for as long as the process lives.
pub(crate) struct Recorder {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Recorder {
    /// Answers every request with `204`.
    pub(crate) fn start() -> Self {
        Self::deciding(|_| 204)
    }

    /// The same, on an address of this machine that is not loopback.
    pub(crate) fn on(address: Ipv4Addr) -> Self {
        Self::deciding_on(address, |_| 204)
    }

    /// Answers every request with the status that `decide` gives.
    pub(crate) fn deciding(decide: impl Fn(&Received) -> u16 + Send + Sync + 'static) -> Self {
        Self::deciding_on(Ipv4Addr::LOCALHOST, decide)
    }

    fn deciding_on(address: Ipv4Addr, decide: impl Fn(&Received) -> u16 + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            received: Mutex::default(),
            came: Condvar::new(),
            decide: Box::new(decide),
            open: watch::Sender::new(true),
        });
        let listener = std::net::TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || serve(listener, move |stream| converse(stream, Arc::clone(&shared))));
        Self { address, state }
    }

    /// Requests are still taken, but answered only after [`Self::release`].
    pub(crate) fn hold(&self) {
        self.state.open.send_replace(false);
    }

    /// Answers what waits, and what comes.
    pub(crate) fn release(&self) {
        self.state.open.send_replace(true);
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until so many requests have come, and gives them.
    pub(crate) fn wait_for(&self, requests: usize) -> Vec<Received> {
        let received = self.state.received.lock().unwrap();
        let few = |received: &mut Vec<Received>| received.len() < requests;
        let (received, waited) = self.state.came.wait_timeout_while(received, PATIENCE, few).unwrap();
        assert!(!waited.timed_out(), "{} of {requests} requests have come", received.len());
        received.clone()
    }
}

/// Accepts on a runtime of this thread's own, for ever.
pub(crate) fn serve<F>(listener: std::net::TcpListener, converse: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    listener.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(converse(stream));
        }
    });
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    answer_each(stream, move |received| {
        let state = Arc::clone(&state);
        async move {
            let status = (state.decide)(&received);
            state.received.lock().unwrap().push(received);
            state.came.notify_all();
            // The sender lives as long as the state does.
            let _ = state.open.subscribe().wait_for(|open| *open).await;
            status
        }
    })
    .await;
}

/// Answers each whole request of a connection with the status that `take` gives.
pub(crate) async fn answer_each<F>(stream: TcpStream, take: impl Fn(Received) -> F)
where
    F: Future<Output = u16>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let take = &take;
        async move {
            let (head, body) = request.into_parts();
            // A request that ends early was never whole: nobody may count on it.
            let status = match body.collect().await {
                Ok(body) => take(Received { headers: head.headers, body: body.to_bytes() }).await,
                Err(_) => 400,
            };
            let response = Response::builder().status(status).body(Full::<Bytes>::default()).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    // A client that goes away is no fault of the backend.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
