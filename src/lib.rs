//! Mailchute: the front door for mail in a Kubernetes cluster. This page is the guide to its code.
//!
//! ```text
//!      SMTP                                                              HTTP, NATS, SMTP, LMTP
//!  ───────────▶ server ──▶ smtp (engine) ──▶ pipeline ──▶ backend ───────────▶ application
//!  ◀─────────── 250 / 4xx / 5xx ◀──────────── outcome ◀── receipt ◀───────────
//!                                               ▲
//!      manifests ──▶ source ──▶ compile ──▶ plan (policy, route)
//! ```
//!
//! # The life of a message
//!
//! 1. [`server`] accepts a connection, takes a place in its limits, and starts one task that moves
//!    bytes and decides nothing.
//! 2. [`smtp`] is the protocol engine: bytes and answers in, actions out. No socket, no clock.
//!    Whatever only the outside can know it asks: `Ask(Sender)`, `Ask(Recipient)`, `Ask(Message)`.
//! 3. [`pipeline`] answers. A recipient is looked up in the [`route`] table and the lists of
//!    [`policy`], and where a policy says so [`lookup`] asks a service; the first one opens the
//!    transaction's delivery group. A relay is asked about each of them, in a conversation of [`backend`]
//!    that runs beside the client's. Octets of the message go to [`mail::Body`], within a byte budget.
//! 4. When the final dot was read, [`stamp`] writes the trace fields and names the message across
//!    retries; [`backend`] delivers it and gives back a receipt or a failure for each recipient.
//! 5. `pipeline::outcome` turns those into the reply, over LMTP and PRDR into one for each recipient. It
//!    is the only place that says `250` to a message. `pipeline::notify` tells the sender what a reply can't.
//!
//! # The life of a configuration
//!
//! YAML → [`api`] objects ([`source`]) → [`compile`], pure and whole every time → [`plan`] and findings
//! → `pipeline::Serving`, the plan with its live backends, swapped as one → each transaction reads it
//! once, at MAIL.
//!
//! In a cluster the controller selects the objects of each gateway and sends them to its front-ends
//! ([`source::wire`], [`source::remote`]), which go on as from files.
//!
//! # Rooms
//!
//! Pure rooms have no I/O, clock, environment, randomness or log: [`mail`] (vocabulary), [`smtp`],
//! [`route`], [`sasl`], [`policy`], [`plan`], [`stamp`], [`api`], [`compile`], [`status`]. The others are
//! edges: [`server`], [`pipeline`], [`backend`], [`lookup`], [`client`], [`source`], [`controller`], [`admin`],
//! [`export`], [`inbox`], [`commands`]. [`metrics`] and
//! [`telemetry`] are for edges only. Who may import whom is held by `tests/tidy.rs`.
//!
//! # Invariants
//!
//! | | what always holds | held by |
//! | --- | --- | --- |
//! | 1 | `250` after data has one call site, and only when every recipient it speaks for is confirmed by its backend, or its sender was told of its refusal by a notification that the relay has | `tests/tidy/reply.rs`, `pipeline::outcome`, `tests/wire/lmtp.rs`, `tests/http/*`, `tests/relay/*`, `tests/chaos/*`, `tests/nats/chaos.rs`, `tests/cluster/rollout.rs` |
//! | 2 | after a `4xx` or `5xx` to data nothing of ours keeps running for that message | `tests/http/cap.rs`, `client::http::http2`, `tests/http/http2.rs`, `client::nats`, `tests/nats/outage.rs`, `client::smtp::session`, `tests/relay/broken.rs` |
//! | 3 | a backend receives our prefix and then exactly the octets sent, less whole fields that are named | `tests/byte_exact.rs`, `stamp::tests`, `tests/relay/faithful.rs` |
//! | 4 | data ends only at CRLF `.` CRLF, or after the announced octets | `tests/smtp/smuggling_*` |
//! | 5 | memory for messages never exceeds the byte budget, and an idle connection holds little | `tests/wire/memory.rs`, `pipeline::budget`, `tests/bench/load` |
//! | 6 | nothing that a peer declares is allocated before it arrives | `tests/smtp/bdat_*`, `smtp::line` |
//! | 7 | no panic on input; a panic in one connection answers `421` there and nowhere else | `server::guard` |
//! | 8 | an unknown or missing configuration answers `451`; only a compiled decision answers `5xx` | `tests/compile`, `pipeline::recipient` |
//! | 9 | a recipient is taken only where its domain is delegated to the namespace of the rule | `tests/compile/delegation.in.yaml`; nobody is an open relay: `tests/relay/open_relay.rs` |
//! | 10 | plaintext behind STARTTLS is never executed, nor what stands behind a line of AUTH | `tests/smtp/starttls_*`, `tests/smtp/auth_*` |
//! | 11 | every await on a peer has a deadline | `server::socket`, `client::http`, `client::nats`, `client::smtp::link`, `tests/http/broken_answers.rs`, `tests/relay/broken.rs` |
//! | 12 | no content, credential or token is ever logged | `plan::Secret`, `api::Object`, `sasl::Attempt`, `stamp::token::Seal`, `tests/wire/auth.rs`, `tests/snapshots/secrets.rs` |
//! | 13 | whatever becomes of the controller, and whatever it sends, the last good configuration is served | `source::remote`, `tests/snapshots/*`, `tests/cluster/leader/*` |

pub mod admin;
pub mod api;
pub mod backend;
pub mod cli;
pub mod client;
pub mod commands;
pub mod compile;
pub mod controller;
pub mod export;
#[doc(hidden)]
pub mod fuzz;
pub mod inbox;
pub mod lookup;
pub mod mail;
pub mod metrics;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod route;
pub mod sasl;
pub mod server;
pub mod smtp;
pub mod source;
pub mod stamp;
pub mod status;
pub mod telemetry;
