//! Mailchute in a real cluster: kube-apiserver, etcd and all the rest, as `tests/tools` builds them.
//!
//! [`harness`] starts them. Most tests need a control plane alone, and share one; each of them keeps to
//! namespaces of its own. Needs root, and what `tests/run` installs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod api;
mod authority;
mod bounces;
mod chart;
mod chart_dry_run;
mod control_plane;
mod front_ends;
mod harness;
mod image;
mod leader;
mod lease;
mod node;
mod quickstart;
mod rbac;
mod rollout;
mod seen;
mod snapshots;
mod status;
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod untouched;
mod watch;
