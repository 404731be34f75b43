//! One connection's questions, answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tracing::{Instrument, Span};

use super::auth::SignIn;
use super::budget::Budget;
use super::feed::Feed;
use super::journal::Journal;
use super::outcome;
use super::peer::Peer;
use super::recipient::Refusal;
use super::report::Report;
use super::serving::Current;
use super::submission;
use super::transaction::{Taken, Transaction};
use super::xclient::Told;
use crate::lookup::Verified;
use crate::mail::{Client, ForwardPath, Greeting, Protocol, Tls, TransactionId};
use crate::metrics::{
    Check, CheckOutcome, ListenerMetrics, MessageOutcome, RecipientOutcome, RecipientReason,
};
use crate::plan::{Listener, Profile};
use crate::smtp::reply::{self, Class, Reply};
use crate::smtp::{self, Answer, Hello, Question, Sender};
use crate::telemetry;

/// Octets free in the byte budget under which reads are small.
const SHORT_OF_MEMORY: u64 = 1 << 20;
/// Refused recipients without an accepted one from which on answers are held back.
const HARVEST_FROM: u32 = 20;
/// How much longer each further answer is held back, and how long at most.
const HARVEST_STEP: Duration = Duration::from_secs(1);
const HARVEST_MOST: Duration = Duration::from_secs(10);

/// What all sessions of one listener share.
#[derive(Debug)]
pub struct Door {
    /// The listener's name.
    pub listener: Arc<str>,
    /// `/mailchute/<namespace>/<gateway>/<listener>`: the CloudEvents source.
    pub source: Arc<str>,
    /// What is served now.
    pub current: Current,
    /// Memory for messages.
    pub budget: Arc<Budget>,
    /// Where it is counted.
    pub metrics: ListenerMetrics,
    /// Where it is told to people who watch.
    pub feed: Feed,
}

/// An answer, and how long to hold it back.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// Flush what waits, then let this pass before giving the answer.
    pub hold: Duration,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        Self { answer, hold: Duration::ZERO }
    }
}

/// The pipeline's side of one connection.
#[derive(Debug)]
pub struct Session {
    pub(super) door: Arc<Door>,
    pub(super) peer: Peer,
    pub(super) greeting: Option<Box<Greeting>>,
    /// Whether XCLIENT is believed.
    trusted: bool,
    /// What XCLIENT has said of the greeting.
    pub(super) told: Option<Box<Told>>,
    pub(super) transaction: Option<Box<Transaction>>,
    pub(super) sign_in: Option<Box<SignIn>>,
    pub(super) dropped: Option<Dropped>,
    /// Recipients refused so far; `None` once one was accepted.
    refused: Option<u32>,
    /// What is said, where somebody wants to know.
    pub(super) journal: Option<Box<Journal>>,
    /// What became of a transaction, as long as the replies to it may come.
    pub(super) pending: Option<Box<Report>>,
    /// That of the connection.
    span: Span,
}

/// A transaction that is gone. If it is answered yet, its message was refused on its way in; if not, it
/// was abandoned.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) route: Arc<str>,
    /// Octets of its message had come.
    pub(super) begun: bool,
    /// Its message was complete, and has no answer yet.
    pub(super) id: Option<TransactionId>,
    /// What is told of it, where somebody watches.
    pub(super) report: Option<Box<Report>>,
}

impl Session {
    /// A client has come through a door; one that is `trusted` may say by XCLIENT who it really is. `span` is the
    /// connection's.
    pub fn new(door: Arc<Door>, client: Client, trusted: bool, span: Span) -> Self {
        let journal = door.feed.wants_accounts().then(Box::default);
        Self {
            journal,
            door,
            peer: Peer::new(client),
            greeting: None,
            trusted,
            told: None,
            sign_in: None,
            transaction: None,
            dropped: None,
            pending: None,
            refused: Some(0),
            span,
        }
    }

    /// What the next command is part of.
    pub fn span(&self) -> &Span {
        self.transaction.as_ref().map_or(&self.span, |transaction| &transaction.span)
    }

    /// Who the client is, as far as is known.
    pub fn client(&self) -> Client {
        self.peer.client
    }

    /// The listener under the current plan; `None` where it is gone.
    pub(super) fn listener(&self) -> Option<Arc<Listener>> {
        self.door.current.borrow().listener(&self.door.listener).map(Arc::clone)
    }

    /// Another client has come through the same connection.
    pub(super) fn forget_refused(&mut self) {
        self.refused = Some(0);
        self.sign_in = None;
    }

    /// The TLS handshake is done.
    pub fn tls(&mut self, tls: Tls) {
        // RFC 3207 §4.2: the server discards any knowledge obtained from the client before.
        self.greeting = None;
        self.peer.set_login(None);
        self.span.record("tls.version", tls.version);
        self.noted(|| format!("TLS handshake done: {}, {}", tls.version, tls.cipher));
        self.peer.set_tls(Arc::new(tls));
    }

