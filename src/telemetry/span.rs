//! The spans, the names of their fields, and the traces they belong to.
//!
//! ```text
//! smtp.session ─┬─ smtp.command (EHLO, AUTH, MAIL)
//!               └─ smtp.transaction ─┬─ smtp.command (RCPT) ─┬─ policy.<check>
//!                                    │                       └─ delivery.recipient
//!                                    └─ smtp.command (DATA, MESSAGE) ─── delivery <kind> ─▶ traceparent
//! ```
//!
//! Spans are at debug: log lines say all that is needed without them, and what nobody records costs nothing.
//! Fields that begin with `otel.` name the span and say what it is, for an exporter.

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{SpanId, TraceId};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::backend::TraceContext;
use crate::mail::Client;
use crate::plan::Backend;

/// The span of one connection.
pub fn session_span(listener: &str, client: Client) -> Span {
    tracing::debug_span!(
        "smtp.session", otel.kind = "server", listener, client.address = %client.address,
        client.port = client.port, tls.version = Empty, outcome = Empty
    )
}

/// The span of one transaction, from MAIL to the reply that ends it. `transaction` is recorded once the message
/// has a name.
pub fn transaction_span(session: &Span) -> Span {
    tracing::debug_span!(parent: session, "smtp.transaction", transaction = Empty)
}

/// The span of one command, from where it was read to its reply, which its `command` and `code` are recorded at.
pub fn command_span(within: &Span) -> Span {
    tracing::debug_span!(parent: within, "smtp.command", command = Empty, code = Empty)
}

/// The span of one check; its `outcome` is recorded where it is known.
pub fn policy_span(check: &'static str) -> Span {
    tracing::debug_span!(
        "policy",
        otel.name = format!("policy.{check}"),
        otel.status_code = Empty,
        check,
        outcome = Empty
    )
}

/// A check has come to no result.
pub fn check_failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// The span of one delivery, which the backend is told of, see [`trace`].
pub fn delivery_span(backend: &Backend) -> Span {
    let kind = backend.target.kind();
    tracing::debug_span!(
        "delivery", otel.name = format!("delivery {kind}"), otel.kind = "client", otel.status_code = Empty, kind,
        backend = %backend.label, cause = Empty
    )
}

/// A delivery has failed by such a cause, or a relay has not taken one of its recipients.
pub fn delivery_failed(span: &Span, cause: &'static str) {
    span.record("otel.status_code", "ERROR");
    span.record("cause", cause);
}

/// The span of one recipient that a relay is told of, before there is a delivery.
pub fn relay_span(backend: &Backend) -> Span {
    let kind = backend.target.kind();
    tracing::debug_span!(
        "delivery.recipient", otel.kind = "client", otel.status_code = Empty, kind, backend = %backend.label,
        cause = Empty
    )
}

/// What a span is to others: its ids where it goes to a collector, else those of a trace that nobody records.
///
/// An incoming message's own header is never taken for a parent.
pub fn trace(span: &Span) -> TraceContext {
    let context = span.context();
    let recorded = context.span().span_context().clone();
    if !recorded.is_valid() {
        return new_trace();
    }
    TraceContext {
        trace_id: recorded.trace_id(),
        span_id: recorded.span_id(),
        sampled: recorded.is_sampled(),
    }
}

/// A new trace with the span that begins it, not sampled: nobody records it.
pub fn new_trace() -> TraceContext {
    // W3C Trace Context §3.2.2.3: "All bytes as zero is considered an invalid value."
    let trace_id = TraceId::from_bytes(rand::random_range(1..=u128::MAX).to_be_bytes());
    let span_id = SpanId::from_bytes(rand::random_range(1..=u64::MAX).to_be_bytes());
    TraceContext { trace_id, span_id, sampled: false }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, Registry};

    use super::*;

    #[test]
    fn without_a_collector_each_delivery_is_a_trace_of_its_own() {
        let (one, other) = (trace(&Span::none()), trace(&Span::none()));
        assert_ne!(one.trace_id, other.trace_id);
        let header = one.traceparent();
        assert!(header.starts_with("00-") && header.ends_with("-00") && header.len() == 55, "{header}");
    }

    #[test]
    fn with_one_a_delivery_belongs_to_the_trace_of_its_session() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![layer.boxed()];
        tracing::subscriber::with_default(Registry::default().with(layers), || {
            let session = tracing::debug_span!("smtp.session");
            let transaction = transaction_span(&session);
            let command = command_span(&transaction);
            let delivery = command.in_scope(|| tracing::debug_span!("delivery"));
            let (root, leaf) = (trace(&session), trace(&delivery));
            assert_eq!(root.trace_id, leaf.trace_id);
            assert_ne!(root.span_id, leaf.span_id);
            assert!(leaf.sampled && leaf.traceparent().ends_with("-01"), "{}", leaf.traceparent());
        });
    }
}
