//! One condition without its time, and the words in it.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use crate::plan::{Finding, Reason};

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// As it stands in a condition.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) kind: &'static str,
    pub(super) truth: Truth,
    pub(super) reason: &'static str,
    pub(super) message: Cow<'static, str>,
}

/// The types of conditions.
pub(super) const ACCEPTED: &str = "Accepted";
pub(super) const RESOLVED_REFS: &str = "ResolvedRefs";
pub(super) const PROGRAMMED: &str = "Programmed";
pub(super) const READY: &str = "Ready";
pub(super) const CONFLICTED: &str = "Conflicted";
pub(super) const PARTIALLY_INVALID: &str = "PartiallyInvalid";
pub(super) const SHADOWED: &str = "mailchute.dev/Shadowed";

/// The reason of what will be known, or be so, later.
pub(super) const PENDING: &str = "Pending";

impl Claim {
    pub(super) fn new(
        kind: &'static str,
        truth: Truth,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, truth, reason, message: message.into() }
    }

    /// It is so, and the reason is its own name.
    pub(super) fn holds(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(kind, Truth::True, kind, message)
    }

    pub(super) fn fails(
        kind: &'static str,
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(kind, Truth::False, reason, message)
    }

    pub(super) fn is_true(&self) -> bool {
        self.truth == Truth::True
    }
}

/// Ready, from what it takes: each with a word on where it stands, empty where that is plain.
///
/// The first that is false says why it is not; if none is, the first that is not known.
pub(super) fn ready<P: Display>(needed: &[(P, &Claim)]) -> Claim {
    let of = |truth: Truth| needed.iter().find(|(_, claim)| claim.truth == truth);
    match of(Truth::False).or_else(|| of(Truth::Unknown)) {
        None => Claim::holds(READY, "nothing is wrong"),
        Some((place, claim)) => {
            let place = place.to_string();
            let parted = if place.is_empty() { "" } else { ": " };
            let message = format!("{place}{parted}{}: {}", claim.kind, claim.message);
            Claim::new(READY, claim.truth, claim.reason, bounded(message, MAX_MESSAGE))
        }
    }
}

/// Findings that one message tells; of others only the number is.
const TOLD: usize = 8;
/// Octets of a finding in a message.
const MAX_TOLD: usize = 1024;
/// Octets of a message. An API server takes 32768; nobody reads as much.
const MAX_MESSAGE: usize = 16 * 1024;

/// What findings say, as one message: which field, what is wrong with it, what to do.
pub(super) fn told<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    sentences(findings.map(
        |Finding { field, message, .. }| {
            if field.is_empty() { message.clone() } else { format!("{field}: {message}") }
        },
    ))
}

/// Sentences in one message, the first few.
pub(super) fn sentences(all: impl Iterator<Item = String>) -> String {
    let mut message = String::new();
    let mut more = 0_usize;
    for (index, sentence) in all.enumerate() {
        if index >= TOLD {
            more += 1;
            continue;
        }
        let parted = if index == 0 { "" } else { "; " };
        message.push_str(parted);
        message.push_str(&bounded(sentence, MAX_TOLD));
    }
    if more > 0 {
        let _ = write!(message, "; and {more} more");
    }
    message
}

/// A text of at most so many octets.
pub(super) fn bounded(mut text: String, octets: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > octets {
        text.truncate(text.floor_char_boundary(octets.saturating_sub(ELLIPSIS.len())));
        text.push_str(ELLIPSIS);
    }
    text
}

/// The reason of findings that say that values are wrong: whether they are to come, or never will be right.
pub(super) fn of_values<'a>(mut findings: impl Iterator<Item = &'a Finding>) -> &'static str {
    let to_come = findings.all(|finding| finding.reason == Reason::UnsupportedValue);
    if to_come { Reason::UnsupportedValue.name() } else { Reason::Invalid.name() }
}
