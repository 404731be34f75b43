//! One write of a status.

use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::Status as ApiStatus;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::rest::Key;
use crate::api::{ApiKind, GROUP, MailBackend, MailGateway, MailRoute, RecipientPolicy, VERSION};
use crate::controller::FIELD_MANAGER;
use crate::metrics::PatchResult;
use crate::status::Status;

/// How long one write may take.
const WITHIN: Duration = Duration::from_secs(10);

/// How a write ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It stands there.
    Written {
        /// Version of the object before.
        read: String,
        /// And behind.
        written: String,
    },
    /// The object has changed since it was read.
    Conflict,
    /// There is no such object.
    Gone,
    /// The API server does not take this status, and would not take it again.
    Refused(String),
    /// The API server is not well, or far away.
    Trouble {
        /// What was seen of it.
        error: String,
        /// When it wants to be asked again.
        again: Option<Duration>,
    },
}

impl Outcome {
    pub(super) fn result(&self) -> PatchResult {
        match self {
            Self::Written { .. } => PatchResult::Written,
            Self::Conflict => PatchResult::Conflict,
            Self::Gone => PatchResult::Gone,
            Self::Refused(_) | Self::Trouble { .. } => PatchResult::Failed,
        }
    }
}

/// Writes status.
pub(super) struct Patcher {
    client: Client,
}

impl Patcher {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Applies `status` to an object as of `version`.
    pub(super) fn write(
        &self,
        key: Key,
        version: String,
        status: &Status,
    ) -> impl Future<Output = (Key, Outcome)> + Send + use<> {
        let status = serde_json::to_value(status).map_err(|error| error.to_string());
        let client = self.client.clone();
        async move {
            let outcome = match status {
                Ok(status) => apply(client, &key, version, status).await,
                Err(error) => Outcome::Refused(error),
            };
            (key, outcome)
        }
    }
}

async fn apply(client: Client, key: &Key, version: String, status: Value) -> Outcome {
    let (kind, name) = key;
    let Some(resource) = resource(*kind) else { return Outcome::Refused("not of ours".to_owned()) };
    let objects: Api<DynamicObject> = Api::namespaced_with(client, &name.namespace, &resource);
    let applied = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": kind.name(),
        "metadata": { "name": name.name, "namespace": name.namespace, "resourceVersion": version },
        "status": status,
    });
    // `parents` and `ancestors` are atomic, so others own them too.
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&applied);
    match tokio::time::timeout(WITHIN, objects.patch_status(&name.name, &params, &patch)).await {
        Ok(Ok(object)) => {
            Outcome::Written { read: version, written: object.metadata.resource_version.unwrap_or_default() }
        }
        Ok(Err(kube::Error::Api(status))) => refused(&status),
        Ok(Err(error)) => Outcome::Trouble { error: error.to_string(), again: None },
        Err(_) => Outcome::Trouble { error: "no answer in time".to_owned(), again: None },
    }
}

fn refused(status: &ApiStatus) -> Outcome {
    match status.code {
        404 => Outcome::Gone,
        409 => Outcome::Conflict,
        // Without leave for one there is none for any.
        401 | 403 | 429 | 500.. => {
            let details = status.details.as_ref();
            let seconds = details.map_or(0, |details| details.retry_after_seconds);
            let again = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            Outcome::Trouble { error: status.to_string(), again }
        }
        _ => Outcome::Refused(status.to_string()),
    }
}

fn resource(kind: ApiKind) -> Option<ApiResource> {
    match kind {
        ApiKind::Gateway => Some(ApiResource::erase::<MailGateway>(&())),
        ApiKind::Route => Some(ApiResource::erase::<MailRoute>(&())),
        ApiKind::Backend => Some(ApiResource::erase::<MailBackend>(&())),
        ApiKind::Policy => Some(ApiResource::erase::<RecipientPolicy>(&())),
        ApiKind::Secret | ApiKind::ConfigMap | ApiKind::Service | ApiKind::Namespace => None,
    }
}
