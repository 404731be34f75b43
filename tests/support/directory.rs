//! A service that is asked whether recipients exist, and answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::recorder::serve;
use super::until::PATIENCE;

/// The type of an answer that counts.
const DOCUMENT: &str = "application/vnd.mailchute.recipient+json";

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Word {
    /// An answer of any kind.
    pub(crate) fn new(status: u16, content_type: &'static str, body: &str) -> Self {
        Self { status, content_type, body: body.to_owned() }
    }

    /// A document, with any status.
    pub(crate) fn document(status: u16, exists: bool) -> Self {
        Self::new(status, DOCUMENT, &format!("{{\"version\":1,\"exists\":{exists}}}"))
    }

    /// Yes, without a word.
    pub(crate) fn yes() -> Self {
        Self::new(204, "", "")
    }

    /// No, as it has to be said.
    pub(crate) fn no() -> Self {
        Self::document(404, false)
    }
}

/// A question as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method, path and query.
    pub(crate) line: String,
    /// Header fields.
    pub(crate) headers: HeaderMap,
}

/// Decides on an answer by path and query.
type Decide = Box<dyn Fn(&str) -> Word + Send + Sync>;

struct State {
    asked: Mutex<Vec<Asked>>,
    came: Condvar,
    decide: Mutex<Decide>,
    open: watch::Sender<bool>,
    /// Questions that wait for their answer, now and at most.
    waiting: Mutex<(usize, usize)>,
}

/// The service; it listens for as long as the process lives.
pub(crate) struct Directory {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Directory {
    /// Answers every question with the word that `decide` gives.
    pub(crate) fn deciding(decide: impl Fn(&str) -> Word + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            asked: Mutex::default(),
            came: Condvar::new(),
            decide: Mutex::new(Box::new(decide)),
            open: watch::Sender::new(true),
            waiting: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || serve(listener, move |stream| converse(stream, Arc::clone(&shared))));
        Self { address, state }
    }

    /// Knows these and nobody else.
    pub(crate) fn of(addresses: &'static [&'static str]) -> Self {
        Self::deciding(move |path| {
            let known = addresses.iter().any(|address| path.ends_with(&address.replace('@', "%40")));
            if known { Word::yes() } else { Word::no() }
        })
    }

    /// From now on it answers so.
    pub(crate) fn decide(&self, decide: impl Fn(&str) -> Word + Send + Sync + 'static) {
        *self.state.decide.lock().unwrap() = Box::new(decide);
    }

    /// Questions are still taken, but answered only after [`Self::release`].
    pub(crate) fn hold(&self) {
        self.state.open.send_replace(false);
    }

    /// Answers what waits, and what comes.
    pub(crate) fn release(&self) {
        self.state.open.send_replace(true);
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many questions have waited for their answers at one time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.waiting.lock().unwrap().1
    }

    /// Waits until so much was asked.
    pub(crate) fn wait_asked(&self, questions: usize) {
        let asked = self.state.asked.lock().unwrap();
        let few = |asked: &mut Vec<Asked>| asked.len() < questions;
        let (asked, waited) = self.state.came.wait_timeout_while(asked, PATIENCE, few).unwrap();
        assert!(!waited.timed_out(), "{} of {questions} questions have come", asked.len());
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request: Request<Incoming>| {
        let state = &state;
        async move {
            let path = request.uri().to_string();
            let line = format!("{} {path}", request.method());
            state.asked.lock().unwrap().push(Asked { line, headers: request.headers().clone() });
            state.came.notify_all();
            {
                let mut waiting = state.waiting.lock().unwrap();
                waiting.0 += 1;
                waiting.1 = waiting.1.max(waiting.0);
            }
            // The sender lives as long as the state does.
            let _ = state.open.subscribe().wait_for(|open| *open).await;
            state.waiting.lock().unwrap().0 -= 1;
            let Word { status, content_type, body } = (state.decide.lock().unwrap())(&path);
            let mut response = Response::builder().status(status);
            if !content_type.is_empty() {
                response = response.header("content-type", content_type);
            }
            if (300..400).contains(&status) {
                response = response.header("location", "/elsewhere");
            }
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from(body)).unwrap())
        }
    });
    // A client that goes away is no fault of the service.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
