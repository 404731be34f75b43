//! Entries as programs are shown them: JSON shapes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::content::Content;
use super::entry::Entry;
use crate::pipeline::account::{Account, Who};

/// One line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    id: &'a str,
    /// Where a list goes on: `before`.
    place: u64,
    time: &'a str,
    mail_from: &'a str,
    rcpt_to: &'a [String],
    subject: &'a str,
    size: Option<usize>,
    route: Option<&'a str>,
    /// What became of it, where the front-end tells.
    outcome: Option<&'static str>,
    /// The code of the reply.
    code: Option<u16>,
    repeat: bool,
    deliveries: u32,
}

impl<'a> Summary<'a> {
    pub(super) fn of(entry: &'a Entry) -> Self {
        let event = entry.event();
        Self {
            id: &entry.id,
            place: entry.place,
            time: &entry.time,
            mail_from: &entry.sender,
            rcpt_to: &entry.recipients,
            subject: &entry.subject,
            size: entry.size,
            route: entry.route(),
            outcome: event.map(|event| event.outcome.as_str()),
            code: event.and_then(|event| event.code),
            repeat: entry.repeat,
            deliveries: entry.deliveries,
        }
    }
}

/// All of one message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    /// Attributes of the event that was posted.
    event: Option<&'a BTreeMap<String, String>>,
    /// Fields of the request that it was posted by.
    request: Vec<Field<'a>>,
    /// How it came, and which way it went.
    account: Option<Value>,
    #[serde(flatten)]
    content: &'a Content,
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Whole<'a> {
    pub(super) fn of(entry: &'a Entry, content: &'a Content) -> Self {
        let mail = entry.mail.as_deref();
        let headers = mail.map(|mail| mail.headers.as_slice()).unwrap_or_default();
        Self {
            summary: Summary::of(entry),
            event: mail.map(|mail| &mail.event),
            request: headers.iter().map(|(name, value)| Field { name, value }).collect(),
            account: entry.account().map(account),
            content,
        }
    }
}

fn account(account: &Account) -> Value {
    let recipients = account.recipients.iter().map(|recipient| {
        let policies = recipient
            .policies
            .iter()
            .map(|of| json!({ "policy": of.policy.to_string(), "block": of.block, "target": of.target }));
        json!({
            "original": recipient.original.to_string(),
            "rewritten": recipient.rewritten.as_ref().map(ToString::to_string),
            "route": recipient.route,
            "rule": recipient.rule,
            "why": recipient.why,
            "policies": policies.collect::<Vec<_>>(),
            "receipt": recipient.outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()),
            "failure": recipient.outcome.as_ref().and_then(|outcome| outcome.as_ref().err()),
        })
    });
    let delivery = account.delivery.as_ref().map(|delivery| {
        let attempts = delivery
            .attempts
            .iter()
            .map(|attempt| json!({ "tookMs": millis(attempt.took), "answer": attempt.answer }));
        json!({
            "kind": delivery.kind,
            "target": delivery.target,
            "attempts": attempts.collect::<Vec<_>>(),
            "tookMs": millis(delivery.took),
            "traceId": delivery.trace_id,
        })
    });
    let transcript = account
        .transcript
        .iter()
        .map(|line| json!({ "atMs": millis(line.at), "who": who(line.who), "text": line.text }));
    json!({
        "gateway": account.gateway,
        "client": SocketAddr::new(account.client.address, account.client.port),
        "clientName": account.client_name,
        "tls": account.tls.as_ref().map(|tls| json!({ "version": tls.version, "cipher": tls.cipher })),
        "recipients": recipients.collect::<Vec<_>>(),
        "delivery": delivery,
        "replies": account.replies,
        "transcript": transcript.collect::<Vec<_>>(),
    })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Client => "client",
        Who::Server => "server",
        Who::Note => "note",
    }
}
