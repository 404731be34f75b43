//! One connection: moves bytes between socket and engine, questions between engine and pipeline.
//!
//! All replies to one read leave in one write.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::coop;
use tokio::time::{self, timeout};
use tracing::{Instrument, Span};

use super::admission::Place;
use super::ending::{Ending, Goodbye, note};
use super::guard;
use super::pace::Pace;
use super::phase::{Phase, Phases, reached};
use super::socket::{Appetite, Socket};
use super::tls::{HandshakeError, TlsOffer, TlsServer};
use crate::metrics::{ListenerMetrics, SessionOutcome};
use crate::pipeline;
use crate::smtp::reply::{self, Reply};
use crate::smtp::{Action, Answer, Pressure, Question, Session, Verb, Violation};
use crate::telemetry;

/// Who is at both ends, and how it stands outside.
pub(super) struct Connection<'a> {
    pub(super) engine: Session,
    pub(super) pipeline: pipeline::Session,
    pub(super) metrics: &'a ListenerMetrics,
    pub(super) phases: Phases,
    /// Refuses the client instead of greeting it.
    pub(super) refusal: Option<Reply>,
    /// How long to hold back the greeting.
    pub(super) greeting_delay: Duration,
    pub(super) place: &'a mut Place,
    /// Sessions that one client may have.
    pub(super) per_client: u32,
    pub(super) pressure: watch::Receiver<Pressure>,
    pub(super) tls: TlsOffer,
}

/// Whether the engine has said to close.
enum Done {
    Open,
    /// The TLS handshake comes next.
    Secure,
    Close,
}

/// What has been said of a message. LMTP and PRDR have a reply for each recipient; a message counts once.
#[derive(Clone, Copy)]
enum Told {
    Nothing,
    /// The pipeline has answered it, and has counted it.
    Asked,
    /// One reply at least.
    Replied,
}

/// Why a wait for the client ended.
enum Waited {
    Read(Bytes),
    Draining,
    /// How much patience there is has changed.
    Pressure,
    TooSlow,
}

