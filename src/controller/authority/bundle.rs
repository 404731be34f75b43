//! What front-ends are to believe, in a ConfigMap of their namespace.
//!
//! The ConfigMap is not made here: the chart renders it, empty, with the front-ends that mount it. One
//! that is absent is told.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::controller::FIELD_MANAGER;

/// The key of the ConfigMap.
const KEY: &str = "ca.crt";

/// How it stands in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// It is there.
    Current,
    /// There is no such ConfigMap.
    Absent,
}

/// Writes the bundle where it is not there yet.
pub(super) async fn publish(
    client: &Client,
    namespace: &str,
    config_map: &str,
    bundle: &str,
) -> kube::Result<Published> {
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let Some(held) = config_maps.get_opt(config_map).await? else { return Ok(Published::Absent) };
    if held.data.and_then(|data| data.get(KEY).map(|held| held == bundle)) == Some(true) {
        return Ok(Published::Current);
    }
    // A merge, not an apply: an apply would create a ConfigMap that has gone meanwhile.
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "data": { KEY: bundle } }));
    match config_maps.patch(config_map, &params, &patch).await {
        Ok(_) => {
            tracing::info!(namespace, config_map, "the authority was published");
            Ok(Published::Current)
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Published::Absent),
        Err(error) => Err(error),
    }
}
