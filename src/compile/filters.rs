//! The filters of a rule: header fields that are added, recipients that are rewritten.
//!
//! Recipients of a rule whose filters can't be used get `451 4.3.5`.

use super::fault::Fault;
use crate::api::Object;
use crate::api::route::{AddHeader, Filter, RewriteRecipient, RouteRule};
use crate::mail::address::fold_domain;
use crate::mail::{Host, Mailbox};
use crate::plan::{Filters, Reason, Rewrite};

/// Fields that are not ours to add: those of the trace and of signatures (RFC 5322 §3.6.7, RFC 6376,
/// RFC 8601, RFC 8617), those that a message has at most once (RFC 5322 §3.6), and by their beginnings
/// those that say how it is to be read or that it was sent again.
const REFUSED: &[&str] = &[
    "arc-authentication-results",
    "arc-message-signature",
    "arc-seal",
    "authentication-results",
    "bcc",
    "cc",
    "date",
    "delivered-to",
    "dkim-signature",
    "domainkey-signature",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "received-spf",
    "references",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
];
const REFUSED_BEGINNINGS: &[&str] = &["content-", "resent-"];

/// What is wrong with the filters of a route.
pub(super) fn check(object: &Object) -> Vec<Fault> {
    let Object::Route(route) = object else { return Vec::new() };
    let mut faults = Vec::new();
    for (rule, written) in route.spec.rules.iter().enumerate() {
        for (index, filter) in written.filters.iter().enumerate() {
            let at = format!("spec.rules[{rule}].filters[{index}]");
            let header = filter.add_header.iter().filter_map(of_header);
            let rewrite = filter.rewrite_recipient.iter().filter_map(of_rewrite);
            let found = header.chain(rewrite);
            faults.extend(found.map(|(field, message)| {
                let message = format!("{message}; until then recipients of this rule get 451 4.3.5");
                Fault::new(Reason::Invalid, format!("{at}.{field}"), message)
            }));
        }
    }
    faults
}

fn of_header(header: &AddHeader) -> Option<(&'static str, String)> {
    let name = header.name.to_ascii_lowercase();
    if REFUSED.contains(&name.as_str()) || REFUSED_BEGINNINGS.iter().any(|begin| name.starts_with(begin)) {
        let message =
            format!("{} is not a field that a route may add: choose a name of your own", header.name);
        return Some(("addHeader.name", message));
    }
    let ascii = header.value.is_ascii();
    (!ascii).then(|| ("addHeader.value", "is not ASCII: write it as encoded words (RFC 2047)".to_owned()))
}

fn of_rewrite(rewrite: &RewriteRecipient) -> Option<(&'static str, String)> {
    // In UTF-8 only a client that speaks SMTPUTF8 could have said it.
    if rewrite.local_part.as_ref().is_some_and(|local_part| !is_local_part(local_part)) {
        let message =
            "is not a local part in ASCII: quote it where it has special characters (RFC 5321 section 4.1.2)";
        return Some(("rewriteRecipient.localPart", message.to_owned()));
    }
    let domain = rewrite.domain.as_ref().filter(|written| domain(written).is_none());
    domain.map(|_| ("rewriteRecipient.domain", "is not a domain name".to_owned()))
}

fn is_local_part(written: &str) -> bool {
    let whole = format!("{written}@example.org");
    Mailbox::parse(whole.as_bytes(), false).is_ok_and(|mailbox| mailbox.local_part() == written)
}

/// In A-labels.
fn domain(written: &str) -> Option<String> {
    let folded = fold_domain(written)?;
    matches!(Host::parse(folded.as_bytes(), false), Ok(Host::Domain(_))).then_some(folded)
}

/// The filters of a rule without faults. Of several that rewrite, each part is that of the last one.
pub(super) fn of(rule: &RouteRule) -> Filters {
    let mut fields = Vec::new();
    let mut rewrite = Rewrite::default();
    for Filter { add_header, rewrite_recipient, .. } in &rule.filters {
        if let Some(AddHeader { name, value }) = add_header {
            fields.extend_from_slice(format!("{name}: {}\r\n", value.trim()).as_bytes());
        }
        if let Some(RewriteRecipient { local_part, domain: written }) = rewrite_recipient {
            rewrite.local_part = local_part.as_deref().map(Box::from).or(rewrite.local_part);
            rewrite.domain = written.as_deref().and_then(domain).map(Box::from).or(rewrite.domain);
        }
    }
    Filters { fields: fields.into(), rewrite }
}
