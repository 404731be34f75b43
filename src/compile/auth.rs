//! Who may sign in, and on which listeners.
//!
//! A listener that takes AUTH is not opened where nobody could sign in. What is wrong with one user
//! stays with that user; whoever fails to sign in is then told to come again, since it may be that user.

use std::sync::Arc;

use super::defaults;
use super::findings::Findings;
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::gateway::MailGatewaySpec;
use crate::api::listener::{AuthMode, Listener};
use crate::plan::{ListenerAuth, ObjectName, Reason};
use crate::sasl::{Credentials, Flaw};

const FIELD: &str = "spec.auth.credentialsSecretRef";

/// Entries of a Secret that are told each; of the others only the number is.
const TOLD: usize = 5;

/// Whether clients may sign in on a listener.
pub fn takes_auth(listener: &Listener) -> bool {
    defaults::auth_mode(listener) != AuthMode::Disabled
}

/// The credentials, where a listener needs them; `None` where nobody can sign in.
pub(super) fn credentials(
    snapshot: &Snapshot,
    gateway: &ObjectName,
    spec: &MailGatewaySpec,
    findings: &mut Findings,
) -> Option<Arc<Credentials>> {
    let auth = spec.auth.as_ref().filter(|_| spec.listeners.iter().any(takes_auth))?;
    let (namespace, name) = (&gateway.namespace, &auth.credentials_secret_ref.name);
    let mut report = |reason, message: String| {
        findings.report((ApiKind::Gateway, gateway), reason, FIELD, message);
    };
    let closed = "until then no listener that takes AUTH is opened";
    let Some(secret) = snapshot.secret(namespace, name) else {
        let message = format!("there is no Secret {namespace}/{name}: create it, or name another; {closed}");
        report(Reason::SecretNotFound, message);
        return None;
    };
    let entries = secret.data.iter().flatten().map(|(key, value)| (key.as_str(), &*value.0));
    let (credentials, flaws) = Credentials::read(entries);
    for Flaw { key, line, kind } in flaws.iter().take(TOLD) {
        let line = line.map_or(String::new(), |line| format!(", line {line},"));
        report(Reason::InvalidSecretKey, format!("key {key}{line} of Secret {namespace}/{name} {kind}"));
    }
    if let others @ 1.. = flaws.len().saturating_sub(TOLD) {
        let message = format!("Secret {namespace}/{name} has {others} more entries that can't be used");
        report(Reason::InvalidSecretKey, message);
    }
    if credentials.is_none() {
        let message = format!("Secret {namespace}/{name} has nobody who can sign in; {closed}");
        report(Reason::InvalidSecretKey, message);
    }
    credentials.map(Arc::new)
}

/// AUTH on one listener, as the data path needs it.
pub(super) fn of_listener(
    listener: &Listener,
    credentials: Option<&Arc<Credentials>>,
) -> Option<Arc<ListenerAuth>> {
    let credentials = credentials.filter(|_| takes_auth(listener))?;
    Some(Arc::new(ListenerAuth {
        required: defaults::auth_mode(listener) == AuthMode::Require,
        allow_plaintext: listener.auth.as_ref().is_some_and(|auth| auth.allow_plaintext),
        credentials: Arc::clone(credentials),
    }))
}
