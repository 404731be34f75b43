//! The message is complete: read its header, stamp it, deliver it, answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tracing::{Instrument, Span};

use super::notify::Notices;
use super::outcome::{self, Settled, Telling};
use super::recipient;
use super::session::{Dropped, Session};
use super::transaction::Transaction;
use crate::backend::{Cause, Conversation, Delivery, Live, Notifier, Outcome, SessionFacts, Share};
use crate::mail::body::Message;
use crate::mail::header::Header;
use crate::mail::{Envelope, Greeting, GreetingName, Protocol, Recipient, TransactionId};
use crate::metrics::MessageOutcome;
use crate::plan::{Bounces, Deliver, Profile, Rule};
use crate::policy::bounce::is_answer;
use crate::smtp::Answer;
use crate::smtp::reply::{self, Reply};
use crate::stamp::token::{self, Token};
use crate::stamp::{self, Stamping, dedupe};
use crate::telemetry;

/// Received fields from which on a message is taken to loop (RFC 5321 §6.3: "at least 100").
const MAX_RECEIVED: usize = 100;
/// Received fields by ourselves from which on a message is taken to loop.
const MAX_RECEIVED_HERE: usize = 5;

impl Session {
    /// Delivers the message of the transaction; its `250` says that the backend has it.
    /// Dropped before it is done, it ends what is under way.
    pub async fn message(&mut self) -> Answer {
        // The moment stamped is the moment the final dot was read, taken once.
        let (received_at, started) = (SystemTime::now(), Instant::now());
        let moment = Moment { id: TransactionId::new(received_at, rand::random()), received_at, started };
        let Some(mut transaction) = self.transaction.take() else {
            return Answer::Refuse(reply::NO_RECIPIENTS);
        };
        transaction.span.record("transaction", tracing::field::display(moment.id));
        let message = std::mem::take(&mut transaction.body).finish();
        self.door.metrics.message_bytes(message.len());
        // Who drops this, or panics in it, finds what there is to tell.
        self.dropped = self.unanswered(&transaction, message.len(), moment.id);
        let answer = self.settled(&mut transaction, &message, &moment).await;
        self.dropped = None;
        answer
    }

    /// A message that is complete, in case that it gets no answer.
    fn unanswered(&self, transaction: &Transaction, size: usize, id: TransactionId) -> Option<Dropped> {
        let report = self.door.feed.is_watched().then(|| {
            let mut report = self.of(transaction, &transaction.recipients, MessageOutcome::Abandoned);
            (report.event.id, report.event.size) = (Some(id), Some(size));
            Box::new(report)
        });
        let route = Arc::clone(transaction.route()?);
        Some(Dropped { route, begun: true, id: Some(id), report })
    }

    async fn settled(&mut self, transaction: &mut Transaction, message: &Message, moment: &Moment) -> Answer {
        match self.prepare(transaction, message, moment) {
            Ok(prepared) => self.deliver(prepared, moment).await,
            Err(reply) => {
                let outcome = outcome::label_of_ours(&reply);
                self.count_message(transaction, outcome);
                tracing::warn!(id = %moment.id, client = %self.peer.client.address, %reply, "message refused");
                self.report(|session| {
                    let mut report = session.of(transaction, &transaction.recipients, outcome);
                    (report.event.id, report.event.size) = (Some(moment.id), Some(message.len()));
                    report
                });
                Answer::Refuse(reply)
            }
        }
    }

