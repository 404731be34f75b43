//! May a notification go to the sender of a message at all?
//!
//! A notification to somebody who has sent nothing is spam of our own making (backscatter), so it goes only
//! where it can be told that the sender is who it says, unless the gateway is told otherwise. Of what RFC
//! 3834 asks of automatic answers, one thing holds for notifications too, which go to the reverse-path and
//! to nobody else: what is an answer itself gets none, where none is owed. Lists and bulk mail do: their
//! reverse-path is there to hear of failures.
//!
//! | sender | |
//! | --- | --- |
//! | null reverse-path | never (RFC 5321 §6.1) |
//! | the gateway's own host name, its postmaster, postmaster of one of its domains | never: it would come back |
//! | another address in one of the gateway's domains | only if vouched for: else it is forged, or comes back |
//! | anybody else | only if vouched for, unless [`Senders::All`] |
//!
//! Vouched for is who has signed in by AUTH: that user answers for what they send. So does who shows a client
//! certificate that verifies, on a listener of profile Submission: elsewhere it names a server, which passes
//! on the mail of others, forged senders and all.

use crate::mail::body::Message;
use crate::mail::header::{Cfws, Fields, Lines, MAX_LINE, skip_cfws};
use crate::mail::{AddressKey, Host, Mailbox, ReversePath};
use crate::route::DomainPattern;

/// Who may get notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Senders {
    /// Those who are vouched for.
    Vouched,
    /// Everybody.
    All,
}

/// Whether a message says that it is an automatic answer to another (RFC 3834 §5).
pub fn is_answer(message: &Message) -> bool {
    let mut lines = Lines::new(message);
    let fields = Fields::new(message).filter(|field| field.is("Auto-Submitted"));
    let contents: Vec<_> = fields.map(|field| field.content).collect();
    contents.into_iter().any(|content| {
        let octets = lines.octets(content.start..content.end.min(content.start + MAX_LINE));
        match skip_cfws(&octets) {
            Cfws::Text(text) => {
                text.get(..ANSWER.len()).is_some_and(|word| word.eq_ignore_ascii_case(ANSWER))
            }
            Cfws::Unclosed => false,
        }
    })
}

/// The keyword of `Auto-Submitted` (RFC 3834 §5.1).
const ANSWER: &[u8] = b"auto-replied";

/// What a gateway says of notifications, and which addresses are its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Who may get notifications.
    pub senders: Senders,
    /// The gateway's host name, as it is compared.
    pub hostname: String,
    /// The domains that exist here.
    pub domains: Vec<DomainPattern>,
    /// Where mail for an unmatched postmaster goes.
    pub postmaster: Option<AddressKey>,
}

/// What is known of a message.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// MAIL FROM.
    pub sender: &'a ReversePath,
    /// Whether it is vouched for.
    pub vouched: bool,
    /// Whether the message is an automatic answer itself (RFC 3834 §5). Not known before it is there, so it says
    /// nothing against a notification that is owed by then.
    pub answer: bool,
}

/// Why there is no notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Suppressed {
    /// The reverse-path is null.
    #[error("the message has the null reverse-path: nobody wants to hear of it")]
    NullSender,
    /// It would go to ourselves.
    #[error("the sender is an address of this gateway itself")]
    OwnAddress,
    /// Nobody vouches for the sender.
    #[error("nobody vouches for the sender (spec.bounces.senders of the MailGateway)")]
    Unvouched,
    /// The message is an automatic answer.
    #[error("the message is an automatic answer itself (RFC 3834)")]
    Answer,
    /// The sender wants to hear nothing of these recipients.
    #[error("the sender has asked not to be told (NOTIFY of RFC 3461)")]
    Unasked,
}

