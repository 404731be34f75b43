//! One connection to a server, shared by all that is published at a time.
//!
//! ```text
//!  request ──▶ turn to write ──▶ socket ──▶ server
//!     ▲                                        │
//!     └── expected answers ◀── listen ◀────────┘
//! ```
//!
//! Nothing waits in a queue of ours: each request writes its own octets when it has its turn, so one that is
//! given up before sends nothing, and one that is given up half way ends the connection. A connection that
//! was silent for as long as a request waited, or that does not answer a PING, is ended too: what is next
//! gets another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::handshake::{Opened, Server};
use super::protocol::{Operation, Pieces, next, publish};
use crate::client::fault::{Again, Fault, Kind};
use crate::client::stream::{Octets, Stream};

/// How often an idle server is asked whether it is there, and how long it has to say so.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Octets that are read at a time, at most: many acknowledgements.
const AT_A_TIME: usize = 8 * 1024;

/// A connection; dropped, it closes.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    /// Listening, and answering PING. Ends with the connection.
    _tasks: JoinSet<()>,
}

/// What is said to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The server's own word, in place of an answer: 503 where nobody listens.
    pub(crate) status: Option<u16>,
    /// The answer.
    pub(crate) payload: Bytes,
}

struct Shared {
    /// What answers go to; the number of a request stands behind it.
    inbox: String,
    max_payload: AtomicU64,
    /// One at a time writes.
    turn: Semaphore,
    /// Nothing while somebody writes, and once it is broken.
    writer: Mutex<Option<WriteHalf<Stream>>>,
    expected: Mutex<Expected>,
    /// Why it is broken, once it is.
    broken: watch::Sender<Option<Fault>>,
    read: Octets,
    ping: Notify,
}

#[derive(Default)]
struct Expected {
    requests: HashMap<u64, Waiting>,
    /// The number of the next one.
    next: u64,
}

struct Waiting {
    subject: String,
    answer: oneshot::Sender<Result<Answer, Fault>>,
}

impl Connection {
    /// Connects by `deadline`.
    pub(super) async fn open(server: &Server, deadline: Instant) -> Result<Self, Fault> {
        let inbox = format!("_INBOX.{:032x}", rand::random::<u128>());
        let Opened { stream, info, read } = server.open(&format!("{inbox}.*"), deadline).await?;
        let octets = stream.read();
        let (reader, writer) = split(stream);
        let shared = Arc::new(Shared {
            inbox,
            max_payload: AtomicU64::new(info.max_payload),
            turn: Semaphore::new(1),
            writer: Mutex::new(Some(writer)),
            expected: Mutex::default(),
            broken: watch::Sender::new(None),
            read: octets,
            ping: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(Arc::clone(&shared), reader, read));
        tasks.spawn(stay(Arc::clone(&shared)));
        Ok(Self { shared, _tasks: tasks })
    }

    /// Octets of headers and message together, at most.
    pub(crate) fn max_payload(&self) -> u64 {
        self.shared.max_payload.load(Ordering::Relaxed)
    }

    /// Why it is broken; waits until it is.
    pub(super) async fn broken(&self) -> Fault {
        self.shared.broken().await
    }

    /// Sends a message to `subject` and waits for its answer, until `deadline`. `headers` is their whole
    /// block, and may be empty.
    pub(crate) async fn request(
        &self,
        subject: &str,
        headers: Bytes,
        body: impl Iterator<Item = Bytes>,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let shared = &self.shared;
        let heard = shared.read.count();
        let (number, answer) = shared.expect(subject);
        // Forgotten, however this ends.
        let _expectation = Expectation { shared, number };
        let reply = format!("{}.{number}", shared.inbox);
        let pieces = publish(subject, &reply, headers, body);
        let exchange = async {
            shared.write(pieces).await?;
            answer.await.unwrap_or_else(|_| Err(reset("the connection is gone")))
        };
        tokio::select! {
            biased;
            answered = timeout_at(deadline, exchange) => answered.unwrap_or_else(|_| {
                if shared.read.count() == heard {
                    shared.end(reset("the server was silent for too long"));
                }
                Err(Fault::late())
            }),
            fault = shared.broken() => Err(fault),
        }
    }
}

impl Shared {
    fn expect(&self, subject: &str) -> (u64, oneshot::Receiver<Result<Answer, Fault>>) {
        let (sender, receiver) = oneshot::channel();
        let mut expected = self.expected();
        let number = expected.next;
        expected.next += 1;
        expected.requests.insert(number, Waiting { subject: subject.to_owned(), answer: sender });
        (number, receiver)
    }