    /// Answers a question of the engine: any but a recipient and the message, which [`Self::recipient`]
    /// and [`Self::message`] answer.
    pub async fn answer(&mut self, question: Question) -> Answered {
        match question {
            Question::Connect => Answer::Accept.into(),
            Question::Hello(greeting) => {
                // RFC 5321 §4.1.4: it acts as RSET. What went before goes by the greeting that it had.
                self.reset();
                let hello = self.hello(&greeting);
                self.greet(greeting);
                Answer::Capabilities(hello).into()
            }
            Question::Sender(sender) => self.sender(sender).into(),
            Question::Xclient(said) if self.trusted => self.xclient(said).into(),
            // Boxed: most sessions never get here, and none should hold the room for it.
            Question::Auth(step) => Box::pin(self.auth(step)).await,
            Question::Xclient(_) => Answer::Refuse(reply::NOT_IMPLEMENTED).into(),
            // These take their time, and have functions of their own.
            Question::Recipient(_) | Question::Message => Answer::Refuse(reply::BACKEND_FAILED).into(),
        }
    }

    /// Answers for a recipient; `None` where somebody has to be asked first, see [`Self::verified`].
    pub fn recipient(&mut self, recipient: smtp::Recipient) -> Option<Answered> {
        let asked = self.door.feed.is_watched().then(|| recipient.forward_path.clone());
        let taken = match &mut self.transaction {
            Some(transaction) => transaction.recipient(recipient, &self.peer, &self.door.metrics),
            None => Err(no_sender()),
        };
        match taken {
            Ok(Taken::Asked) => None,
            Ok(Taken::Joined) => Some(self.count_recipient(Ok(()), asked)),
            Err(refusal) => Some(self.count_recipient(Err(refusal), asked)),
        }
    }

    /// Answers for the recipient that somebody has to be asked about. It takes as long as the service that
    /// knows takes to answer, whose earlier answers are known at once, and then the relay.
    pub async fn verified(&mut self) -> Answered {
        let asked = self.transaction.as_ref().filter(|_| self.door.feed.is_watched());
        let asked = asked.and_then(|transaction| transaction.asked().cloned());
        let mut taken = self.verify().await;
        if let (Ok(()), Some(transaction)) = (&taken, &mut self.transaction) {
            taken = transaction.ask_relay().await;
        }
        self.count_recipient(taken, asked)
    }

    /// Takes octets of the message; `Some` is the reply that refuses it.
    pub async fn body(&mut self, octets: Bytes) -> Option<Reply> {
        let transaction = self.transaction.as_mut()?;
        let len = transaction.body.len() as u64 + octets.len() as u64;
        if len > transaction.max_message_bytes() {
            return Some(reply::TOO_LARGE);
        }
        if transaction.push(octets) {
            return None;
        }
        transaction.wait_for_memory().await
    }

    /// Whether the byte budget is almost used up.
    pub fn is_short_of_memory(&self) -> bool {
        !self.door.budget.has(SHORT_OF_MEMORY)
    }