impl Connection<'_> {
    /// Serves the connection to its end.
    pub(super) async fn serve(&mut self, socket: &mut Socket) -> (SessionOutcome, Goodbye) {
        let mut cut = self.phases.clone();
        let caught = {
            let served = pin!(async {
                tokio::select! {
                    biased;
                    () = reached(&mut cut, Phase::Cut) => Ok(Ending::Cut),
                    ending = self.run(socket) => ending,
                }
            });
            guard::catch(served).await
        };
        let ending = caught.unwrap_or_else(|guard::Panicked| {
            let mut octets = Vec::new();
            reply::INTERNAL_ERROR.encode(&mut octets);
            socket.last_word(&octets);
            self.pipeline.last_word(&reply::INTERNAL_ERROR);
            Ok(Ending::Closed(SessionOutcome::Failed))
        });
        self.pipeline.noted(|| {
            ending.as_ref().map_or_else(|error| format!("connection lost: {error}"), Ending::shown)
        });
        self.pipeline.abandoned();
        let outcome = match ending {
            // Deviation: whoever said QUIT, and nothing behind it, sends nothing more that could make
            // the kernel reset the connection, so there is no need to read on.
            Ok(Ending::Closed(SessionOutcome::Quit)) if !socket.has_more() => SessionOutcome::Quit,
            Ok(Ending::Closed(outcome)) => return (outcome, Goodbye::Linger),
            Ok(Ending::Cut) => SessionOutcome::Drained,
            Ok(Ending::Unsecured(error)) => error.session_outcome(),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.metrics.violation(Violation::TooSlow);
                SessionOutcome::TimedOut
            }
            Err(error) => {
                tracing::debug!(%error, "connection lost");
                SessionOutcome::Disconnected
            }
        };
        (outcome, Goodbye::Leave)
    }

    async fn run(&mut self, socket: &mut Socket) -> io::Result<Ending> {
        let (mut out, mut pace) = (Vec::new(), Pace::default());
        if self.pipeline.is_narrated() {
            self.engine.narrate();
        }
        let mut outcome = SessionOutcome::Disconnected;
        let (mut draining, mut in_data) = (false, false);
        if let Some(ending) = self.begin(socket).await {
            return Ok(ending);
        }
        loop {
            let done = self.act(socket, &mut out, &mut outcome).await?;
            self.pipeline.settle();
            // Patience begins anew behind each reply, and where BDAT begins without one.
            if !out.is_empty() || self.engine.in_data() != in_data {
                pace = Pace::default();
                in_data = self.engine.in_data();
            }
            if matches!(done, Done::Close) {
                socket.write_last(&mut out).await?;
            } else if !out.is_empty() {
                socket.write(&mut out).await?;
            }
            match done {
                Done::Open => {}
                Done::Secure => {
                    let TlsOffer::StartTls(server) = &self.tls else { return Ok(Ending::Closed(outcome)) };
                    if let Err(error) = self.secure(socket, Arc::clone(server)).await {
                        return Ok(Ending::Unsecured(error));
                    }
                    continue;
                }
                Done::Close => return Ok(Ending::Closed(outcome)),
            }
            match self.wait(socket, &mut pace, draining).await? {
                Waited::Read(octets) if octets.is_empty() => self.engine.end_of_input(),
                Waited::Read(octets) => self.engine.receive(octets),
                Waited::Draining => {
                    draining = true;
                    outcome = SessionOutcome::Drained;
                    self.engine.end(reply::SHUTTING_DOWN);
                }
                Waited::Pressure => {}
                Waited::TooSlow => return self.too_slow(socket).await,
            }
        }
    }

    /// Does what the engine says until it has nothing more to say.
    async fn act(
        &mut self,
        socket: &mut Socket,
        out: &mut Vec<u8>,
        outcome: &mut SessionOutcome,
    ) -> io::Result<Done> {
        let mut since = Instant::now();
        let mut message = Told::Nothing;
        // Of the question that a reply is awaited to.
        let mut span = None;
        while let Some(action) = self.engine.poll() {
            match action {
                Action::Reply { verb, reply } => {
                    reply.encode(out);
                    if !matches!((message, verb), (Told::Replied, Verb::Message)) {
                        self.trace(span.take(), verb, &reply);
                    }
                    let now = Instant::now();
                    self.count(&mut message, verb, &reply, now - since);
                    since = now;
                    note(verb, &reply, outcome);
                    self.pipeline.said(verb, &reply);
                }
                Action::Heard(heard) => self.pipeline.heard(heard),
                Action::Refused(question, reply) => self.pipeline.turned_down(&question, &reply),
                Action::Ask(Question::Connect) => {
                    self.greet(socket, outcome).await?;
                    since = Instant::now();
                }
                Action::Ask(question) => {
                    self.pipeline.settle();
                    message = if matches!(question, Question::Message) { Told::Asked } else { Told::Nothing };
                    let asked = span.insert(telemetry::command_span(self.pipeline.span()));
                    self.ask(question, socket, out).instrument(asked.clone()).await?;
                }
                Action::Body(octets) => {
                    if let Some(reply) = self.pipeline.body(octets).await {
                        self.engine.refuse_data(reply);
                    }
                }
                Action::Violation(violation) => {
                    self.metrics.violation(violation);
                    tracing::debug!(kind = violation.as_str(), "protocol violation");
                    self.pipeline.noted(|| format!("protocol violation: {}", violation.as_str()));
                    if !matches!(
                        violation,
                        Violation::BareNewline | Violation::BadLine | Violation::LineTooLong
                    ) {
                        // The others end the session.
                        *outcome = SessionOutcome::Expelled;
                    }
                }
                Action::Reset => self.pipeline.reset(),
                Action::StartTls => return Ok(Done::Secure),
                Action::Close => return Ok(Done::Close),
            }
        }
        Ok(Done::Open)
    }

    /// Ends the span of a command; one about which nothing was asked is but a moment.
    fn trace(&self, span: Option<Span>, verb: Verb, reply: &Reply) {
        let span = span.unwrap_or_else(|| telemetry::command_span(self.pipeline.span()));
        span.record("command", verb.as_str());
        span.record("code", reply.code());
    }

    /// Counts a reply, and with its first one a message that the engine has refused.
    fn count(&mut self, message: &mut Told, verb: Verb, reply: &Reply, took: Duration) {
        let told = if verb == Verb::Message { Told::Replied } else { Told::Nothing };
        match (std::mem::replace(message, told), told) {
            (Told::Replied, Told::Replied) => return self.metrics.further_reply(verb, reply.code()),
            (Told::Nothing, Told::Replied) => self.pipeline.refused(reply),
            _ => {}
        }
        self.metrics.command(verb, reply.code(), took);
    }

    async fn ask(&mut self, question: Question, socket: &mut Socket, out: &mut Vec<u8>) -> io::Result<()> {
        let introduced = matches!(question, Question::Xclient(_));
        // Boxed: a delivery is large, and most of the time there is none.
        let answered = match question {
            Question::Message => Box::pin(self.pipeline.message()).await.into(),
            Question::Recipient(recipient) => match self.pipeline.recipient(recipient) {
                Some(answered) => answered,
                None => flushed(Box::pin(self.pipeline.verified()), socket, out).await?,
            },
            question => self.pipeline.answer(question).await,
        };
        if answered.hold > Duration::ZERO {
            socket.write(out).await?;
            tokio::select! {
                () = time::sleep(answered.hold) => {}
                () = reached(&mut self.phases, Phase::Draining) => {}
            }
        }
        let answer = match answered.answer {
            Answer::Accept if introduced => self.claim(),
            answer => self.tls.announced(answer),
        };
        self.engine.answer(answer);
        Ok(())
    }

    /// Holds the greeting back for as long as is asked. Who speaks meanwhile is turned away at once,
    /// who closes is gone at once, and a front-end that goes away waits for nobody.
    async fn greet(&mut self, socket: &mut Socket, outcome: &mut SessionOutcome) -> io::Result<()> {
        let refusal = self.refusal.take();
        let mut answer = refusal.map_or(Answer::Accept, Answer::Refuse);
        if answer == Answer::Accept && self.greeting_delay > Duration::ZERO {
            tokio::select! {
                biased;
                () = reached(&mut self.phases, Phase::Draining) => {
                    *outcome = SessionOutcome::Drained;
                    answer = Answer::Refuse(reply::SHUTTING_DOWN);
                }
                read = socket.read(Appetite::Commands) => match read? {
                    octets if octets.is_empty() => self.engine.end_of_input(),
                    octets => self.engine.receive(octets),
                },
                () = time::sleep(self.greeting_delay) => {}
            }
        }
        self.engine.answer(answer);
        Ok(())
    }

    /// Another client has come through the same connection: it counts for that one now.
    fn claim(&mut self) -> Answer {
        let client = self.pipeline.client().address;
        self.place.claim(client, self.per_client).map_or_else(Answer::Refuse, |()| Answer::Accept)
    }

    /// Implicit TLS comes before all else. Until it is there nothing can be said, so a front-end that goes
    /// away waits for nobody.
    async fn begin(&mut self, socket: &mut Socket) -> Option<Ending> {
        let TlsOffer::Implicit(server) = &self.tls else { return None };
        let (server, mut phases) = (Arc::clone(server), self.phases.clone());
        tokio::select! {
            biased;
            () = reached(&mut phases, Phase::Draining) => Some(Ending::Closed(SessionOutcome::Drained)),
            secured = self.secure(socket, server) => secured.err().map(Ending::Unsecured),
        }
    }

    /// From here on all is said inside TLS, and what was said before is forgotten.
    async fn secure(&mut self, socket: &mut Socket, server: Arc<TlsServer>) -> Result<(), HandshakeError> {
        let tls = socket.start_tls(&server).await?;
        self.pipeline.tls(tls);
        self.engine.tls();
        self.tls = TlsOffer::None;
        Ok(())
    }

    async fn wait(&mut self, socket: &mut Socket, pace: &mut Pace, draining: bool) -> io::Result<Waited> {
        // A client that never lets us wait must neither hold up other sessions nor miss the end.
        coop::consume_budget().await;
        if !draining && *self.phases.borrow() >= Phase::Draining {
            return Ok(Waited::Draining);
        }
        let in_data = self.engine.in_data();
        // What is read may have to wait for memory: little of it while there is little.
        let plenty = in_data && !self.pipeline.is_short_of_memory();
        let appetite = if plenty { Appetite::Data } else { Appetite::Commands };
        let pressure = *self.pressure.borrow_and_update();
        let patience = pace.patience(self.engine.deadline(pressure));
        let started = time::Instant::now();
        let waited = match socket.try_read(appetite) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let read = async {
                    tokio::select! {
                        read = socket.read(appetite) => read.map(Waited::Read),
                        () = reached(&mut self.phases, Phase::Draining), if !draining => Ok(Waited::Draining),
                        Ok(()) = self.pressure.changed() => Ok(Waited::Pressure),
                    }
                };
                timeout(patience, read).await.unwrap_or(Ok(Waited::TooSlow))?
            }
            read => Waited::Read(read?),
        };
        match &waited {
            Waited::Read(octets) if in_data => pace.note_data(octets.len(), started.elapsed()),
            _ => pace.note(started.elapsed()),
        }
        Ok(waited)
    }

    async fn too_slow(&mut self, socket: &mut Socket) -> io::Result<Ending> {
        self.metrics.violation(Violation::TooSlow);
        let mut out = Vec::new();
        reply::TOO_SLOW.encode(&mut out);
        self.metrics.command(Verb::Connect, reply::TOO_SLOW.code(), Duration::ZERO);
        self.pipeline.last_word(&reply::TOO_SLOW);
        socket.write(&mut out).await?;
        Ok(Ending::Closed(SessionOutcome::TimedOut))
    }
}

/// Waits for an answer. What was said before does not wait with it.
async fn flushed<T>(
    mut answer: Pin<Box<impl Future<Output = T>>>,
    socket: &mut Socket,
    out: &mut Vec<u8>,
) -> io::Result<T> {
    let known = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await;
    if let Poll::Ready(answer) = known {
        return Ok(answer);
    }
    socket.write(out).await?;
    Ok(answer.await)
}