    fn expected(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Option<WriteHalf<Stream>>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why it is broken; waits until it is.
    async fn broken(&self) -> Fault {
        let mut broken = self.broken.subscribe();
        let fault = broken.wait_for(Option::is_some).await.map(|fault| fault.clone());
        fault.ok().flatten().unwrap_or_else(|| reset("the connection is gone"))
    }

    /// Nothing more goes over it. The first reason stays.
    fn end(&self, fault: Fault) {
        self.broken.send_if_modified(|broken| {
            let first = broken.is_none();
            if first {
                *broken = Some(fault);
            }
            first
        });
        drop(self.writer().take());
    }

    /// Writes all of it, in turn.
    async fn write(&self, mut pieces: Pieces) -> Result<(), Fault> {
        let gone = || reset("the connection is gone");
        let _turn = self.turn.acquire().await.map_err(|_| gone())?;
        let half = self.writer().take().ok_or_else(gone)?;
        let mut writing = Writing { shared: self, half: Some(half), whole: false };
        let Some(half) = &mut writing.half else { return Err(gone()) };
        let written = async {
            half.write_all_buf(&mut pieces).await?;
            half.flush().await
        };
        written.await.map_err(|error: std::io::Error| {
            let fault = reset(&error.to_string());
            self.end(fault.clone());
            fault
        })?;
        writing.whole = true;
        Ok(())
    }

    /// Takes what the server says.
    fn take(&self, operation: Operation) {
        match operation {
            Operation::Message(message) => {
                let number =
                    message.subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.'));
                let number = number.and_then(|number| number.parse().ok());
                let waiting = number.and_then(|number: u64| self.expected().requests.remove(&number));
                if let Some(waiting) = waiting {
                    // Who has given up meanwhile needs no answer.
                    drop(
                        waiting.answer.send(Ok(Answer { status: message.status, payload: message.payload })),
                    );
                }
            }
            Operation::Info(info) => self.max_payload.store(info.max_payload, Ordering::Relaxed),
            Operation::Ping => self.ping.notify_one(),
            Operation::Pong | Operation::Ok => {}
            Operation::Error(text) => self.refuse(&text),
        }
    }

    /// A message that was not let through has no answer but this; what else is wrong ends in a close.
    fn refuse(&self, text: &str) {
        let Some(subject) = forbidden(text) else {
            return self.end(reset(&format!("the server says: {text}")));
        };
        let fault = Fault::connect(Kind::Misconfigured, format!("the server says: {text}"));
        let refused =
            self.expected().requests.extract_if(|_, waiting| waiting.subject == subject).collect::<Vec<_>>();
        for (_, waiting) in refused {
            drop(waiting.answer.send(Err(fault.clone())));
        }
    }
}

/// The subject of `Permissions Violation for Publish to "subject"`.
fn forbidden(text: &str) -> Option<&str> {
    let (what, subject) = text.split_once('"')?;
    let publish = what.eq_ignore_ascii_case("permissions violation for publish to ");
    publish.then(|| subject.strip_suffix('"')).flatten()
}

/// A request that waits for its answer.
struct Expectation<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Expectation<'_> {
    fn drop(&mut self) {
        self.shared.expected().requests.remove(&self.number);
    }
}

/// A turn to write. Unless all was written, the connection can't be used any more: the server waits for the
/// rest of it.
struct Writing<'a> {
    shared: &'a Shared,
    half: Option<WriteHalf<Stream>>,
    whole: bool,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.whole {
            *self.shared.writer() = self.half.take();
        } else {
            self.shared.end(reset("a message was given up half way"));
        }
    }
}

/// Hears what the server says, until the connection is broken.
async fn listen(shared: Arc<Shared>, mut reader: ReadHalf<Stream>, mut read: BytesMut) {
    let fault = loop {
        match next(&mut read) {
            Ok(Some(operation)) => shared.take(operation),
            Ok(None) => {
                read.reserve(AT_A_TIME);
                let octets = tokio::select! {
                    octets = reader.read_buf(&mut read) => octets,
                    fault = shared.broken() => break fault,
                };
                match octets {
                    Ok(0) => break reset("the server has closed the connection"),
                    Ok(_) => {}
                    Err(error) => break reset(&error.to_string()),
                }
            }
            Err(_) => break reset("the server says what is no NATS"),
        }
    };
    shared.end(fault);
}

/// Says that we are there, and asks whether the server is.
async fn stay(shared: Arc<Shared>) {
    let mut heard = None;
    loop {
        let line = tokio::select! {
            () = shared.ping.notified() => "PONG\r\n",
            () = sleep(PING_EVERY) => {
                let now = shared.read.count();
                if heard.replace(now) == Some(now) {
                    shared.end(reset("the server does not answer a PING"));
                }
                "PING\r\n"
            }
        };
        // A server that takes nothing is found out by those who have a deadline, or here, after a while.
        let written = timeout_at(Instant::now() + PING_EVERY, shared.write(line.to_owned().into()));
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return shared.end(reset("the server takes nothing")),
        }
    }
}

/// What became of what was sent is not known. It may be sent again: the server keeps it once.
fn reset(detail: &str) -> Fault {
    Fault { kind: Kind::Reset, detail: detail.to_owned(), again: Again::Later }
}
