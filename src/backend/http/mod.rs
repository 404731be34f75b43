//! The kind `http`: one POST per delivery, over HTTP/1.1.
//!
//! A delivery is attempts within one deadline. An attempt is tried again only where that is safe
//! and likely to help: connect failures, `502` and `503` after a pause; a reused connection that
//! closed before the first octet of an answer at once, on a new one. Every attempt of a delivery
//! sends the same octets, key and signature included. Redirects are not followed.
//!
//! | file | what |
//! | --- | --- |
//! | `request`, `header`, `body` | what is sent |
//! | `connect` | DNS, TCP, TLS |
//! | `connection`, `pool` | one connection at work; those that are idle |
//! | `answer`, `verdict` | what came back, and what it means |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tokio::time::{Instant, sleep, timeout_at};

use super::circuit::Health;
use super::delivery::{Cause, Delivery, Failure, Outcome};
use crate::metrics::DeliveryMetrics;
use crate::plan;
use crate::smtp::reply::Reply;
use answer::Answer;
use connect::Connector;
use connection::Connection;
use pool::Pool;
use request::Template;

mod answer;
mod body;
mod connect;
mod connection;
mod header;
mod pool;
mod request;
mod verdict;

pub use request::{DEFAULT_ENVELOPE_OCTETS, envelope_octets};

/// Attempts after the first, whatever the configuration says.
const MAX_RETRIES: u32 = 2;

/// An HTTP backend at work.
pub(super) struct Http {
    /// Or why no request can ever be sent.
    prepared: Result<Prepared, &'static str>,
    responses: BTreeMap<u16, Reply>,
    metrics: DeliveryMetrics,
}

struct Prepared {
    template: Template,
    connector: Connector,
    pool: Arc<Pool>,
}

/// Why an attempt has no answer.
#[derive(Debug)]
struct Fault {
    cause: Cause,
    detail: String,
    again: Again,
}

/// Whether an attempt that failed may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// After a pause: the backend may be back.
    Later,
    /// At once: it was only the connection.
    Now,
}

impl Fault {
    /// A connection that did not come to be.
    fn connect(cause: Cause, detail: String) -> Self {
        let again = if cause == Cause::Misconfigured { Again::No } else { Again::Later };
        Self { cause, detail, again }
    }
}

/// How an attempt ended.
struct End {
    outcomes: Vec<Outcome>,
    health: Health,
    again: Again,
}

impl Http {
    pub(super) fn new(backend: &plan::Backend, http: &plan::Http, metrics: DeliveryMetrics) -> Self {
        let prepare = || {
            let (template, connector) = (Template::new(http)?, Connector::new(http)?);
            Ok(Prepared { template, connector, pool: Arc::default() })
        };
        Self { prepared: prepare(), responses: backend.responses.clone(), metrics }
    }

    /// Delivers by the deadline: an outcome for each recipient, and what it shows of the backend.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> (Vec<Outcome>, Health) {
        let prepared = match &self.prepared {
            Ok(prepared) => prepared,
            Err(why) => {
                let end = unsent(delivery, Cause::Misconfigured, (*why).to_owned());
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
                Ok(answer) => self.meaning(&answer, delivery),
                Err(fault) => fault.end(delivery),
            };
            self.observe(&end, began.elapsed());
            let pause = match end.again {
                Again::No => return (end.outcomes, end.health),
                Again::Now => Duration::ZERO,
                Again::Later => pause(delivery.retry, retries),
            };
            let over = retries >= delivery.retry.attempts.min(MAX_RETRIES);
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

/// `base`, doubled with each retry, `max` at most.
fn pause(retry: plan::Retry, earlier: u32) -> Duration {
    retry.base.saturating_mul(1 << earlier.min(MAX_RETRIES)).min(retry.max)
}

/// The end of a delivery that did not come as far as a request.
fn unsent(delivery: &Delivery, cause: Cause, detail: String) -> End {
    let failure = Failure { cause, reply: None, detail };
    let outcomes = vec![Err(failure); delivery.envelope.recipients.len()];
    End { outcomes, health: Health::Unknown, again: Again::No }
}

impl Fault {
    fn end(self, delivery: &Delivery) -> End {
        let health = match self.cause {
            Cause::Misconfigured => Health::Unknown,
            _ => Health::Down { retry_after: None },
        };
        End { health, again: self.again, ..unsent(delivery, self.cause, self.detail) }
    }
}

impl Prepared {
    /// One request and its answer.
    async fn attempt(
        &self,
        delivery: &Delivery,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let mut connection = match self.pool.take().await {
            Some(connection) => connection,
            None => self.connect(delivery, deadline).await?,
        };
        let request = self.template.request(headers.clone(), delivery);
        let response = match timeout_at(deadline, connection.exchange(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(no)) => {
                let stale = no.silent && connection.earlier > 0;
                if stale {
                    self.pool.clear();
                }
                let again = if stale { Again::Now } else { Again::No };
                return Err(Fault { cause: Cause::Reset, detail: no.detail, again });
            }
            Err(_) => {
                let detail = "no answer in time".to_owned();
                return Err(Fault { cause: Cause::Timeout, detail, again: Again::No });
            }
        };
        let answer = Answer::read(&mut connection, response, deadline).await;
        if answer.end == answer::End::Framed {
            self.pool.put(connection, &answer.headers).await;
        }
        Ok(answer)
    }

    async fn connect(&self, delivery: &Delivery, deadline: Instant) -> Result<Connection, Fault> {
        let deadline = deadline.min(Instant::now() + delivery.timeouts.connect);
        let stream = self.connector.connect(deadline).await?;
        let broken = |error: hyper::Error| Fault::connect(Cause::Unreachable, error.to_string());
        Connection::new(stream).await.map_err(broken)
    }
}
