//! Real mail software as peers: mail clients, mail servers, and the proxies that stand in front. What
//! arrives at the backend is what they were given, octet for octet. `tests/README.md` says which shows
//! what.
//!
//! They have to be installed: `tests/run` does that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod auth;
mod curl;
mod dovecot;
mod exim;
mod haproxy;
mod judge;
mod login;
mod nginx;
mod nginx_backend;
mod openssl;
mod postfix;
mod smtplib;
mod submission;
#[path = "../support/mod.rs"]
mod support;
mod swaks;
mod tls;

use std::process::Command;

/// Dots at line starts, an empty line at the end, and no field that anyone might add.
const MESSAGE: &str = "Message-ID: <peers@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    From: <a@client.example>\r\nTo: <b@example.org>\r\nSubject: dots\r\n\r\n\
    .one dot\r\n..two dots\r\n.\r\nText\r\n\r\n";

/// Runs a client that is hoped to succeed, and gives what it printed.
fn run(command: &mut Command) -> String {
    let name = command.get_program().to_owned();
    let output =
        command.output().unwrap_or_else(|error| panic!("{name:?}: {error}; `tests/run` installs it"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{name:?} failed: {}\n{text}", output.status);
    text
}
