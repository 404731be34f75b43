//! The status of a MailBackend: Accepted, ResolvedRefs, Ready.

use super::claim::{ACCEPTED, Claim, RESOLVED_REFS, of_values, ready, told};
use super::wanted::Picture;
use crate::plan::{Finding, ObjectName, Reason, Severity};

pub(super) fn conditions(picture: &Picture<'_>, name: &ObjectName) -> Vec<Claim> {
    let findings = picture.about_backend(name);
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    let values = || errors().filter(|finding| !is_reference(finding));
    let accepted = match values().next() {
        Some(_) => Claim::fails(ACCEPTED, of_values(values()), told(values())),
        None => {
            let warnings = told(findings.iter().filter(|finding| finding.severity == Severity::Warning));
            let message = if warnings.is_empty() { "the backend can be used".to_owned() } else { warnings };
            Claim::holds(ACCEPTED, message)
        }
    };
    let references = || errors().filter(|finding| is_reference(finding));
    let resolved = match references().next() {
        Some(first) => Claim::fails(RESOLVED_REFS, first.reason.name(), told(references())),
        None => Claim::holds(RESOLVED_REFS, "all that it refers to is there"),
    };
    let ready = ready(&[&accepted, &resolved].map(|claim| (String::new(), claim)));
    vec![accepted, resolved, ready]
}

/// Whether it is about what a backend refers to, rather than about what it says.
fn is_reference(finding: &Finding) -> bool {
    matches!(finding.reason, Reason::SecretNotFound | Reason::InvalidSecretKey | Reason::ServiceNotFound)
}
