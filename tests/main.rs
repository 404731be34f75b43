//! The integration tests, one crate: what is seen from outside the library.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod accounts;
mod byte_exact;
mod compile;
mod dsn;
mod http;
mod manifests;
mod relay;
mod snapshots;
mod status;
mod support;
mod transcripts;
mod wire;