    /// All that a delivery needs, or why there is none.
    fn prepare<'a>(
        &self,
        transaction: &'a mut Transaction,
        message: &Message,
        moment: &Moment,
    ) -> Result<Prepared<'a>, Reply> {
        let serving = &transaction.serving;
        let header = Header::read(message, &serving.plan.gateway.hostname);
        if header.received >= MAX_RECEIVED || header.received_here >= MAX_RECEIVED_HERE {
            return Err(reply::MAIL_LOOP);
        }
        let group = transaction.group.as_ref().ok_or(reply::NO_RECIPIENTS)?;
        let (rule, deliver) = recipient::usable(&serving.plan, group.rule).ok_or(reply::MISCONFIGURED)?;
        let live = serving.backend(group.backend).ok_or(reply::MISCONFIGURED)?;
        let recipients = std::mem::take(&mut transaction.recipients);
        let conversation = transaction.group.as_mut().and_then(|group| group.conversation.take());
        let transaction = &*transaction;
        let span = telemetry::delivery_span(live.backend());
        let delivery = span
            .in_scope(|| self.delivery(transaction, recipients, moment, (rule, deliver), (&header, message)));
        let notifier = serving.notifier().map(Arc::as_ref);
        Ok(Prepared { transaction, rule, live, delivery, span, conversation, notifier })
    }

    async fn deliver(&mut self, prepared: Prepared<'_>, moment: &Moment) -> Answer {
        let Prepared { transaction, rule, live, delivery, span, conversation, notifier } = prepared;
        let (telling, vouched) = (transaction.telling(), transaction.vouched);
        let outcomes = hand_over(live, (&delivery, span), conversation, telling).await;
        let settled = match notifier {
            None => Settled::default(),
            Some(notifier) => {
                let backend = live.backend();
                Notices { notifier, backend, vouched, telling }.settle(&delivery, &outcomes).await
            }
        };
        let recipients = delivery.envelope.recipients.len();
        let told = outcome::tell((&outcomes, &settled), recipients, telling, delivery.id);
        self.door.metrics.message(&rule.route_label, told.outcome);
        let took = moment.started.elapsed();
        tracing::info!(
            id = %delivery.id, client = %self.peer.client.address, listener = &*self.door.listener,
            route = &*rule.route_label, backend = &*live.backend().label, size = delivery.message.len(),
            recipients, confirmed = told.confirmed, code = told.code,
            outcome = told.outcome.as_str(), trace_id = %delivery.trace.trace_id,
            took_ms = milliseconds(took), "message"
        );
        self.delivered(transaction, (&delivery, &outcomes), &told, took);
        told.answer
    }

    fn delivery(
        &self,
        transaction: &Transaction,
        recipients: Vec<Recipient>,
        moment: &Moment,
        (rule, deliver): (&Rule, &Deliver),
        (header, message): (&Header, &Message),
    ) -> Delivery {
        let gateway = &transaction.serving.plan.gateway;
        let session = self.facts();
        let envelope = transaction.envelope(recipients);
        let stamping = Stamping {
            hostname: &gateway.hostname,
            client: session.client.address,
            client_name: session.client_name.as_deref(),
            greeting: &session.greeting,
            tls: session.tls.as_deref(),
            authenticated: session.login.is_some(),
            id: moment.id,
            received_at: moment.received_at,
            envelope: &envelope,
            header,
            options: stamped(transaction, gateway.stamp),
            fields: &deliver.filters.fields,
        };
        let stamped = stamping.stamp(message);
        let dedupe_key = dedupe::key(&rule.group, &envelope, header, message, moment.id);
        let bounce_token = Self::bounce_token(transaction, &envelope, moment, message);
        Delivery {
            id: moment.id,
            received_at: moment.received_at,
            prefix: stamped.prefix,
            message: stamped.message,
            envelope,
            session: Arc::new(session),
            route: Arc::clone(&rule.route_label),
            message_id: stamped.message_id,
            dedupe_key,
            trace: telemetry::trace(&Span::current()),
            timeouts: deliver.timeouts,
            bounce_token,
            deadline: moment.started + deliver.timeouts.total,
            retry: deliver.retry,
            attempts: self.is_narrated().then(Arc::default),
        }
    }

    /// What the backend gives back to have the sender told; none for a relay, which tells it itself.
    fn bounce_token(
        transaction: &Transaction,
        envelope: &Envelope,
        moment: &Moment,
        message: &Message,
    ) -> Option<String> {
        let notifier = transaction.serving.notifier()?;
        if transaction.target()?.is_relay() {
            return None;
        }
        let token = Token {
            id: moment.id,
            received_at: moment.received_at,
            reverse_path: envelope.reverse_path.clone(),
            vouched: transaction.vouched,
            answer: is_answer(message),
            envelope_id: envelope.dsn.envelope_id.clone(),
            header: token::excerpt(message),
            recipients: envelope.recipients.clone(),
        };
        let Bounces { seal, gateway, .. } = notifier.plan();
        Some(token.seal(seal, gateway, rand::random()))
    }

    fn facts(&self) -> SessionFacts {
        let greeting = self
            .greeting
            .as_deref()
            .cloned()
            .unwrap_or(Greeting { protocol: Protocol::Smtp, name: GreetingName::Other([].into()) });
        SessionFacts {
            source: Arc::clone(&self.door.source),
            client: self.peer.client,
            client_name: self.peer.name().cloned(),
            greeting,
            tls: self.peer.tls().cloned(),
            login: self.peer.login().cloned(),
        }
    }
}

/// A message ready to go.
struct Prepared<'a> {
    transaction: &'a Transaction,
    rule: &'a Rule,
    live: &'a Live,
    delivery: Delivery,
    /// That of the delivery.
    span: Span,
    /// With a relay that has taken the recipients.
    conversation: Option<Box<Conversation>>,
    notifier: Option<&'a Notifier>,
}

/// When and as what the message came.
struct Moment {
    id: TransactionId,
    received_at: SystemTime,
    started: Instant,
}

/// As a number: JSON has none of 128 bits.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 5321 §4.4: the return path is added where a message leaves the world of SMTP, which a relay is part
/// of; and §6.4, RFC 6409 §8: what is missing in a message is added for those who submit it, not on its way.
fn stamped(transaction: &Transaction, options: stamp::Options) -> stamp::Options {
    if transaction.target().is_none_or(|target| !target.is_relay()) {
        return options;
    }
    let submitted = transaction.listener.profile == Profile::Submission;
    let (message_id, date) = (options.message_id && submitted, options.date && submitted);
    stamp::Options { return_path: false, message_id, date }
}

async fn hand_over(
    live: &Live,
    (delivery, span): (&Delivery, Span),
    conversation: Option<Box<Conversation>>,
    telling: Telling,
) -> Vec<Outcome> {
    let share = match telling {
        Telling::Once => Share::All,
        Telling::Each => Share::Each,
    };
    let outcomes = match conversation {
        Some(conversation) => live.conclude(*conversation, delivery, share).instrument(span.clone()).await,
        None => live.deliver(delivery).instrument(span.clone()).await,
    };
    if let Some(Err(failure)) = outcomes.iter().find(|outcome: &&Outcome| outcome.is_err()) {
        let (id, backend, cause) = (delivery.id, &live.backend().label, failure.cause);
        let detail = &*failure.detail;
        telemetry::delivery_failed(&span, cause.as_str());
        // A verdict is the application's decision and no trouble of ours.
        if cause == Cause::Verdict {
            tracing::debug!(%id, %backend, detail, "not accepted by the backend");
        } else {
            tracing::warn!(%id, %backend, cause = cause.as_str(), detail, "delivery failed");
        }
    }
    outcomes
}
