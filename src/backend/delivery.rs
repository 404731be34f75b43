//! What goes to a backend, and what comes back.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use crate::mail::body::Message;
use crate::mail::{Client, Envelope, Greeting, Tls, TransactionId};
use crate::plan::{Retry, Timeouts};
use crate::smtp::Reply;

/// One message for one delivery group.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The transaction.
    pub id: TransactionId,
    /// When the final dot was read.
    pub received_at: SystemTime,
    /// Fields put before the message.
    pub prefix: Bytes,
    /// The message itself.
    pub message: Message,
    /// Who it is from and for; recipients in the order of RCPT.
    pub envelope: Envelope,
    /// The session it came in by.
    pub session: Arc<SessionFacts>,
    /// `namespace/name` of the route.
    pub route: Arc<str>,
    /// Raw `Message-ID` content without angle brackets, where there is one (ours or theirs).
    pub message_id: Option<String>,
    /// The same on every retry.
    pub dedupe_key: String,
    /// Who is asked to trace on.
    pub trace: TraceContext,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// What it gives back to have the sender told of recipients that it can't serve after all.
    pub bounce_token: Option<String>,
    /// By when the reply must be known.
    pub deadline: Instant,
    /// In-pod retry.
    pub retry: Retry,
    /// Where somebody wants to know what each attempt comes to.
    pub attempts: Option<Arc<Attempts>>,
}

impl Delivery {
    /// Octets of prefix and message.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.message.len()
    }

    /// Whether there is nothing at all to send: never, since `Received` is always there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps what an attempt came to, where somebody wants to know.
    pub(crate) fn attempted(&self, took: Duration, answer: impl FnOnce() -> String) {
        if let Some(Attempts(attempts)) = self.attempts.as_deref() {
            let attempt = Attempt { took, answer: answer() };
            attempts.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
        }
    }
}

/// The attempts of a delivery.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Vec<Attempt>>);

impl Attempts {
    /// Those there were, in order.
    pub fn take(&self) -> Vec<Attempt> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One time that a backend was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How long it took.
    pub took: Duration,
    /// What it answered, or why there was no answer: for people, and never for a log, since it may repeat the message.
    /// It may hold any characters.
    pub answer: String,
}

/// What is known of the session at the time of a delivery.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// `/mailchute/<namespace>/<gateway>/<listener>`: the CloudEvents source.
    pub source: Arc<str>,
    /// The client.
    pub client: Client,
    /// Its host name, where one was looked up and is forward-confirmed, or a trusted peer gave it.
    pub client_name: Option<Arc<str>>,
    /// How it greeted.
    pub greeting: Greeting,
    /// The TLS session, where there is one.
    pub tls: Option<Arc<Tls>>,
    /// Who has signed in.
    pub login: Option<Arc<str>>,
}

impl SessionFacts {
    /// `namespace/name` of the gateway.
    pub fn gateway(&self) -> &str {
        let path = self.source.strip_prefix("/mailchute/").unwrap_or(&self.source);
        path.rsplit_once('/').map_or(path, |(gateway, _)| gateway)
    }
}

/// W3C trace context of the delivery span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace id.
    pub trace_id: opentelemetry::TraceId,
    /// The span that is the parent of what the backend does.
    pub span_id: opentelemetry::SpanId,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// The header `traceparent` (W3C Trace Context §3.2).
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// What became of one recipient.
pub type Outcome = Result<Receipt, Failure>;

/// The backend has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The backend's own name for it.
    pub queue_id: Option<String>,
    /// The text of its `250`, where it gave one.
    pub text: Option<String>,
    /// Whether it has taken over what the sender asks of notifications (RFC 3461 §5.2.1).
    pub notifies: bool,
}

/// In words.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("confirmed")?;
        if let Some(id) = &self.queue_id {
            write!(f, " as {id}")?;
        }
        self.text.iter().try_for_each(|text| write!(f, ": {text}"))
    }
}

/// The backend does not have it, or we can't tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The backend's own reply, where it gave one (a verdict, or `responses:`).
    pub reply: Option<Reply>,
    /// For the log: what happened, without content or credentials.
    pub detail: String,
}

/// In words.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Verdict => f.write_str(&self.detail),
            cause => write!(f, "{}: {}", cause.as_str(), self.detail),
        }
    }
}

/// Why a delivery failed. Whose fault, and whether to try again, follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The backend said no, in words of its own.
    Verdict,
    /// It asked for less: 429, 503; JetStream's 10158 and 10167.
    Busy,
    /// It has no room.
    Full,
    /// The message is larger than it takes.
    TooLarge,
    /// Its circuit is open.
    CircuitOpen,
    /// Its cap of deliveries at a time was reached until the deadline.
    InFlightCap,
    /// 500, 502, 504, an unreadable verdict; a broker that fails.
    Failed,
    /// 3xx or another 4xx, a stream that is not there, credentials that are refused: one of us is set up
    /// wrongly.
    Misconfigured,
    /// Refused, DNS, TLS.
    Unreachable,
    /// Reset, half an answer.
    Reset,
    /// No answer in time.
    Timeout,
}

impl Cause {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verdict => "verdict",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::TooLarge => "too_large",
            Self::CircuitOpen => "circuit_open",
            Self::InFlightCap => "in_flight_cap",
            Self::Failed => "failed",
            Self::Misconfigured => "misconfigured",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
        }
    }
}
