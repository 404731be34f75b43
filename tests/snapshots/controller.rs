//! A controller that does as it is told: HTTP/2 behind TLS, one act for all requests until the next.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mailchute::source::wire::Encoded;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::support::manifests::free_port;
use crate::support::until::until;

/// What to do with every request.
#[derive(Clone)]
pub(crate) enum Act {
    /// What a controller does: the snapshot for those that have another one, and for the others nothing
    /// until there is another act.
    Publish(Encoded),
    /// The same, but a request waits for so long only, and is answered `304` then.
    PublishAndHold(Encoded, Duration),
    /// This, whatever is asked.
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// `200`, and a body without end.
    Endless,
    /// Nothing, ever.
    Hang,
}

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// As HTTP/2 has it, once who waits was answered.
    InOrder,
    /// Without a word.
    AtOnce,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Its path.
    pub(crate) path: String,
    /// Its header fields.
    pub(crate) headers: HeaderMap,
}

impl Heard {
    /// A field's text; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What tests look at.
#[derive(Default)]
struct State {
    heard: Vec<Heard>,
    /// When each connection was accepted.
    accepted: Vec<Instant>,
}

/// The controller. It ends with this handle.
pub(crate) struct Controller {
    address: SocketAddr,
    acts: watch::Sender<Act>,
    /// Tells all connections to end, and how.
    leaving: watch::Sender<Leave>,
    state: Arc<Mutex<State>>,
    runtime: Option<Runtime>,
}

impl Controller {
    /// One that proves who it is by this certificate.
    pub(crate) fn start(tls: TlsAcceptor, act: Act) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (acts, leaving) = (watch::Sender::new(act), watch::Sender::new(Leave::InOrder));
        let mut controller = Self { address, acts, leaving, state: Arc::default(), runtime: None };
        controller.open(tls);
        controller
    }

    /// Opens its port; the same one as before.
    pub(crate) fn open(&mut self, tls: TlsAcceptor) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let entered = runtime.enter();
        // Of one that was closed a connection may not have ended yet.
        let listener = until("the port is free", || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(self.address).and_then(|()| socket.listen(64)).ok()
        });
        drop(entered);
        let (acts, leaving) = (self.acts.subscribe(), self.leaving.subscribe());
        runtime.spawn(accept(listener, tls, acts, leaving, Arc::clone(&self.state)));
        self.runtime = Some(runtime);
    }

    /// Is gone at once, with all its connections.
    pub(crate) fn close(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Does this from now on, to requests that wait as well.
    pub(crate) fn act(&self, act: Act) {
        self.acts.send_replace(act);
    }

    /// Ends all connections in an orderly way, and takes new ones.
    pub(crate) fn leave(&self) {
        self.leaving.send_replace(Leave::InOrder);
    }

    /// Ends all connections without a word, and takes new ones.
    pub(crate) fn cut(&self) {
        self.leaving.send_replace(Leave::AtOnce);
    }

    /// `https://…`
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What has come so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap().heard.clone()
    }

    /// When connections were accepted.
    pub(crate) fn accepted(&self) -> Vec<Instant> {
        self.state.lock().unwrap().accepted.clone()
    }

    /// Waits for a request that is like this, and gives it.
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        until(what, || self.heard().into_iter().find(&fits))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

type Acts = watch::Receiver<Act>;
type Leaving = watch::Receiver<Leave>;

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    acts: Acts,
    leaving: Leaving,
    state: Arc<Mutex<State>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        state.lock().unwrap().accepted.push(Instant::now());
        let mut leaving = leaving.clone();
        leaving.mark_unchanged();
        tokio::spawn(converse(stream, tls.clone(), acts.clone(), leaving, Arc::clone(&state)));
    }
}

async fn converse(
    stream: TcpStream,
    tls: TlsAcceptor,
    acts: Acts,
    mut leaving: Leaving,
    state: Arc<Mutex<State>>,
) {
    stream.set_nodelay(true).unwrap();
    let Ok(stream) = tls.accept(stream).await else { return };
    let closing = leaving.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let heard = Heard { path: request.uri().path().to_owned(), headers: request.headers().clone() };
        state.lock().unwrap().heard.push(heard.clone());
        let answer = answer(heard, acts.clone(), closing.clone());
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = std::pin::pin!(
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = leaving.changed() => {}
    }
    if *leaving.borrow() == Leave::InOrder {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(heard: Heard, mut acts: Acts, mut closing: Leaving) -> Answer {
    let asked = tokio::time::Instant::now();
    loop {
        let act = acts.borrow_and_update().clone();
        let held = match act {
            Act::Answer(status, fields, body) => return whole(status, &fields, body),
            Act::Endless => return Response::new(BoxBody::new(Zeros)),
            Act::Hang => std::future::pending().await,
            Act::Publish(encoded) if !knows(&heard, &encoded.version) => return snapshot(&encoded),
            Act::PublishAndHold(encoded, _) if !knows(&heard, &encoded.version) => return snapshot(&encoded),
            Act::Publish(_) => Duration::from_secs(30),
            Act::PublishAndHold(_, held) => held,
        };
        let until = asked + held;
        tokio::select! {
            _ = acts.changed() => {}
            _ = closing.changed() => match *closing.borrow() {
                Leave::InOrder => return whole(304, &[], Bytes::new()),
                Leave::AtOnce => {}
            },
            () = sleep(until - tokio::time::Instant::now()) => return whole(304, &[], Bytes::new()),
        }
    }
}

/// Whether it has this version, or does not want it.
fn knows(heard: &Heard, version: &str) -> bool {
    let refused = heard.field("mailchute-refused").split(' ').next();
    heard.field("if-none-match") == format!("\"{version}\"") || refused == Some(version)
}

fn snapshot(encoded: &Encoded) -> Answer {
    let fields = [("etag", format!("\"{}\"", encoded.version)), ("content-encoding", "gzip".to_owned())];
    whole(200, &fields, encoded.gzip.clone())
}

fn whole(status: u16, fields: &[(&'static str, String)], body: Bytes) -> Answer {
    let mut answer = Response::new(BoxBody::new(Full::new(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        answer.headers_mut().insert(*name, value.parse().unwrap());
    }
    answer
}

/// A body that never ends.
struct Zeros;

impl Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 64 * 1024])))))
    }
}
