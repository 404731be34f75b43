//! The chart, as both Helms render it: what comes out for whom, that it is what it promises to be, and which
//! values are refused. How it does in a cluster is shown by the crate `cluster`.
//!
//! Needs what `tests/tools/build` builds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod alerts;
mod build;
mod conform;
mod dashboards;
mod documents;
mod expression;
#[path = "../support/golden.rs"]
mod golden;
mod helm;
mod lint;
mod notes;
mod promises;
mod renders;
mod schema;
#[path = "../cluster/harness/tools.rs"]
#[allow(dead_code, reason = "others need the rest of it")]
mod tools;
mod typos;
