//! A backend says afterwards whom it could not serve: the sender is told, if that may be.
//!
//! All that is known of the message stands in the token that the backend was given with it.

use std::sync::Arc;
use std::time::SystemTime;

use ring::digest::{Context, SHA256};
use tokio::time::Instant;

use super::notify::wants_failures;
use super::serving::Serving;
use crate::backend::{NOTIFIER_PATIENCE, Notifier};
use crate::mail::{Mailbox, Recipient, TransactionId};
use crate::metrics::{BounceOutcome, Metrics};
use crate::policy::bounce::{Facts, Suppressed};
use crate::stamp::dsn::{About, Action, Class, Reported, Status};
use crate::stamp::token::Token;

pub use crate::backend::Unsent;
pub use crate::stamp::token::Refused;

/// Octets of an address and of a diagnostic that are looked at.
const MAX_ADDRESS: usize = 512;
const MAX_DIAGNOSTIC: usize = 2048;

/// What a backend says of one recipient.
#[derive(Debug, Clone)]
pub struct Undelivered<'a> {
    /// The recipient, as the event had it in `rcptto`.
    pub address: &'a str,
    /// Why, as `5.1.1` (RFC 3463).
    pub status: &'a str,
    /// Why, in words; an SMTP reply if there is one.
    pub diagnostic: Option<&'a str>,
}

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The gateway sends no notifications, or can't for now.
    #[error(
        "this gateway sends no notifications now: see spec.bounces of the MailGateway and its conditions"
    )]
    Unavailable,
    /// The token can't be used.
    #[error("{0}")]
    Token(#[from] Refused),
    /// There is no recipient.
    #[error("recipients: at least one is needed")]
    Nobody,
    /// A recipient that the message did not have.
    #[error("recipients[{0}].address: the message of this token was not sent there")]
    NotARecipient(usize),
    /// The same recipient twice, for different reasons.
    #[error("recipients[{0}].address: it is there twice, with another status")]
    Twice(usize),
    /// A status of no failure.
    #[error("recipients[{0}].status: a failure has a status such as 5.1.1 (RFC 3463), of class 4 or 5")]
    NoFailure(usize),
    /// A diagnostic that is too long.
    #[error("recipients[{0}].diagnostic: it is longer than {MAX_DIAGNOSTIC} octets")]
    TooLong(usize),
    /// It was not sent.
    #[error("{0}")]
    Unsent(#[from] Unsent),
}

/// Tells the sender of the token's message that these recipients failed. `Ok` once the relay has the
/// notification; the id is that of the notification. Asked again, it is sent again, with the same id.
///
/// # Errors
///
/// Nothing was sent.
pub async fn bounce(
    serving: &Serving,
    metrics: &Metrics,
    sealed: &str,
    undelivered: &[Undelivered<'_>],
) -> Result<TransactionId, Denied> {
    let notifier = serving.notifier().map(Arc::as_ref).ok_or(Denied::Unavailable)?;
    let opened = open(notifier, sealed, undelivered);
    let (token, reported) = opened.inspect_err(|_| metrics.bounce(BounceOutcome::Invalid))?;
    let facts = Facts { sender: &token.reverse_path, vouched: token.vouched, answer: token.answer };
    let owed: Vec<_> =
        reported.iter().filter(|(recipient, _)| wants_failures(recipient.dsn.notify)).collect();
    let judged = notifier.judge(facts).and_then(|sender| match owed.is_empty() {
        true => Err(Suppressed::Unasked),
        false => Ok(sender),
    });
    let sender = judged.map_err(|why| notifier.withhold(token.id, why))?;
    let about = About {
        id: token.id,
        received_at: token.received_at,
        sender,
        envelope_id: token.envelope_id.as_deref(),
        header: &token.header,
        message: None,
    };
    let recipients: Vec<Reported<'_>> = owed
        .iter()
        .map(|(recipient, (status, diagnostic))| Reported {
            recipient: &recipient.original,
            original: recipient.dsn.original.as_ref(),
            action: Action::Failed,
            status: *status,
            diagnostic: *diagnostic,
        })
        .collect();
    let id = id(sealed, token.received_at, &owed);
    let deadline = Instant::now() + NOTIFIER_PATIENCE;
    notifier.send((id, about, facts), &recipients, deadline).await?;
    Ok(id)
}

/// A recipient of the message, and what is said of it.
type Said<'a> = (Recipient, (Status, Option<&'a str>));

/// Names what is told by this token of these recipients, whenever and in whatever order it is asked for. Nobody
/// could know it before the token was sealed, which was behind the end of the message.
fn id(token: &str, received_at: SystemTime, said: &[&Said<'_>]) -> TransactionId {
    let mut lines: Vec<String> = said
        .iter()
        .map(|(recipient, (status, _))| format!("{} {} {status}\n", recipient.rewritten, recipient.original))
        .collect();
    lines.sort();
    let mut digest = Context::new(&SHA256);
    digest.update(token.as_bytes());
    lines.iter().for_each(|line| digest.update(line.as_bytes()));
    let mut octets = [0; 10];
    octets.iter_mut().zip(digest.finish().as_ref()).for_each(|(octet, of_digest)| *octet = *of_digest);
    TransactionId::new(received_at, octets)
}

fn open<'a>(
    notifier: &Notifier,
    token: &str,
    undelivered: &[Undelivered<'a>],
) -> Result<(Token, Vec<Said<'a>>), Denied> {
    let plan = notifier.plan();
    let token = Token::open(token, &plan.seal, &plan.gateway, SystemTime::now())?;
    if undelivered.is_empty() {
        return Err(Denied::Nobody);
    }
    let mut said: Vec<Said<'a>> = Vec::new();
    for (place, each) in undelivered.iter().enumerate() {
        let status = Status::parse(each.status).filter(|status| status.class() != Class::Success);
        let status = status.ok_or(Denied::NoFailure(place))?;
        if each.diagnostic.is_some_and(|text| text.len() > MAX_DIAGNOSTIC) {
            return Err(Denied::TooLong(place));
        }
        let meant = meant(&token.recipients, each.address);
        if meant.is_empty() {
            return Err(Denied::NotARecipient(place));
        }
        // A client may say the same RCPT twice, and a backend name whom it has named: once is enough.
        for recipient in meant {
            match said.iter().find(|(earlier, _)| earlier == recipient) {
                None => said.push((recipient.clone(), (status, each.diagnostic))),
                Some((_, (earlier, _))) if *earlier == status => {}
                Some(_) => return Err(Denied::Twice(place)),
            }
        }
    }
    Ok((token, said))
}

/// The recipients that an address means: a spelling that stands in the event means that one alone.
fn meant<'t>(recipients: &'t [Recipient], address: &str) -> Vec<&'t Recipient> {
    let written = Some(address).filter(|address| address.len() <= MAX_ADDRESS);
    let Some(mailbox) = written.and_then(|address| Mailbox::parse(address.as_bytes(), true).ok()) else {
        return Vec::new();
    };
    let exact: Vec<_> = recipients.iter().filter(|recipient| recipient.rewritten == mailbox).collect();
    if !exact.is_empty() {
        return exact;
    }
    let key = mailbox.key();
    recipients.iter().filter(|recipient| key.is_some() && recipient.rewritten.key() == key).collect()
}
