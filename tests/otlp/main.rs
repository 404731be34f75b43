//! Traces, metrics and logs by OTLP, from the real program into a real OpenTelemetry collector, which hands on what
//! it took; and what becomes of mail where there is none that takes it, or one that is slow.
//!
//! `tests/tools/build otelcol` builds the collector.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod collector;
mod figures;
mod guarded;
mod last;
mod outage;
mod refused;
mod series;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod trace;
