//! What a relay's words mean for a message. Pure.
//!
//! | what came | outcome |
//! | --- | --- |
//! | `2xx` to the message | receipt, with its text |
//! | `4xx` to MAIL, RCPT or the message | its own words: [`Cause::Verdict`]; `421`: [`Cause::Busy`] |
//! | `5xx` to RCPT or the message | its own words: [`Cause::Verdict`] |
//! | `5xx` to MAIL that is about the sender or the message | its own words |
//! | `5xx` that is about us: syntax, sequence, AUTH, TLS; at MAIL whatever it says of security, system or network; at RCPT that it does not relay for us | [`Cause::Misconfigured`] |
//! | a refusal of the connection, of EHLO, STARTTLS or AUTH | `4xx` [`Cause::Busy`], else [`Cause::Misconfigured`] |
//! | no STARTTLS, no connection, no TLS | [`Cause::Unreachable`] |
//! | it breaks, it is late | [`Cause::Reset`], [`Cause::Timeout`] |
//! | no SMTP | [`Cause::Failed`] |
//!
//! A relay that does not let *us* in must not bounce mail, so whatever may be about us is `451`.

use crate::backend::delivery::{Cause, Failure, Receipt};
use crate::backend::word::{CODES, Clean, enhanced};
use crate::client::circuit::Health;
use crate::client::smtp::{CLOSING, Fault, Obstacle, Reply, Stage, Trouble, Unable};
use crate::smtp::reply::{self, Class, Enhanced};

#[cfg(test)]
mod tests;

/// Octets of one line of a relay's text that are told.
const MAX_TEXT: usize = 400;
/// Lines of a relay's text that are told.
const MAX_LINES: usize = 8;

/// What a relay's `2xx` to the message tells.
pub(super) fn receipt(reply: &Reply, utf8: bool) -> Receipt {
    let first = reply.lines.first().map(String::as_str).unwrap_or_default();
    let text = Clean { utf8 }.cut(split(first).1, MAX_TEXT);
    Receipt { queue_id: None, text: Some(text).filter(|text| !text.is_empty()), notifies: false }
}

/// Why there is no receipt.
pub(super) fn failure(trouble: &Trouble, utf8: bool) -> Failure {
    match trouble {
        Trouble::Fault(fault) => Failure { cause: of_fault(fault), reply: None, detail: fault.to_string() },
        Trouble::Unopened(obstacle) => unopened(obstacle, utf8),
        Trouble::Refused { stage, reply } => refused(*stage, reply, utf8),
    }
}

/// Why nothing was said.
pub(super) fn unable(unable: Unable) -> Failure {
    let (reply, detail) = match unable {
        Unable::Utf8 => (reply::NOT_INTERNATIONAL, "the relay has no SMTPUTF8"),
        Unable::EightBit => (reply::NOT_CONVERTED, "the relay has no 8BITMIME"),
        Unable::Binary => (reply::NOT_CONVERTED, "the relay has no BINARYMIME"),
        Unable::Large => (reply::TOO_LARGE, "larger than the relay takes"),
        Unable::BareNewline => (reply::BARE_NEWLINE, "a bare CR or LF, which no relay is sent"),
    };
    Failure { cause: Cause::Verdict, reply: Some(reply), detail: detail.to_owned() }
}

/// What it shows of the relay. Whoever does not let us in can't be sent anything, so that counts too.
pub(super) fn health(trouble: &Trouble) -> Health {
    match trouble {
        Trouble::Fault(Fault::Forbidden(_)) => Health::Unknown,
        Trouble::Fault(_) | Trouble::Unopened(_) => Health::Down { retry_after: None },
        // What it says of a message by 4.7.x is no word on itself.
        Trouble::Refused { stage: Stage::Message, reply }
            if matches!(said(reply), Some(Enhanced { subject: 7, .. })) =>
        {
            Health::Alive
        }
        Trouble::Refused { reply, .. } if reply.code == CLOSING => Health::Down { retry_after: None },
        Trouble::Refused { .. } => Health::Alive,
    }
}

fn of_fault(fault: &Fault) -> Cause {
    match fault {
        Fault::Forbidden(_) => Cause::Misconfigured,
        Fault::Connect(_) | Fault::Tls(_) => Cause::Unreachable,
        Fault::LateConnect(_) | Fault::Late(_) => Cause::Timeout,
        Fault::Broken(_) => Cause::Reset,
        Fault::NotSmtp(_) => Cause::Failed,
    }
}

