//! Which transactions somebody wants to see, and how they are shown: `GET /v1/transactions?…`. Pure.
//!
//! | parameter | what |
//! | --- | --- |
//! | `after` | the `next` of the last answer; without it, what comes from now on |
//! | `recipient`, `sender` | an address, or `@` and a domain; `<>` is the null reverse-path; of recipients the first 20 count |
//! | `client` | an address, or a network such as `192.0.2.0/24` |
//! | `outcome` | `delivered`, `partial`, `deferred`, `refused`, `rejected`, `abandoned` |
//! | `addresses=whole` | addresses as they are; else of each local part the first character alone |
//!
//! Of a parameter that is given several times any may match. What is hidden is hidden here, so that it does not leave
//! the front-end.

use std::net::IpAddr;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::mail::{AddressKey, ForwardPath, Mailbox, ReversePath};
use crate::metrics::MessageOutcome;
use crate::pipeline::feed::{Batch, Event, Stage};

#[cfg(test)]
mod tests;

/// What somebody wants to see.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Where to go on.
    pub(super) after: Option<u64>,
    recipients: Vec<Pattern>,
    senders: Vec<Pattern>,
    clients: Vec<IpNet>,
    outcomes: Vec<MessageOutcome>,
    addresses: Addresses,
}

/// How addresses are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Addresses {
    #[default]
    Redacted,
    Whole,
}

/// Which addresses.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    /// The null reverse-path.
    Null,
    /// All of a domain.
    Domain(String),
    /// One.
    Address(AddressKey),
}

impl View {
    /// What a query asks for; else what is wrong with it.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut view = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| format!("{name}: its value is not UTF-8"))?;
            view.set(name, &value).map_err(|problem| format!("{name}={value}: {problem}"))?;
        }
        Ok(view)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "after" => self.after = Some(value.parse().map_err(|_| "not a number")?),
            "recipient" => self.recipients.push(Pattern::parse(value)?),
            "sender" => self.senders.push(Pattern::parse(value)?),
            "client" => self.clients.push(network(value).ok_or("neither an address nor a network")?),
            "outcome" => {
                let outcome = MessageOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == value);
                self.outcomes.push(
                    outcome.ok_or("not one of delivered, partial, deferred, refused, rejected, abandoned")?,
                );
            }
            "addresses" if value == "whole" => self.addresses = Addresses::Whole,
            "addresses" => return Err("can only be `whole`"),
            _ => return Err("no such parameter"),
        }
        Ok(())
    }

    /// Of what was read that which is to be seen.
    pub(super) fn show(&self, batch: &Batch) -> Value {
        let seen = batch.events.iter().filter(|event| self.wants(event));
        let transactions: Vec<Value> = seen.map(|event| self.event(event)).collect();
        json!({ "next": batch.next, "missed": batch.missed, "transactions": transactions })
    }

    fn wants(&self, event: &Event) -> bool {
        let client = event.client.to_canonical();
        let recipient =
            |pattern: &Pattern| event.recipients.iter().any(|recipient| pattern.takes(mailbox(recipient)));
        any(&self.recipients, recipient)
            && any(&self.senders, |pattern| pattern.takes(sender(&event.sender)))
            && any(&self.clients, |network| network.contains(&client))
            && any(&self.outcomes, |outcome| *outcome == event.outcome)
    }

    fn event(&self, event: &Event) -> Value {
        let at = jiff::Timestamp::try_from(event.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let recipients = event.recipients.iter().map(|recipient| match recipient {
            ForwardPath::Postmaster => "postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => self.address(&mailbox.to_string()),
        });
        json!({
            "at": format!("{at:.3}"),
            "stage": match event.stage {
                Stage::Sender => "MAIL",
                Stage::Recipient => "RCPT",
                Stage::Message => "message",
            },
            "id": event.id.map(|id| id.to_string()),
            "listener": &*event.listener,
            "client": event.client.to_canonical(),
            "user": event.login.as_deref().map(|login| self.address(login)),
            "sender": match &event.sender {
                ReversePath::Null => "<>".to_owned(),
                ReversePath::Mailbox(mailbox) => self.address(&mailbox.to_string()),
            },
            "recipients": recipients.collect::<Vec<_>>(),
            "unnamed": event.unnamed,
            "route": event.route.as_deref(),
            "backend": event.backend.as_deref(),
            "size": event.size,
            "outcome": event.outcome.as_str(),
            "code": event.code,
            "tookMs": event.took.map(|took| took.as_secs_f64() * 1000.0),
        })
    }

    /// An address, or the name of a user, which often is one.
    fn address(&self, text: &str) -> String {
        if self.addresses == Addresses::Whole {
            return text.to_owned();
        }
        let (local_part, domain) = text.rsplit_once('@').map_or((text, None), |(l, d)| (l, Some(d)));
        let first = local_part.chars().next().map(String::from).unwrap_or_default();
        match domain {
            Some(domain) => format!("{first}…@{domain}"),
            None => format!("{first}…"),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if matches!(text, "" | "<>") {
            return Ok(Self::Null);
        }
        // The local part does not matter: a domain is compared as that of a mailbox is.
        let whole = if text.starts_with('@') { format!("any{text}") } else { text.to_owned() };
        let mailbox =
            Mailbox::parse(whole.as_bytes(), true).map_err(|_| "neither an address nor `@` and a domain")?;
        let key = mailbox.key().ok_or("an address of a literal can't be asked for")?;
        Ok(if text.starts_with('@') { Self::Domain(key.domain) } else { Self::Address(key) })
    }

    fn takes(&self, mailbox: Option<&Mailbox>) -> bool {
        match (self, mailbox) {
            (Self::Null, mailbox) => mailbox.is_none(),
            (_, None) => false,
            (Self::Domain(domain), Some(mailbox)) => mailbox.key().is_some_and(|key| key.domain == *domain),
            (Self::Address(address), Some(mailbox)) => mailbox.key().is_some_and(|key| key == *address),
        }
    }
}

fn mailbox(recipient: &ForwardPath) -> Option<&Mailbox> {
    match recipient {
        ForwardPath::Postmaster => None,
        ForwardPath::Mailbox(mailbox) => Some(mailbox),
    }
}

fn sender(sender: &ReversePath) -> Option<&Mailbox> {
    match sender {
        ReversePath::Null => None,
        ReversePath::Mailbox(mailbox) => Some(mailbox),
    }
}

/// Whether one of them fits, or none was asked for.
fn any<T>(asked: &[T], fits: impl Fn(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(fits)
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
