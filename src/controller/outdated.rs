//! CRDs in the cluster that are older than this program: the API server drops fields of objects that they
//! do not know, before anybody sees them. Helm never upgrades CRDs, so this happens.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::api::crd::{SCHEMA_REVISION, schema_revision};
use crate::api::crds;
use crate::metrics::Metrics;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);
/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(10);

/// What an Event says of it, and a log line.
pub(super) const ADVICE: &str = "the API server drops fields that it does not know: run `mailchute crd | kubectl apply --server-side -f -`";

/// Names of our CRDs that are outdated.
pub(super) type Outdated = BTreeSet<String>;

/// Looks every minute, until nobody wants to know.
pub(super) async fn watch(client: Client, metrics: Metrics, outdated: watch::Sender<Outdated>) {
    let found: Api<CustomResourceDefinition> = Api::all(client);
    while !outdated.is_closed() {
        for ours in crds() {
            let (name, kind) = (ours.metadata.name.unwrap_or_default(), ours.spec.names.kind);
            // One that is absent is told by those who watch its objects; an API server that does not
            // answer, by others.
            if let Ok(Ok(Some(crd))) = timeout(WITHIN, found.get_metadata_opt(&name)).await {
                let revision = schema_revision(&crd.metadata);
                let old = revision < SCHEMA_REVISION;
                metrics.crd_outdated(&kind).set(i64::from(old));
                outdated.send_if_modified(|all| {
                    let changed = if old { all.insert(name.clone()) } else { all.remove(&name) };
                    if changed && old {
                        let ours = SCHEMA_REVISION;
                        tracing::warn!(
                            crd = name,
                            revision,
                            ours,
                            "a CRD is older than this controller: {ADVICE}"
                        );
                    } else if changed {
                        tracing::info!(crd = name, revision, "a CRD is no longer outdated");
                    }
                    changed
                });
            }
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = outdated.closed() => return,
        }
    }
}
