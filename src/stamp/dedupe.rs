//! The dedupe key: the same on every retry of a message, different for every other message.
//!
//! Not in it: `Received`, signatures, the client, the time. What it is made of, each part behind
//! its length in eight octets, most significant first:
//!
//! 1. `mailchute-dedupe-1`
//! 2. the delivery group, `gateway-namespace/gateway/namespace/route/rule`
//! 3. MAIL FROM, domain in lower case; empty for the null path
//! 4. how many recipients (eight octets, without a length), then each RCPT as the client said it,
//!    domain in lower case, sorted, none twice; `postmaster` for the one without a domain
//! 5. content of the first Message-ID, Date and From: raw, from behind the colon to before the last
//!    line end; a field that is absent has the length 2⁶⁴ - 1 and no octets
//! 6. SHA-256 of the body: all behind the header section and its empty line, without the CR and LF
//!    at its end
//!
//! A message without a Message-ID, or with an empty one, has the transaction id instead of the
//! digest, `mc1-` and its hyphenated text: two alerts without one are two messages, and a
//! duplicate is better than a loss.

use std::collections::BTreeSet;
use std::ops::Range;

use ring::digest::{Context, SHA256};

use crate::mail::body::Message;
use crate::mail::header::{Header, slices};
use crate::mail::{Envelope, ForwardPath, Mailbox, ReversePath, TransactionId};

#[cfg(test)]
mod tests;

/// Names the recipe: another one takes another prefix.
const PREFIX: &str = "mc1-";
/// RFC 4648 §6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The key of a message, as it was sent, for one delivery group. The octets are read once, and not
/// copied.
pub fn key(
    group: &str,
    envelope: &Envelope,
    header: &Header,
    message: &Message,
    id: TransactionId,
) -> String {
    if header.message_id_text.is_none() {
        return format!("{PREFIX}{id}");
    }
    let mut parts = Parts(Context::new(&SHA256));
    parts.add(b"mailchute-dedupe-1");
    parts.add(group.as_bytes());
    parts.add(reverse_path(&envelope.reverse_path).as_bytes());
    let recipients: BTreeSet<String> =
        envelope.recipients.iter().map(|recipient| forward_path(&recipient.original)).collect();
    parts.length(recipients.len());
    for recipient in &recipients {
        parts.add(recipient.as_bytes());
    }
    for content in [&header.message_id, &header.date, &header.from] {
        parts.field(message, content.clone());
    }
    parts.add(body_digest(message, header.body).as_ref());
    format!("{PREFIX}{}", base32(parts.0.finish().as_ref()))
}

struct Parts(Context);

impl Parts {
    fn length(&mut self, length: usize) {
        self.0.update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }

    fn add(&mut self, part: &[u8]) {
        self.length(part.len());
        self.0.update(part);
    }

    fn field(&mut self, message: &Message, content: Option<Range<usize>>) {
        let Some(content) = content else {
            self.0.update(&u64::MAX.to_be_bytes());
            return;
        };
        self.length(content.len());
        for slice in slices(message, content) {
            self.0.update(&slice);
        }
    }
}

fn reverse_path(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => lower_domain(mailbox),
    }
}

fn forward_path(path: &ForwardPath) -> String {
    match path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => lower_domain(mailbox),
    }
}

fn lower_domain(mailbox: &Mailbox) -> String {
    format!("{}@{}", mailbox.local_part(), mailbox.host().as_str().to_ascii_lowercase())
}

fn body_digest(message: &Message, start: usize) -> ring::digest::Digest {
    let mut end = message.len();
    for segment in message.segments().iter().rev() {
        let text = segment.iter().rposition(|octet| !matches!(octet, b'\r' | b'\n'));
        end -= segment.len() - text.map_or(0, |last| last + 1);
        if text.is_some() {
            break;
        }
    }
    let mut digest = Context::new(&SHA256);
    for slice in slices(message, start..end.max(start)) {
        digest.update(&slice);
    }
    digest.finish()
}

/// Without padding.
fn base32(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(5) * 8);
    for group in octets.chunks(5) {
        let mut bits = [0_u8; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        for digit in 0..(group.len() * 8).div_ceil(5) {
            let index = usize::try_from((bits >> (35 - 5 * digit)) & 31).unwrap_or_default();
            text.push(char::from(BASE32[index]));
        }
    }
    text
}
