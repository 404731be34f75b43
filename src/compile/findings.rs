//! The findings of one compilation, gathered.

use std::collections::{BTreeSet, HashSet};

use crate::api::ApiKind;
use crate::plan::{Finding, ObjectName, ObjectRef, Reason, shown};

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Says something about a field of an object.
    pub(super) fn report(
        &mut self,
        (kind, name): (ApiKind, &ObjectName),
        reason: Reason,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.found.push(Finding {
            severity: reason.severity(),
            reason,
            object: ObjectRef::new(kind.name(), name),
            field: shown(&field.into()),
            message: shown(&message.into()),
            listeners: BTreeSet::new(),
        });
    }

    /// Says that a match of a route takes nothing on some listeners.
    pub(super) fn report_shadowed(
        &mut self,
        route: &ObjectName,
        field: String,
        message: String,
        listeners: &[&str],
    ) {
        self.report((ApiKind::Route, route), Reason::Shadowed, field, message);
        if let Some(finding) = self.found.last_mut() {
            finding.listeners = listeners.iter().map(|name| (*name).to_owned()).collect();
        }
    }

    /// Where compile says in words what is wrong with a field, the pattern that the field breaks too
    /// says nothing more.
    fn drop_patterns(&mut self) {
        let in_words: HashSet<(ObjectRef, String)> = self
            .found
            .iter()
            .filter(|finding| finding.reason == Reason::Invalid && !finding.message.starts_with(PATTERN))
            .map(|finding| (finding.object.clone(), finding.field.clone()))
            .collect();
        self.found.retain(|finding| {
            let place = (finding.object.clone(), finding.field.clone());
            !finding.message.starts_with(PATTERN) || !in_words.contains(&place)
        });
    }

    /// By object, then in the order of the fields; each thing once.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let key = |finding: &Finding| {
            (finding.object.clone(), natural(&finding.field), finding.reason, finding.message.clone())
        };
        self.found.sort_by_cached_key(key);
        self.drop_patterns();
        self.found.dedup_by(|a, b| {
            let same = (&a.object, &a.field, a.reason) == (&b.object, &b.field, b.reason) && told_once(a, b);
            if same {
                b.listeners.append(&mut a.listeners);
            }
            same
        });
        self.found
    }
}

/// What a bound says of a text that does not fit its pattern.
const PATTERN: &str = "must match ";

/// A match that is shadowed on several listeners is told once, whoever the winners are.
fn told_once(a: &Finding, b: &Finding) -> bool {
    a.message == b.message || a.reason == Reason::Shadowed
}

/// A field with its indices padded, so that `[10]` comes behind `[9]`.
fn natural(field: &str) -> String {
    let mut padded = String::with_capacity(field.len());
    for part in field.split_inclusive('[') {
        match part.find(']') {
            Some(end) if end < 6 => padded.extend(["00000".get(end..).unwrap_or_default(), part]),
            _ => padded.push_str(part),
        }
    }
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_on_its_line() {
        let mut findings = Findings::default();
        let object = (ApiKind::Route, &ObjectName::new("app", "orders"));
        findings.report(object, Reason::Invalid, "spec", "a\nerror: \u{1b}[2Jb");
        let found = findings.finish();
        assert_eq!(found[0].to_string(), r"error: MailRoute app/orders: spec: Invalid: a\nerror: \u{1b}[2Jb");
    }
}
