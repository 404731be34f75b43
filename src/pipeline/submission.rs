//! What RFC 6409 asks of addresses that users send from and to.

use crate::mail::{ForwardPath, Host, Mailbox, ReversePath};
use crate::smtp::reply::{self, Reply};

/// The reply to MAIL where the sender's domain is not fully qualified. RFC 6409 §4.2: "Reply code 554
/// is to be used to reject a MAIL, RCPT, or DATA command that contains improper domain references."
pub(super) fn refuse_sender(path: &ReversePath) -> Option<Reply> {
    match path {
        ReversePath::Null => None,
        ReversePath::Mailbox(mailbox) => (!is_qualified(mailbox)).then_some(reply::SENDER_NOT_QUALIFIED),
    }
}

/// The same of a recipient, to RCPT.
pub(super) fn refuse_recipient(path: &ForwardPath) -> Option<Reply> {
    match path {
        ForwardPath::Postmaster => None,
        ForwardPath::Mailbox(mailbox) => (!is_qualified(mailbox)).then_some(reply::RECIPIENT_NOT_QUALIFIED),
    }
}

/// A domain of one label is a local name that means something else elsewhere.
fn is_qualified(mailbox: &Mailbox) -> bool {
    match mailbox.host() {
        Host::Domain(domain) => domain.contains(['.', '\u{3002}']),
        Host::Literal(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_is_not_fully_qualified() {
        for (address, qualified) in
            [("a@example.org", true), ("a@[192.0.2.1]", true), ("a@localhost", false), ("a@sales", false)]
        {
            let mailbox = Mailbox::parse(address.as_bytes(), false).unwrap();
            let sender = refuse_sender(&ReversePath::Mailbox(mailbox.clone()));
            assert_eq!(sender, (!qualified).then_some(reply::SENDER_NOT_QUALIFIED), "{address}");
            let recipient = refuse_recipient(&ForwardPath::Mailbox(mailbox));
            assert_eq!(recipient, (!qualified).then_some(reply::RECIPIENT_NOT_QUALIFIED), "{address}");
        }
        assert_eq!(refuse_sender(&ReversePath::Null), None);
        assert_eq!(refuse_recipient(&ForwardPath::Postmaster), None);
    }
}
