//! The services that policies ask whether a recipient exists, with their secrets at hand.

use std::collections::HashMap;
use std::sync::Arc;

use super::Origin;
use super::endpoint::Reader;
use super::fault::Faults;
use super::findings::Findings;
use super::http::Written;
use super::snapshot::Snapshot;
use crate::api::ApiKind;
use crate::api::policy::{OnError, VerificationHttp};
use crate::plan::{ObjectName, Verification};

/// By policy: its service; `None` for one that can't be used. Policies without one are not in it.
pub(super) type Verifications<'a> = HashMap<&'a ObjectName, Option<Arc<Verification>>>;

/// Reads the service of every policy that has one.
pub(super) fn read_all<'a>(
    snapshot: &'a Snapshot,
    origin: Origin,
    faults: &Faults<'_>,
    findings: &mut Findings,
) -> Verifications<'a> {
    let mut read = HashMap::new();
    for (name, policy) in snapshot.policies() {
        let Some(written) = &policy.spec.verification else { continue };
        let VerificationHttp { service, url, path, auth, tls } = &written.http;
        let reader =
            Reader::new(snapshot, origin, (ApiKind::Policy, name, "spec.verification.http"), findings);
        let http = reader.read(&Written { service, url, path, auth, tls });
        let sound = !faults.of(ApiKind::Policy, name).iter().any(|fault| fault.is_under("spec.verification"));
        let verification = http.filter(|_| sound).map(|http| {
            Arc::new(Verification {
                label: name.to_string().into(),
                http,
                timeout: written.timeout.as_std(),
                positive: written.cache.positive.as_std(),
                negative: written.cache.negative.as_std(),
                accept_on_error: written.on_error == OnError::Accept,
            })
        });
        read.insert(name, verification);
    }
    read
}
