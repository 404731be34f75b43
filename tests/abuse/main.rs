//! What hostile clients, proxies and backends can do to the real program: memory stays within what is
//! stated, other sessions keep their latency, the right reply is given, the right violation is counted.
//!
//! The short form has smaller numbers, so that it may run with the other tests.
//! `MAILCHUTE_ABUSE=long` has those that the program is held to. Each prints what it measured.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod chunks;
mod churn;
mod first_octets;
mod flood;
mod idle;
mod lines;
mod memory;
mod probe;
mod silence;
mod stage;
#[path = "../support/mod.rs"]
mod support;

/// `short`, or `long` in the long form.
fn scale<T>(short: T, long: T) -> T {
    if std::env::var_os("MAILCHUTE_ABUSE").is_some_and(|form| form == "long") { long } else { short }
}
