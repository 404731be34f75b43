//! The HTTP backend against a server that misbehaves: every row of the outcome table.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use mailchute::backend::{Cause, Delivery, Live, Outcome, Receipt, SessionFacts, TraceContext};
use mailchute::mail::body::Message;
use mailchute::mail::envelope::GreetingName;
use mailchute::mail::{
    BodyType, Client, Envelope, ForwardPath, Greeting, Mailbox, Protocol, Recipient, ReversePath,
    TransactionId,
};
use mailchute::metrics::Metrics;
use mailchute::plan::{self, ObjectName, OnPartial, Retry, Target, Timeouts};

mod answers;
mod broken_answers;
mod cap;
mod circuit;
mod http2;
mod keep_alive;
mod mutual_tls;
mod new_plan;
mod request;
mod retry;
mod tls;
mod unreachable;
mod verdicts;

/// Long enough for anything that ends by itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// The deadline of deliveries that run into it.
const SHORT: Duration = Duration::from_millis(300);

fn backend(http: plan::Http) -> plan::Backend {
    plan::Backend {
        name: ObjectName { namespace: "test".to_owned(), name: "backend".to_owned() },
        label: "test/backend".into(),
        target: Target::Http(http),
        max_in_flight: 256,
        max_message_bytes: 1 << 20,
        circuit: plan::Circuit { consecutive_failures: 20, open_for: Duration::from_secs(10) },
        responses: std::collections::BTreeMap::new(),
        per_recipient_verdicts: false,
        on_partial: OnPartial::Single,
    }
}

fn live(http: plan::Http) -> Live {
    Live::new(Arc::new(backend(http)), &Metrics::new())
}

fn delivery(recipients: &[&str]) -> Delivery {
    let recipient = |address: &&str| {
        let mailbox = Mailbox::parse(address.as_bytes(), true).unwrap();
        Recipient {
            original: ForwardPath::Mailbox(mailbox.clone()),
            rewritten: mailbox,
            dsn: Default::default(),
        }
    };
    Delivery {
        id: TransactionId::new(SystemTime::now(), [7; 10]),
        received_at: SystemTime::now(),
        prefix: Bytes::from_static(b"Received: by test\r\n"),
        message: Message::from_iter([
            Bytes::from_static(b"Subject: x\r\n\r\n"),
            Bytes::from_static(b"text\r\n"),
        ]),
        envelope: Envelope {
            reverse_path: ReversePath::Null,
            recipients: recipients.iter().map(recipient).collect(),
            body_type: BodyType::default(),
            smtputf8: false,
            dsn: Default::default(),
        },
        session: Arc::new(SessionFacts {
            source: "/mailchute/test/gateway/mx".into(),
            client: Client { address: "192.0.2.7".parse().unwrap(), port: 4321 },
            client_name: None,
            tls: None,
            login: None,
            greeting: Greeting { protocol: Protocol::Esmtp, name: GreetingName::Other((*b"x").into()) },
        }),
        route: "test/route".into(),
        message_id: None,
        bounce_token: None,
        dedupe_key: "mc1-key".to_owned(),
        trace: TraceContext {
            trace_id: opentelemetry::TraceId::from_bytes([1; 16]),
            span_id: opentelemetry::SpanId::from_bytes([2; 8]),
            sampled: false,
        },
        timeouts: Timeouts { total: PATIENCE, connect: Duration::from_secs(5) },
        deadline: Instant::now() + PATIENCE,
        retry: Retry { attempts: 0, base: Duration::from_millis(10), max: Duration::from_millis(40) },
        attempts: None,
    }
}

/// One recipient, no retries.
fn one() -> Delivery {
    delivery(&["a@example.org"])
}

/// One recipient, no retries, and little time.
fn hasty() -> Delivery {
    Delivery { deadline: Instant::now() + SHORT, ..one() }
}

fn with_retries(attempts: u32) -> Delivery {
    let mut delivery = one();
    delivery.retry.attempts = attempts;
    delivery
}

/// The outcome of a delivery to one recipient: a receipt, or cause and reply line.
type Short = Result<Receipt, (Cause, Option<String>)>;

fn short(outcome: &Outcome) -> Short {
    let outcome = outcome.clone();
    outcome.map_err(|failure| (failure.cause, failure.reply.map(|reply| reply.to_string())))
}

async fn deliver(live: &Live, delivery: &Delivery) -> Short {
    let outcomes = live.deliver(delivery).await;
    assert_eq!(outcomes.len(), 1);
    short(&outcomes[0])
}

fn accepted() -> Short {
    Ok(Receipt::default())
}

fn failed(cause: Cause) -> Short {
    Err((cause, None))
}
