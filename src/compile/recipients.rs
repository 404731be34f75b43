//! The list of a policy: addresses, patterns, and lists kept in ConfigMaps.
//!
//! A list in a ConfigMap has one mailbox a line; empty lines and lines that begin with `#` don't
//! count, and to be listed twice does no harm. What can't be read is told and left out, and the list
//! is known in part only: whom it does not admit is then deferred, not refused.

use std::sync::Arc;

use super::delegation::pattern;
use super::findings::Findings;
use super::route::local_part;
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::matches::Subaddress;
use crate::api::policy::{ListMode as WrittenMode, RecipientSource, Recipients};
use crate::mail::Mailbox;
use crate::plan::{ObjectName, Reason};
use crate::policy::{ListBuilder, ListMode, RecipientList};

/// Bad lines of one ConfigMap that are told each; of the others only the number is.
const TOLD_LINES: usize = 5;

/// Whether all of a list could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Completeness {
    Whole,
    Partial,
}

/// Reads a list.
pub(super) fn read(
    snapshot: &Snapshot,
    policy: &ObjectName,
    written: &Recipients,
    separators: &str,
    findings: &mut Findings,
) -> (Arc<RecipientList>, Completeness) {
    let mode = match written.mode {
        WrittenMode::AllowList => ListMode::AllowList,
        WrittenMode::DenyList => ListMode::DenyList,
    };
    let list = RecipientList::builder(mode, separators);
    let mut reader = Reader { snapshot, policy, findings, list, completeness: Completeness::Whole };
    for (index, address) in written.addresses.iter().enumerate() {
        if let Err(message) = reader.address(address) {
            reader.report(Reason::Invalid, format!("spec.recipients.addresses[{index}]"), message);
        }
    }
    for (index, each) in written.patterns.iter().enumerate() {
        let at = format!("spec.recipients.patterns[{index}]");
        let Some(domain) = pattern(&each.domain) else {
            reader.report(Reason::Invalid, format!("{at}.domain"), "is not a domain name");
            continue;
        };
        let local_part = local_part(each.local_part.as_ref(), Subaddress::Ignore);
        if let Err(error) = reader.list.pattern(&domain, &local_part) {
            reader.report(Reason::Invalid, format!("{at}.localPart"), error.to_string());
        }
    }
    for (index, source) in written.from.iter().enumerate() {
        reader.source(source, &format!("spec.recipients.from[{index}].configMapRef"));
    }
    (Arc::new(reader.list.build()), reader.completeness)
}

struct Reader<'a, 'f> {
    snapshot: &'a Snapshot,
    policy: &'a ObjectName,
    findings: &'f mut Findings,
    list: ListBuilder,
    completeness: Completeness,
}

impl Reader<'_, '_> {
    fn report(&mut self, reason: Reason, field: impl Into<String>, message: impl Into<String>) {
        self.completeness = Completeness::Partial;
        self.findings.report((ApiKind::Policy, self.policy), reason, field, message);
    }

    fn address(&mut self, text: &str) -> Result<(), String> {
        let mailbox = Mailbox::parse(text.as_bytes(), true).ok().and_then(|mailbox| mailbox.key());
        let key = mailbox.ok_or("is not a mailbox: write it as local-part@domain")?;
        self.list.address(&key).map_err(|error| error.to_string())
    }

    fn source(&mut self, source: &RecipientSource, field: &str) {
        let (name, key) = (&source.config_map_ref.name, &source.config_map_ref.key);
        let namespace = &self.policy.namespace;
        let Some(config_map) = self.snapshot.config_map(namespace, name) else {
            let message = format!("there is no ConfigMap {namespace}/{name}: create it, or name another");
            return self.report(Reason::ConfigMapNotFound, field, message);
        };
        let Some(text) = config_map.data.as_ref().and_then(|data| data.get(key)) else {
            let message = format!("ConfigMap {namespace}/{name} has no key {key}");
            return self.report(Reason::ConfigMapNotFound, field, message);
        };
        let mut bad = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') && self.address(line).is_err() {
                bad.push(index + 1);
            }
        }
        if !bad.is_empty() {
            let lines: Vec<_> = bad.iter().take(TOLD_LINES).map(ToString::to_string).collect();
            let others = bad.len() - lines.len();
            let others = if others > 0 { format!(" and {others} more") } else { String::new() };
            let message = format!(
                "no mailbox in key {key} of ConfigMap {namespace}/{name}, line {}{others}: \
                 write one local-part@domain on each line",
                lines.join(", ")
            );
            self.report(Reason::Invalid, field, message);
        }
    }
}