fn unopened(obstacle: &Obstacle, utf8: bool) -> Failure {
    let (cause, detail) = match obstacle {
        Obstacle::Refused { stage, reply } => {
            let transient = reply.class() == Class::Transient;
            let cause = if transient { Cause::Busy } else { Cause::Misconfigured };
            (cause, told(stage, reply, utf8))
        }
        Obstacle::Unexpected { stage, reply } => (Cause::Failed, told(stage, reply, utf8)),
        Obstacle::NotOffered(what) if *what == "STARTTLS" => {
            (Cause::Unreachable, "the relay does not offer STARTTLS".to_owned())
        }
        Obstacle::NotOffered(what) => (Cause::Misconfigured, format!("the relay does not offer {what}")),
        Obstacle::Silence(fault) => (of_fault(fault), fault.to_string()),
    };
    Failure { cause, reply: None, detail }
}

fn refused(stage: Stage, reply: &Reply, utf8: bool) -> Failure {
    let detail = told(stage.name(), reply, utf8);
    if reply.class() == Class::Permanent && is_about_us(stage, reply) {
        return Failure { cause: Cause::Misconfigured, reply: None, detail };
    }
    let cause = if reply.code == CLOSING { Cause::Busy } else { Cause::Verdict };
    Failure { cause, reply: Some(own_words(reply, utf8)), detail }
}

/// RFC 5321 §4.2.3, RFC 4954 §6, RFC 3207 §4, RFC 7504: syntax and sequence, parameters, AUTH and TLS, a
/// host that takes no mail. At MAIL also what is said of its system (RFC 3463 §3.4), of the network, of
/// the protocol or of security: whom to relay for is between the relay and us. Most mail servers say that at
/// RCPT only (Postfix: `smtpd_delay_reject`), by 5.7.0, 5.7.1 or, Exchange, 5.7.54; who does not exist is 5.1.1.
fn is_about_us(stage: Stage, reply: &Reply) -> bool {
    let subject = said(reply);
    let about_us = match (stage, subject) {
        (Stage::Mail, Some(Enhanced { subject: 3, detail: 4 })) => false,
        (Stage::Mail, Some(Enhanced { subject, .. })) => matches!(subject, 3 | 4 | 5 | 7),
        (Stage::Recipient, Some(Enhanced { subject: 7, detail })) => matches!(detail, 0 | 1 | 54),
        _ => false,
    };
    about_us || matches!(reply.code, 500..=504 | 521 | 530 | 534 | 535 | 538 | 555)
}

/// The enhanced code of a reply.
fn said(reply: &Reply) -> Option<Enhanced> {
    reply.lines.first().and_then(|line| split(line).0).map(|(_, enhanced)| enhanced)
}

/// Its words as a reply of ours: one that does not end the session, with a code that every client knows.
fn own_words(reply: &Reply, utf8: bool) -> reply::Reply {
    let code = match (reply.code, reply.class()) {
        (code, _) if CODES.contains(&code) && code != CLOSING => code,
        (_, Class::Permanent) => 550,
        _ => 451,
    };
    let clean = Clean { utf8 };
    let lines: Vec<String> =
        reply.lines.iter().take(MAX_LINES).map(|line| clean.cut(split(line).1, MAX_TEXT)).collect();
    let text = lines.join("\n");
    let text = if text.trim().is_empty() { "Not accepted".to_owned() } else { text };
    let said = reply.lines.first().and_then(|line| split(line).0);
    let agreed = said.filter(|(class, _)| *class == code / 100).map(|(_, enhanced)| enhanced);
    // A code of 4 or 5 hundred is one of a whole answer.
    reply::Reply::from_parts(code, agreed, text).unwrap_or(reply::BACKEND_FAILED)
}

/// The enhanced code that a line begins with, and the rest of it.
fn split(line: &str) -> (Option<(u16, Enhanced)>, &str) {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    match enhanced(first) {
        Some(code) => (Some(code), rest.trim_start()),
        None => (None, line),
    }
}

/// For the log.
fn told(stage: &str, reply: &Reply, utf8: bool) -> String {
    let last = reply.lines.last().map(String::as_str).unwrap_or_default();
    format!("{stage} was answered {} {}", reply.code, Clean { utf8 }.cut(last, MAX_TEXT))
}
