//! Status codes (RFC 3463), and what they mean to a person.

use std::fmt;

/// `class.subject.detail` (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    class: Class,
    subject: u16,
    detail: u16,
}

/// The class of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `2`: success.
    Success,
    /// `4`: a failure that might have passed.
    PersistentTransient,
    /// `5`: a failure for good.
    Permanent,
}

/// The largest subject or detail: three digits.
const MOST: u16 = 999;

impl Status {
    /// RFC 3463 §3.1: nothing more is known of a failure.
    pub const FAILED: Self = Self { class: Class::Permanent, subject: 0, detail: 0 };
    /// RFC 3463 §3.2, X.1.9: "Message relayed to non-compliant mailer", of which no more will be heard.
    pub const RELAYED: Self = Self { class: Class::Success, subject: 1, detail: 9 };

    /// A status; `None` where a number has more than three digits.
    pub fn new(class: Class, subject: u16, detail: u16) -> Option<Self> {
        (subject <= MOST && detail <= MOST).then_some(Self { class, subject, detail })
    }

    /// Reads `5.1.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (class, rest) = text.split_once('.')?;
        let (subject, detail) = rest.split_once('.')?;
        let class = match class {
            "2" => Class::Success,
            "4" => Class::PersistentTransient,
            "5" => Class::Permanent,
            _ => return None,
        };
        let number = |text: &str| {
            let digits = (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        Self::new(class, number(subject)?, number(detail)?)
    }

    /// The class.
    pub fn class(self) -> Class {
        self.class
    }

    /// What happened, and what the sender can do.
    pub(super) fn meaning(self) -> Meaning {
        let (what, advice) = match (self.subject, self.detail) {
            (1, 1) => ("There is no such mailbox.", CHECK),
            (1, 2 | 10) => ("The domain of this address takes no mail.", CHECK),
            (1, 6) => ("The recipient has moved, and left no new address.", ASK),
            (1, _) => ("The address is not a valid one.", CHECK),
            (2, 1) => ("The mailbox takes no mail.", ASK),
            (2, 2) => ("The mailbox is full.", LATER),
            (2 | 3, 3 | 4) => {
                ("The message is too large.", "Send a smaller one, or a link to what is large.")
            }
            (2, _) => ("The mailbox could not take it.", LATER),
            (3, _) => ("The recipient's mail system could not take it.", LATER),
            (4, 6) => ("The message went in circles between mail systems.", TELL),
            (4, 7) => ("It could not be delivered in the time it had.", LATER),
            (4, _) => ("The recipient's mail system could not be reached.", LATER),
            (5, 3) => ("The message has too many recipients.", "Send it to fewer at a time."),
            (6, _) => ("The recipient's mail system can't take a message of this form.", ASK),
            (7, _) => ("The recipient's mail system does not let it in.", ASK),
            _ => ("The recipient's mail system did not accept it.", ASK),
        };
        Meaning { what, advice }
    }
}

const CHECK: &str = "Check the spelling of the address, or ask the recipient for the right one.";
const ASK: &str = "Ask the recipient by other means how to reach them.";
const LATER: &str = "Send the message again later; if that fails too, tell the recipient by other means.";
const TELL: &str = "Tell the recipient by other means; their administrator has to look into it.";

/// A status in words.
pub(super) struct Meaning {
    /// What happened.
    pub(super) what: &'static str,
    /// What the sender can do.
    pub(super) advice: &'static str,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Success => 2,
            Class::PersistentTransient => 4,
            Class::Permanent => 5,
        };
        write!(f, "{class}.{}.{}", self.subject, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_three_numbers() {
        for good in ["2.1.5", "4.4.7", "5.1.1", "5.999.0", "5.7.23"] {
            assert_eq!(Status::parse(good).map(|status| status.to_string()).as_deref(), Some(good));
        }
        for bad in
            ["", "5", "5.1", "5.1.", "5.1.1.1", "3.1.1", "5.1000.1", "5.+1.1", "5.1.1 ", "5..1", "5.1.\r\n"]
        {
            assert_eq!(Status::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Status::new(Class::Permanent, 1000, 0), None);
    }
}
