//! What operators look at: a real Prometheus scrapes a real run, and every expression of the chart's dashboards and
//! alerts is asked of it; promtool runs the alerts over series that are written down.
//!
//! Needs `prometheus`, `promtool` and `chromium`, which `tests/run` installs, and what `tests/tools/build` builds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod alerts;
mod board;
#[path = "../otlp/collector.rs"]
#[allow(dead_code, reason = "the tests of OTLP need the rest of it")]
mod collector;
#[path = "../cluster/harness/mod.rs"]
mod harness;
mod live;
mod picture;
mod prometheus;
mod rule;
#[path = "../otlp/series.rs"]
mod series;
#[path = "../nats/server.rs"]
#[allow(dead_code, reason = "the tests of JetStream need the rest of it")]
mod server;
mod stage;
#[path = "../support/mod.rs"]
mod support;
