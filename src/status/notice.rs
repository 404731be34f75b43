//! What a person should see at once, where they look at an object: Events.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Outcome;
use crate::api::ApiKind;
use crate::plan::{Finding, ObjectName, Reason, Severity};

/// What one Event says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// The kind of the object that it is about: one of our own four.
    pub kind: ApiKind,
    /// Its name.
    pub name: ObjectName,
    /// How bad it is; either is of type `Warning`.
    pub severity: Severity,
    /// Why, in one word for machines.
    pub reason: &'static str,
    /// Which field, what is wrong with it, and what to do: at most 1024 octets.
    pub message: String,
}

/// Each once, in order.
pub(super) fn notices(outcomes: &BTreeMap<ObjectName, Outcome>, inspected: &[Finding]) -> Vec<Notice> {
    let of_gateways = outcomes.values().flat_map(|outcome| &outcome.findings);
    let notices: BTreeSet<Notice> = of_gateways.chain(inspected).filter_map(notice).collect();
    notices.into_iter().collect()
}

fn notice(finding: &Finding) -> Option<Notice> {
    let reason = match finding.reason {
        Reason::Conflicted | Reason::PortConflict => "Conflicted",
        Reason::Shadowed => "Shadowed",
        Reason::SecretNotFound => "SecretNotFound",
        Reason::InvalidSecretKey => "InvalidSecretKey",
        Reason::InvalidCertificateRef => "InvalidCertificateRef",
        Reason::UnverifiedCatchAll => "UnverifiedCatchAll",
        Reason::Unreadable => "Unreadable",
        _ => return None,
    };
    let kind = ApiKind::ALL.into_iter().find(|kind| kind.is_ours() && kind.name() == finding.object.kind)?;
    let Finding { severity, field, message, .. } = finding;
    let message = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
    let name = finding.object.name.clone();
    Some(Notice { kind, name, severity: *severity, reason, message: bounded(message) })
}

/// An API server takes no more of an Event.
const MAX_MESSAGE: usize = 1024;

fn bounded(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE - ELLIPSIS.len()));
        message.push_str(ELLIPSIS);
    }
    message
}

const ELLIPSIS: &str = "…";