impl Suppression {
    /// Where a notification may go, or why it must not.
    pub fn judge<'a>(&self, facts: Facts<'a>) -> Result<&'a Mailbox, Suppressed> {
        let ReversePath::Mailbox(sender) = facts.sender else { return Err(Suppressed::NullSender) };
        // What is no valid name can't be compared, and nothing can be sent there.
        let key = sender.key().ok_or(Suppressed::OwnAddress)?;
        if self.is_own(sender, &key, facts.vouched) {
            return Err(Suppressed::OwnAddress);
        }
        match (facts.vouched || self.senders == Senders::All, facts.answer) {
            (false, _) => Err(Suppressed::Unvouched),
            (true, true) => Err(Suppressed::Answer),
            (true, false) => Ok(sender),
        }
    }

    fn is_own(&self, sender: &Mailbox, key: &AddressKey, vouched: bool) -> bool {
        if matches!(sender.host(), Host::Literal(_)) {
            return false;
        }
        // Of any domain nothing can be told.
        let exists = |pattern: &DomainPattern| *pattern != DomainPattern::Any && pattern.matches(&key.domain);
        let here = self.domains.iter().any(exists);
        key.domain == self.hostname
            || self.postmaster.as_ref() == Some(key)
            || (here && (sender.is_postmaster() || !vouched))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text.as_bytes(), true).unwrap()
    }

    fn judge(senders: Senders, sender: &str, vouched: bool, answer: bool) -> Result<(), Suppressed> {
        let exact = |domain: &str| DomainPattern::Exact(domain.to_owned());
        let suppression = Suppression {
            senders,
            hostname: "mx1.example.net".to_owned(),
            domains: vec![
                exact("example.net"),
                DomainPattern::Suffix("tenant.example.net".to_owned()),
                DomainPattern::Any,
            ],
            postmaster: mailbox("ops@elsewhere.example").key(),
        };
        let path = if sender.is_empty() { ReversePath::Null } else { ReversePath::Mailbox(mailbox(sender)) };
        suppression.judge(Facts { sender: &path, vouched, answer }).map(drop)
    }

    #[test]
    fn an_answer_says_so() {
        for (header, expected) in [
            ("Auto-Submitted: auto-replied\r\n", true),
            ("AUTO-SUBMITTED:\r\n (vacation) Auto-Replied; owner=x\r\n", true),
            ("Auto-Submitted: auto-generated\r\n", false),
            ("Auto-Submitted: no\r\n", false),
            ("Precedence: bulk\r\nList-Id: <a.b>\r\n", false),
            ("Subject: auto-replied\r\n\r\nAuto-Submitted: auto-replied\r\n", false),
            ("Auto-Submitted: (auto-replied", false),
        ] {
            let message = header.as_bytes().chunks(3).map(bytes::Bytes::copy_from_slice).collect();
            assert_eq!(is_answer(&message), expected, "{header}");
        }
    }

    #[test]
    fn notifications_go_only_where_they_are_wanted() {
        use Senders::{All, Vouched};
        use Suppressed::{Answer, NullSender, OwnAddress, Unvouched};
        for (senders, sender, vouched, answer, expected) in [
            (Vouched, "a@client.example", true, false, Ok(())),
            (Vouched, "a@client.example", false, false, Err(Unvouched)),
            (All, "a@client.example", false, false, Ok(())),
            (All, "a@[192.0.2.1]", false, false, Ok(())),
            (All, "", true, false, Err(NullSender)),
            (All, "a@client.example", true, true, Err(Answer)),
            (Vouched, "a@client.example", false, true, Err(Unvouched)),
            (All, "MAILER-DAEMON@MX1.example.net", true, false, Err(OwnAddress)),
            (All, "OPS@elsewhere.example", true, false, Err(OwnAddress)),
            (All, "\"Postmaster\"@example.net", true, false, Err(OwnAddress)),
            (All, "postmaster@a.tenant.example.net", true, false, Err(OwnAddress)),
            (All, "postmaster@client.example", true, false, Ok(())),
            (All, "alice@Example.net", false, false, Err(OwnAddress)),
            (All, "alice@b.a.tenant.example.net", false, false, Err(OwnAddress)),
            (Vouched, "alice@example.net", true, false, Ok(())),
            (All, "alice@other.example.net", false, false, Ok(())),
        ] {
            assert_eq!(
                judge(senders, sender, vouched, answer),
                expected,
                "{senders:?} {sender} {vouched} {answer}"
            );
        }
    }
}
