//! A token's content as octets, before it is sealed. The version of the seal is that of this form too.
//!
//! Numbers have their most significant octet first; a text stands behind its length in two octets.
//!
//! ```text
//! flags 1 │ id 16 │ seconds 8 │ reverse-path │ ENVID │ header │ recipients 2
//! each recipient: flags 1 │ told │ original, where it differs │ address type, address of ORCPT
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Token;
use crate::mail::{
    ForwardPath, Mailbox, Notify, OriginalRecipient, Recipient, RecipientDsn, ReversePath, TransactionId,
};

/// Octets but those of texts and recipients.
pub(super) const FIXED: usize = 1 + 16 + 8 + 3 * TEXT + 2;
/// Octets before a text.
const TEXT: usize = 2;

const VOUCHED: u8 = 1;
const ANSWER: u8 = 2;
const NULL: u8 = 4;
const ENVELOPE_ID: u8 = 8;

const NOTIFY: u8 = 1;
const SUCCESS: u8 = 2;
const FAILURE: u8 = 4;
const DELAY: u8 = 8;
const REWRITTEN: u8 = 16;
const POSTMASTER: u8 = 32;
const ORIGINAL: u8 = 64;

fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

/// Whether what the backend is told and what RCPT said differ, so that both have to be kept.
fn is_rewritten(recipient: &Recipient) -> bool {
    match &recipient.original {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => *mailbox != recipient.rewritten,
    }
}

/// Octets of one recipient.
pub(super) fn recipient_octets(recipient: &Recipient) -> usize {
    let rewritten = if is_rewritten(recipient) { TEXT + recipient.original.len() } else { 0 };
    let original = recipient.dsn.original.as_ref();
    let original =
        original.map_or(0, |original| 2 * TEXT + original.address_type.len() + original.address.len());
    1 + TEXT + recipient.rewritten.len() + rewritten + original
}

/// Appends a token.
pub(crate) fn write(token: &Token, out: &mut Vec<u8>) {
    out.push(
        flag(token.vouched, VOUCHED)
            | flag(token.answer, ANSWER)
            | flag(token.reverse_path == ReversePath::Null, NULL)
            | flag(token.envelope_id.is_some(), ENVELOPE_ID),
    );
    out.extend_from_slice(token.id.as_bytes());
    let seconds = token.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    out.extend_from_slice(&seconds.to_be_bytes());
    text(token.reverse_path.to_string().as_bytes(), out);
    text(token.envelope_id.as_deref().unwrap_or_default().as_bytes(), out);
    text(&token.header, out);
    out.extend_from_slice(&u16::try_from(token.recipients.len()).unwrap_or(u16::MAX).to_be_bytes());
    for recipient in token.recipients.iter().take(usize::from(u16::MAX)) {
        write_recipient(recipient, out);
    }
}

fn write_recipient(recipient: &Recipient, out: &mut Vec<u8>) {
    let notify = recipient.dsn.notify.unwrap_or_default();
    let original = recipient.dsn.original.as_ref();
    let rewritten = is_rewritten(recipient);
    out.push(
        flag(recipient.dsn.notify.is_some(), NOTIFY)
            | flag(notify.success, SUCCESS)
            | flag(notify.failure, FAILURE)
            | flag(notify.delay, DELAY)
            | flag(rewritten, REWRITTEN)
            | flag(recipient.original == ForwardPath::Postmaster, POSTMASTER)
            | flag(original.is_some(), ORIGINAL),
    );
    text(recipient.rewritten.to_string().as_bytes(), out);
    if rewritten {
        text(recipient.original.to_string().as_bytes(), out);
    }
    if let Some(OriginalRecipient { address_type, address }) = original {
        text(address_type.as_bytes(), out);
        text(address.as_bytes(), out);
    }
}

/// None that comes here is longer: the grammar of each has its limit.
fn text(octets: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&octets[..usize::from(length)]);
}

/// Reads a token; `None` where it is not of this form.
pub(crate) fn read(octets: &[u8]) -> Option<Token> {
    let mut reader = Reader { rest: octets };
    let flags = reader.take::<1>()?[0];
    let id = TransactionId::from_bytes(reader.take()?);
    let seconds = Duration::from_secs(u64::from_be_bytes(reader.take()?));
    let received_at = SystemTime::UNIX_EPOCH.checked_add(seconds)?;
    let path = reader.text()?;
    let reverse_path = match flags & NULL {
        0 => ReversePath::Mailbox(Mailbox::parse(path, true).ok()?),
        _ => ReversePath::Null,
    };
    let envelope_id = reader.string()?;
    let header = reader.text()?.to_vec();
    let count = u16::from_be_bytes(reader.take()?);
    let recipients: Option<Vec<Recipient>> = (0..count).map(|_| reader.recipient()).collect();
    reader.rest.is_empty().then_some(Token {
        id,
        received_at,
        reverse_path,
        vouched: flags & VOUCHED != 0,
        answer: flags & ANSWER != 0,
        envelope_id: (flags & ENVELOPE_ID != 0).then_some(envelope_id),
        header,
        recipients: recipients?,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take()?);
        let (text, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        Some(text)
    }

    fn string(&mut self) -> Option<Box<str>> {
        std::str::from_utf8(self.text()?).ok().map(Box::from)
    }

    fn mailbox(&mut self) -> Option<Mailbox> {
        Mailbox::parse(self.text()?, true).ok()
    }

    fn recipient(&mut self) -> Option<Recipient> {
        let flags = self.take::<1>()?[0];
        let set = |flag| flags & flag != 0;
        let told = self.mailbox()?;
        let original = match (set(REWRITTEN), set(POSTMASTER)) {
            (false, _) => ForwardPath::Mailbox(told.clone()),
            (true, true) => {
                self.text()?;
                ForwardPath::Postmaster
            }
            (true, false) => ForwardPath::Mailbox(self.mailbox()?),
        };
        let notify = Notify { success: set(SUCCESS), failure: set(FAILURE), delay: set(DELAY) };
        let original_recipient = match set(ORIGINAL) {
            true => Some(OriginalRecipient { address_type: self.string()?, address: self.string()? }),
            false => None,
        };
        let dsn = RecipientDsn { notify: set(NOTIFY).then_some(notify), original: original_recipient };
        Some(Recipient { original, rewritten: told, dsn })
    }
}
