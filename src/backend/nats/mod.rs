//! The kind `nats`: one message published to a stream of JetStream per delivery, confirmed by its
//! acknowledgement.
//!
//! A delivery is attempts within one deadline. One is tried again after a pause where the connection broke
//! before the acknowledgement came, or JetStream asks for patience: the stream knows the message by its
//! `Nats-Msg-Id`, the dedupe key, and keeps it once. For the same reason a sender that comes again finds it
//! kept once, for as long as the stream's duplicate window.
//!
//! What opens the circuit is a server that can't be reached or says nothing, and a JetStream that fails; not a
//! stream that is full or is not there.
//!
//! | file | what |
//! | --- | --- |
//! | `event` | what is published, and on which subject |
//! | `acknowledgement` | what came back, and what it means |
//! | `stream` | what the stream is like, looked at whenever we have connected |
//!
//! The connection is that of `client::nats`.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::delivery::{Cause, Delivery, Failure, Outcome};
use crate::client::circuit::Health;
use crate::client::fault::{Again, Fault, Kind};
use crate::client::nats::Client;
use crate::mail::{Mailbox, ReversePath};
use crate::metrics::DeliveryMetrics;
use crate::plan::{self, template::Values};
use acknowledgement::Acknowledgement;
use stream::Watch;

mod acknowledgement;
mod event;
mod stream;

/// A stream at work.
pub(super) struct Nats {
    /// Or why nothing can ever be published.
    prepared: Result<Prepared, &'static str>,
    target: plan::Nats,
    metrics: DeliveryMetrics,
}

struct Prepared {
    client: Client,
    _watch: Watch,
}

/// How an attempt ended.
struct End {
    outcome: Outcome,
    health: Health,
    again: Again,
}

impl Nats {
    pub(super) fn new(backend: &plan::Backend, nats: &plan::Nats, metrics: DeliveryMetrics) -> Self {
        let prepared = Client::new(nats).map(|client| {
            let watch = Watch::start(backend, nats, &client, &metrics);
            Prepared { client, _watch: watch }
        });
        Self { prepared, target: nats.clone(), metrics }
    }

    /// Octets of the largest message that the server takes, as it says itself. What the stream takes is not
    /// known for sure: it may have been changed since it was looked at.
    pub(super) fn room(&self) -> u64 {
        let room = self.prepared.as_ref().ok().and_then(|prepared| prepared.client.max_payload());
        room.unwrap_or(u64::MAX)
    }

    /// Whether two recipients of a message are published on different subjects.
    pub(super) fn parts(&self, sender: &ReversePath, one: &Mailbox, other: &Mailbox) -> bool {
        let template = &self.target.subject;
        let of = |recipient| event::subject(template, &Values { gateway: "", route: "", recipient, sender });
        template.tells_recipients_apart() && of(one) != of(other)
    }

    /// Delivers by the deadline: an outcome for each recipient, and what it shows of the server.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> (Vec<Outcome>, Health) {
        let end = self.end(delivery).await;
        (vec![end.outcome; delivery.envelope.recipients.len()], end.health)
    }

    async fn end(&self, delivery: &Delivery) -> End {
        let prepared = match &self.prepared {
            Ok(prepared) => prepared,
            Err(why) => {
                let end = failed(Cause::Misconfigured, (*why).to_owned());
                return self.observe(delivery, end, Duration::ZERO);
            }
        };
        let deadline = Instant::from_std(delivery.deadline);
        let most = delivery.retry.attempts();
        let mut retries = 0;
        loop {
            let began = Instant::now();
            let end = self.attempt(&prepared.client, delivery, most - retries, deadline).await;
            let end = self.observe(delivery, end, began.elapsed());
            let pause = delivery.retry.pause(retries);
            if end.again == Again::No || retries >= most || Instant::now() + pause >= deadline {
                return end;
            }
            sleep(pause).await;
            retries += 1;
        }
    }

    /// Publishes once. To connect is tried `retries` times more, as long as nothing was published.
    async fn attempt(&self, client: &Client, delivery: &Delivery, retries: u32, deadline: Instant) -> End {
        let connection = match client.connection(retries + 1, deadline).await {
            Ok(connection) => connection,
            Err(fault) => return End { again: Again::No, ..unanswered(fault) },
        };
        let (subject, headers) =
            (event::subject_of(&self.target, delivery), event::headers(&self.target, delivery));
        let (octets, most) = (headers.len() + delivery.len(), connection.max_payload());
        if octets as u64 > most {
            let detail = format!("{octets} octets with headers, and the server takes {most} (max_payload)");
            return End { health: Health::Alive, ..failed(Cause::TooLarge, detail) };
        }
        match connection.request(&subject, headers, event::body(delivery), deadline).await {
            Ok(answer) => {
                let Acknowledgement { outcome, health, again } =
                    acknowledgement::meaning(&answer, &self.target.stream);
                let outcome = outcome.map_err(|(cause, detail)| Failure { cause, reply: None, detail });
                End { outcome, health, again }
            }
            Err(fault) => unanswered(fault),
        }
    }

    /// The one place where attempts are counted and told of.
    fn observe(&self, delivery: &Delivery, end: End, took: Duration) -> End {
        delivery.attempted(took, || match &end.outcome {
            Ok(receipt) => receipt.to_string(),
            Err(failure) => failure.detail.clone(),
        });
        let failure = end.outcome.as_ref().err();
        self.metrics.attempt(failure.map_or(Ok(()), |failure| Err(failure.cause)), took);
        if let Some(Failure { cause, detail, .. }) = failure {
            tracing::debug!(cause = cause.as_str(), detail, again = ?end.again, "delivery attempt failed");
        }
        end
    }
}

fn failed(cause: Cause, detail: String) -> End {
    let outcome = Err(Failure { cause, reply: None, detail });
    End { outcome, health: Health::Unknown, again: Again::No }
}

/// The end of an attempt without an acknowledgement.
fn unanswered(fault: Fault) -> End {
    let down = Health::Down { retry_after: None };
    let (cause, health) = match fault.kind {
        Kind::Misconfigured => (Cause::Misconfigured, Health::Unknown),
        Kind::Unreachable => (Cause::Unreachable, down),
        Kind::Reset => (Cause::Reset, down),
        Kind::Timeout => (Cause::Timeout, down),
    };
    End { health, again: fault.again, ..failed(cause, fault.detail) }
}
