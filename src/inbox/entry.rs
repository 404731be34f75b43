//! One transaction as the inbox knows it: what was posted of it, and what the front-end tells of it.

use std::sync::Arc;

use bytes::Bytes;

use super::mail::{self, Mail};
use crate::mail::ReversePath;
use crate::metrics::MessageOutcome;
use crate::pipeline::account::{Account, DeliveryAccount, PIECE, texts};
use crate::pipeline::feed::{Event, Told};

/// What is known of a transaction. An entry never changes: another takes its place in the store.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The transaction, as the reply to the sender names it; what never became a message has one of ours.
    pub id: Arc<str>,
    /// When it came, in RFC 3339.
    pub time: String,
    /// MAIL FROM; `<>` for the null reverse-path.
    pub sender: String,
    /// RCPT TOs, in order.
    pub recipients: Vec<String>,
    /// How many recipients there are besides.
    pub unnamed: usize,
    /// The `Subject`, decoded (RFC 2047), its beginning where it is very long; empty where there is none.
    pub subject: String,
    /// Octets of the message, if it came so far; it may have been refused then, and not be kept.
    pub size: Option<usize>,
    /// Its octets: as they were posted, or else as the backend was handed them.
    pub raw: Option<Bytes>,
    /// What was posted to this inbox.
    pub(super) mail: Option<Arc<Mail>>,
    /// What the front-end of this process tells of it.
    pub(super) told: Option<Told>,
    /// Whether its dedupe key was here before.
    pub(super) repeat: bool,
    /// How often this very event was posted.
    pub(super) deliveries: u32,
    /// Its place in the list: newer ones have higher numbers.
    pub(super) place: u64,
    /// What the store had seen when it became as it is.
    pub(super) revision: u64,
    /// What a search looks at, in lower case.
    haystack: Arc<str>,
}

impl Entry {
    /// One that was posted, and has no place yet.
    pub(super) fn posted(mail: Mail) -> Self {
        let haystack = haystack(&mail.mail_from, &mail.rcpt_to, &mail.subject);
        Self {
            id: mail.id.as_str().into(),
            time: mail.time.clone(),
            sender: mail.mail_from.clone(),
            recipients: mail.rcpt_to.clone(),
            unnamed: 0,
            subject: mail.subject.clone(),
            size: Some(mail.raw.len()),
            raw: Some(mail.raw.clone()),
            mail: Some(Arc::new(mail)),
            told: None,
            repeat: false,
            deliveries: 1,
            place: 0,
            revision: 0,
            haystack,
        }
    }

    /// One that nobody has posted here. `id` is for one that has none.
    pub(super) fn told(told: Told, id: String) -> Self {
        let (event, raw) = (&told.event, raw(&told.account));
        let sender = match &event.sender {
            ReversePath::Null => "<>".to_owned(),
            ReversePath::Mailbox(mailbox) => mailbox.to_string(),
        };
        let recipients: Vec<String> = event.recipients.iter().map(ToString::to_string).collect();
        let subject = raw.as_deref().map(mail::subject).unwrap_or_default();
        Self {
            id: event.id.map_or(id, |id| id.to_string()).into(),
            time: mail::timestamp(event.at),
            haystack: haystack(&sender, &recipients, &subject),
            sender,
            recipients,
            unnamed: event.unnamed,
            subject,
            size: raw.as_ref().map(Bytes::len).or(event.size),
            raw,
            mail: None,
            repeat: false,
            deliveries: 0,
            place: 0,
            revision: 0,
            told: Some(without_message(told)),
        }
    }

    /// The same, of which the front-end tells now.
    pub(super) fn and_told(&self, told: Told) -> Self {
        Self { told: Some(without_message(told)), ..self.clone() }
    }

    /// What became of it, if that is known.
    pub(super) fn event(&self) -> Option<&Event> {
        self.told.as_ref().map(|told| &*told.event)
    }

    /// What the sender was told, unless all of it was taken: `refused: 550 5.1.1 …`.
    pub fn refusal(&self) -> Option<String> {
        let event = self.event().filter(|event| event.outcome != MessageOutcome::Delivered)?;
        let code = event.code.map(|code| code.to_string());
        let told = self.reply().map(str::to_owned).or(code);
        let told = told.unwrap_or_else(|| "there was nobody to tell".to_owned());
        Some(format!("{}: {}", event.outcome.as_str(), told.replace('\n', " ")))
    }

    /// What the sender was told, or the first thing of it.
    pub(super) fn reply(&self) -> Option<&str> {
        self.account()?.replies.first().map(String::as_str)
    }

    /// What is known of its way.
    pub(super) fn account(&self) -> Option<&Account> {
        self.told.as_ref().map(|told| &*told.account)
    }

    /// `namespace/name` of the route that took it.
    pub(super) fn route(&self) -> Option<&str> {
        let of_event = self.mail.as_ref().and_then(|mail| mail.event.get("route"));
        of_event.map(String::as_str).or_else(|| self.event()?.route.as_deref())
    }

    /// The key that is the same on every retry.
    pub(super) fn dedupe_key(&self) -> Option<&str> {
        self.mail.as_ref()?.dedupe_key()
    }

    /// Whether each of these words, in lower case, stands in sender, recipients or subject, or is its outcome.
    pub(super) fn has(&self, words: &[String]) -> bool {
        let outcome = self.event().map(|event| event.outcome.as_str());
        words.iter().all(|word| self.haystack.contains(word.as_str()) || outcome == Some(word.as_str()))
    }

    /// Octets that it holds, roughly.
    pub(super) fn cost(&self) -> usize {
        /// Of the store's tables, and of the pieces that have no length of their own.
        const OVERHEAD: usize = 1024;
        let raw = self.raw.as_ref().map_or(0, Bytes::len);
        let mail = self.mail.as_ref().map_or(0, |mail| mail.cost());
        let told = self.told.as_ref().map_or(0, |told| event_cost(&told.event) + told.account.octets());
        let recipients = texts(self.recipients.iter().map(String::as_str));
        OVERHEAD + raw + mail + told + recipients + self.subject.len() + self.haystack.len()
    }
}

/// Sender, recipients and subject; no word of a search has a line break.
fn haystack(sender: &str, recipients: &[String], subject: &str) -> Arc<str> {
    [sender, &recipients.join("\n"), subject].join("\n").to_lowercase().into()
}

/// What the backend was handed, in one piece.
fn raw(account: &Account) -> Option<Bytes> {
    let DeliveryAccount { prefix, message, .. } = account.delivery.as_ref()?;
    let pieces = std::iter::once(prefix).chain(message.segments());
    let mut raw = Vec::with_capacity(prefix.len() + message.len());
    pieces.for_each(|piece| raw.extend_from_slice(piece));
    Some(raw.into())
}

/// The entry has the octets elsewhere.
fn without_message(told: Told) -> Told {
    let mut account = Arc::unwrap_or_clone(told.account);
    if let Some(delivery) = &mut account.delivery {
        (delivery.prefix, delivery.message) = Default::default();
    }
    Told { account: Arc::new(account), ..told }
}

fn event_cost(event: &Event) -> usize {
    event.recipients.iter().map(|recipient| 2 * PIECE + recipient.to_string().len()).sum()
}
