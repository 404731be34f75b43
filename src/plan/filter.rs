//! What a rule changes on the way to its backends.

use std::sync::Arc;

use crate::mail::Mailbox;
use crate::mail::address::MAX_PATH;

/// The filters of a rule; by default they change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Header fields to put in front of the message, as they will stand there, each with its line end.
    pub fields: Arc<[u8]>,
    /// What the backend is told instead of the recipient.
    pub rewrite: Rewrite,
}

/// A recipient's new parts; `None`: as it was. Whatever it becomes is not looked up again: the rule that
/// was found stays the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// The local part, quotes included where it needs them.
    pub local_part: Option<Box<str>>,
    /// The domain, in A-labels.
    pub domain: Option<Box<str>>,
}

impl Rewrite {
    /// What the backend is told of a recipient; `None` where the new address is too long for a path.
    pub fn apply(&self, recipient: &Mailbox) -> Option<Mailbox> {
        if *self == Self::default() {
            return Some(recipient.clone());
        }
        let local_part = self.local_part.as_deref().unwrap_or(recipient.local_part());
        let domain = self.domain.as_deref().unwrap_or(recipient.host().as_str());
        let rewritten = Mailbox::parse(format!("{local_part}@{domain}").as_bytes(), true).ok();
        rewritten.filter(|rewritten| rewritten.len() + "<>".len() <= MAX_PATH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_gets_new_parts() {
        let mailbox = |text: &str| Mailbox::parse(text.as_bytes(), true).unwrap();
        let long = format!("{}@{}.example", "l".repeat(64), ["d".repeat(60), "e".repeat(60)].join("."));
        let wide = ["f".repeat(63), "g".repeat(63), "h".repeat(63)].join(".");
        for (recipient, local_part, domain, told) in [
            ("A+b@Example.org", None, None, Some("A+b@Example.org")),
            ("A+b@Example.org", Some("inbox"), None, Some("inbox@Example.org")),
            ("\"a b\"@example.org", None, Some("store.example"), Some("\"a b\"@store.example")),
            ("a@[192.0.2.1]", Some("\"x y\""), Some("store.example"), Some("\"x y\"@store.example")),
            (&long, None, Some(wide.as_str()), None),
        ] {
            let rewrite = Rewrite { local_part: local_part.map(Box::from), domain: domain.map(Box::from) };
            assert_eq!(rewrite.apply(&mailbox(recipient)), told.map(mailbox), "{recipient}");
        }
    }
}