    /// The transaction is gone.
    pub fn reset(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let begun = !transaction.body.is_empty();
            let of = || self.of(&transaction, &transaction.recipients, MessageOutcome::Abandoned);
            let report = self.door.feed.is_watched().then(|| Box::new(of()));
            self.dropped = transaction.route().map(|route| Dropped {
                route: Arc::clone(route),
                begun,
                id: None,
                report,
            });
        }
    }

    /// The engine has refused a message on its way in, for its size, its lines or the memory it takes.
    pub fn refused(&mut self, reply: &Reply) {
        let dropped = self.dropped.take();
        let route = dropped.as_ref().map_or("", |dropped| &dropped.route);
        let outcome = outcome::label_of_ours(reply);
        self.door.metrics.message(route, outcome);
        tracing::info!(client = %self.peer.client.address, listener = &*self.door.listener, route, %reply, "message refused");
        match dropped.and_then(|dropped| dropped.report) {
            None => self.door.feed.unseen(),
            Some(mut report) => {
                report.event.outcome = outcome;
                self.report(|_| report.now());
            }
        }
    }

    /// Nothing more comes of a message that has begun: the connection has ended, or another follows.
    pub fn abandoned(&mut self) {
        self.reset();
        self.give_up();
        self.settle();
    }

    /// Of a transaction that is gone nothing more comes.
    pub(super) fn give_up(&mut self) {
        let Some(Dropped { route, id, report, .. }) = self.dropped.take().filter(|dropped| dropped.begun)
        else {
            return;
        };
        self.door.metrics.message(&route, MessageOutcome::Abandoned);
        let id = id.map(tracing::field::display);
        tracing::info!(id, client = %self.peer.client.address, listener = &*self.door.listener, route = &*route, "message abandoned");
        let Some(report) = report else { return self.door.feed.unseen() };
        // One that was complete has been given up just now, the others when they were dropped.
        self.report(|_| if id.is_some() { report.now() } else { *report });
    }

    /// What is on offer here and now.
    fn hello(&self, greeting: &Greeting) -> Hello {
        let serving = Arc::clone(&self.door.current.borrow());
        let Some(listener) = serving.listener(&self.door.listener) else { return Hello::default() };
        Hello {
            prdr: listener.prdr && greeting.protocol == Protocol::Esmtp,
            auth: self.mechanisms(listener),
            xclient: self.trusted,
            dsn: listener.dsn,
            ..Hello::default()
        }
    }

    fn sender(&mut self, sender: Sender) -> Answer {
        self.abandoned();
        match self.begin(sender) {
            Ok(()) => Answer::Accept,
            Err((sender, reply)) => {
                self.refused_sender(&sender.reverse_path, &reply);
                Answer::Refuse(reply)
            }
        }
    }

    /// Begins a transaction, or says why there is none.
    fn begin(&mut self, sender: Sender) -> Result<(), (Sender, Reply)> {
        let serving = Arc::clone(&self.door.current.borrow());
        // The listener is gone from the configuration: the session is about to be told so.
        let Some(listener) = serving.listener(&self.door.listener).map(Arc::clone) else {
            return Err((sender, reply::SHUTTING_DOWN));
        };
        if let Some(reply) = self.needs_auth(&listener) {
            return Err((sender, reply));
        }
        if listener.profile == Profile::Submission
            && let Some(reply) = submission::refuse_sender(&sender.reverse_path)
        {
            return Err((sender, reply));
        }
        if sender.size.is_some_and(|size| !self.door.budget.has(size)) {
            return Err((sender, reply::NO_MEMORY));
        }
        if !self.door.may_send(&listener, self.peer.client.address) {
            return Err((sender, reply::TOO_MANY_MESSAGES_FROM_CLIENT));
        }
        let vouched = self.peer.is_vouched_for(listener.profile);
        let span = telemetry::transaction_span(&self.span);
        let transaction = Transaction::new((serving, listener), (sender, vouched), &self.door.budget, span);
        self.transaction = Some(Box::new(transaction));
        Ok(())
    }

    async fn verify(&mut self) -> Result<(), Refusal> {
        let transaction = self.transaction.as_mut().ok_or_else(no_sender)?;
        let candidate = transaction.candidate.take().ok_or_else(no_sender)?;
        let Some((verifier, address)) = transaction.verifier(&candidate)? else {
            return transaction.join(*candidate, &self.peer, &self.door.metrics);
        };
        let started = Instant::now();
        let span = telemetry::policy_span(Check::Verification.as_str());
        let verified = verifier.verify(&address).instrument(span.clone()).await;
        let outcome = match verified {
            Verified::Exists => CheckOutcome::Pass,
            Verified::Missing => CheckOutcome::Refuse,
            Verified::Unknown => CheckOutcome::Error,
        };
        span.record("outcome", outcome.as_str());
        if outcome == CheckOutcome::Error {
            telemetry::check_failed(&span);
        }
        self.door.metrics.check(Check::Verification, outcome, started.elapsed());
        match verified {
            Verified::Exists => transaction.join(*candidate, &self.peer, &self.door.metrics),
            Verified::Missing => Err(Refusal::new(reply::NO_SUCH_USER, RecipientReason::NoSuchRecipient)),
            Verified::Unknown if verifier.verification().accept_on_error => {
                transaction.join(*candidate, &self.peer, &self.door.metrics)
            }
            Verified::Unknown => Err(Refusal::new(reply::NOT_VERIFIED, RecipientReason::Unverified)),
        }
    }

    /// Counts a recipient, and makes harvesting addresses slow.
    /// `asked` is the recipient, where somebody watches.
    fn count_recipient(&mut self, taken: Result<(), Refusal>, asked: Option<ForwardPath>) -> Answered {
        let refusal = match taken {
            Ok(()) => {
                self.refused = None;
                self.door.metrics.recipient(RecipientOutcome::Accepted, RecipientReason::Ok);
                return Answer::Accept.into();
            }
            Err(refusal) => refusal,
        };
        let permanent = refusal.reply.class() == Class::Permanent;
        let outcome = if permanent { RecipientOutcome::Refused } else { RecipientOutcome::Deferred };
        self.door.metrics.recipient(outcome, refusal.reason);
        match asked {
            None => self.door.feed.unseen(),
            Some(asked) => self.refused_recipient(&asked, &refusal),
        }
        let Some(refused) = self.refused.as_mut().filter(|_| permanent) else {
            return Answer::Refuse(refusal.reply).into();
        };
        *refused += 1;
        let steps = (*refused + 1).saturating_sub(HARVEST_FROM);
        Answered { answer: Answer::Refuse(refusal.reply), hold: (HARVEST_STEP * steps).min(HARVEST_MOST) }
    }

    pub(super) fn count_message(&self, transaction: &Transaction, outcome: MessageOutcome) {
        self.door.metrics.message(transaction.route().map_or("", AsRef::as_ref), outcome);
    }
}

fn no_sender() -> Refusal {
    Refusal::new(reply::NEEDS_SENDER, RecipientReason::Syntax)
}
