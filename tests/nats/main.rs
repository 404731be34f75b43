//! Mail into a stream of JetStream, by the real program and a real nats-server.
//!
//! `tests/tools/build nats` builds the server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod arrival;
mod chaos;
mod decentralized;
mod duplicates;
mod encrypted;
mod keys;
mod new_plan;
mod outage;
mod room;
mod server;
mod sign_in;
mod stage;
mod stream;
#[path = "../support/mod.rs"]
mod support;

/// Dots at line starts, an empty line at the end, octets that are no ASCII.
const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    From: <a@client.example>\r\nSubject: dots\r\n\r\n.one dot\r\n..two dots\r\n.\r\n\xe9\xff\x00\r\n\r\n";
