//! The kind `http`: one POST per delivery, over HTTP/1.1 or HTTP/2.
//!
//! A delivery is attempts within one deadline. An attempt is tried again only where that is safe
//! and likely to help: connect failures, `502`, `503` and a refused stream after a pause; what was
//! not processed for GOAWAY, and a reused connection that closed before the first octet of an
//! answer, at once on a new one. Every attempt of a delivery sends the same octets, key and
//! signature included. Redirects are not followed.
//!
//! | file | what |
//! | --- | --- |
//! | `request`, `header`, `body`, `structured` | what is sent |
//! | `answer`, `verdict` | what came back, and what it means |
//!
//! Connections are those of `client::http`.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tokio::time::{Instant, sleep};

use super::delivery::{Cause, Delivery, Failure, Outcome};
use crate::client::circuit::Health;
use crate::client::fault::{Again, Fault, Kind};
use crate::client::http::Client;
use crate::metrics::DeliveryMetrics;
use crate::plan;
use crate::smtp::reply::Reply;
use answer::{Answer, Excerpt};
use body::Segments;
use request::Template;

pub(crate) mod answer;
mod body;
mod header;
mod request;
mod structured;
mod verdict;

/// An HTTP backend at work.
pub(super) struct Http {
    /// Or why no request can ever be sent.
    prepared: Result<Prepared, &'static str>,
    responses: BTreeMap<u16, Reply>,
    metrics: DeliveryMetrics,
}

struct Prepared {
    template: Template,
    client: Client<Segments>,
}

/// How an attempt ended.
struct End {
    outcomes: Vec<Outcome>,
    health: Health,
    again: Again,
}

impl Http {
    pub(super) fn new(backend: &plan::Backend, http: &plan::Http, metrics: DeliveryMetrics) -> Self {
        let prepare = || Ok(Prepared { template: Template::new(http)?, client: Client::new(http)? });
        Self { prepared: prepare(), responses: backend.responses.clone(), metrics }
    }

    /// Delivers by the deadline: an outcome for each recipient, and what it shows of the backend.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> (Vec<Outcome>, Health) {
        let prepared = match &self.prepared {
            Ok(prepared) => prepared,
            Err(why) => {
                let end = unsent(delivery, Cause::Misconfigured, (*why).to_owned());
                delivery.attempted(Duration::ZERO, || (*why).to_owned());
                self.observe(&end, Duration::ZERO);
                return (end.outcomes, end.health);
            }
        };
        let headers = prepared.template.headers(delivery, SystemTime::now());
        let deadline = Instant::from_std(delivery.deadline);
        let mut retries = 0;
        loop {
            let began = Instant::now();
            let end = match prepared.attempt(delivery, &headers, deadline).await {
                Ok(answer) => {
                    delivery.attempted(began.elapsed(), || answer.shown());
                    self.meaning(&answer, delivery)
                }
                Err(fault) => {
                    delivery.attempted(began.elapsed(), || fault.detail.clone());
                    unanswered(delivery, fault)
                }
            };
            self.observe(&end, began.elapsed());
            let pause = match end.again {
                Again::No => return (end.outcomes, end.health),
                Again::Now => Duration::ZERO,
                Again::Later => delivery.retry.pause(retries),
            };
            let over = retries >= delivery.retry.attempts();
            if over || Instant::now() + pause >= deadline {
                return (end.outcomes, end.health);
            }
            sleep(pause).await;
            retries += 1;
        }
    }

    fn meaning(&self, answer: &Answer, delivery: &Delivery) -> End {
        let meaning = answer.meaning(&delivery.envelope, &self.responses, SystemTime::now());
        let again = if meaning.again { Again::Later } else { Again::No };
        End { outcomes: meaning.outcomes, health: meaning.health, again }
    }

    /// The one place where attempts are counted and told of.
    fn observe(&self, end: &End, took: Duration) {
        let failure = end.outcomes.iter().find_map(|outcome| outcome.as_ref().err());
        self.metrics.attempt(failure.map_or(Ok(()), |failure| Err(failure.cause)), took);
        if let Some(Failure { cause, detail, .. }) = failure {
            tracing::debug!(cause = cause.as_str(), detail, again = ?end.again, "delivery attempt failed");
        }
    }
}

/// The end of a delivery that did not come as far as a request.
fn unsent(delivery: &Delivery, cause: Cause, detail: String) -> End {
    let failure = Failure { cause, reply: None, detail };
    let outcomes = vec![Err(failure); delivery.envelope.recipients.len()];
    End { outcomes, health: Health::Unknown, again: Again::No }
}

/// The end of an attempt without an answer.
fn unanswered(delivery: &Delivery, fault: Fault) -> End {
    let (cause, health) = match fault.kind {
        Kind::Misconfigured => (Cause::Misconfigured, Health::Unknown),
        Kind::Unreachable => (Cause::Unreachable, Health::Down { retry_after: None }),
        Kind::Reset => (Cause::Reset, Health::Down { retry_after: None }),
        Kind::Timeout => (Cause::Timeout, Health::Down { retry_after: None }),
    };
    End { health, again: fault.again, ..unsent(delivery, cause, fault.detail) }
}

impl Prepared {
    /// One request and its answer.
    async fn attempt(
        &self,
        delivery: &Delivery,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let request = self.template.request(headers.clone(), delivery);
        let arriving = self.client.exchange(request, delivery.timeouts.connect, deadline).await?;
        let excerpt = if delivery.attempts.is_some() { Excerpt::Kept } else { Excerpt::Dropped };
        Ok(Answer::read(arriving, excerpt, deadline).await)
    }
}
