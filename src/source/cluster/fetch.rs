//! One question to the API server: an object with its contents, or how a CRD is.

use std::time::Duration;

use kube::Client;
use kube::api::GetParams;
use kube::core::Request;
use kube::{Api, Resource};
use serde_json::Value;
use tokio::time::timeout;

use super::contents::Fetched;
use super::doubt::Definition;
use super::follow::chain;
use super::index::Key;
use super::seen::Seen;
use crate::api::{
    ApiKind, ConfigMap, CustomResourceDefinition, MailBackend, MailGateway, MailRoute, RecipientPolicy,
    Secret,
};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Fetches a Secret or a ConfigMap.
///
/// Not by kube's typed call: that logs the whole answer where it can't be read, and here it is a Secret.
pub(super) async fn object(client: &Client, (kind, name): &Key) -> Fetched {
    let namespace = Some(name.namespace.as_str());
    let path = match kind {
        ApiKind::Secret => Secret::url_path(&(), namespace),
        _ => ConfigMap::url_path(&(), namespace),
    };
    let failed = |what: String| {
        tracing::debug!(kind = kind.name(), object = %name, what, "can't be fetched");
        Fetched::Failed
    };
    let request = match Request::new(path).get(&name.name, &GetParams::default()) {
        Ok(request) => request,
        Err(error) => return failed(chain(&error)),
    };
    match timeout(DEADLINE, client.request_text(request)).await {
        Err(_) => failed("no answer".to_owned()),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Fetched::Absent,
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => Fetched::Refused,
        Ok(Err(error)) => failed(chain(&error)),
        Ok(Ok(text)) => match serde_json::from_str(&text).map(|value: Value| Seen::read(*kind, value)) {
            Ok(Ok(Seen::Object { object, .. })) => Fetched::Found(object),
            // What the API server has stored it can also send; without a word of what it was.
            _ => failed("the answer is no such object".to_owned()),
        },
    }
}

/// Looks at the CRD of one of our kinds.
pub(super) async fn definition(client: &Client, kind: ApiKind) -> Definition {
    let plural = match kind {
        ApiKind::Gateway => MailGateway::plural(&()),
        ApiKind::Route => MailRoute::plural(&()),
        ApiKind::Backend => MailBackend::plural(&()),
        ApiKind::Policy => RecipientPolicy::plural(&()),
        // Those of Kubernetes have none.
        ApiKind::Secret | ApiKind::ConfigMap | ApiKind::Service | ApiKind::Namespace => {
            return Definition::Stands;
        }
    };
    let name = format!("{plural}.{}", crate::api::GROUP);
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    match timeout(DEADLINE, api.get_metadata_opt(&name)).await {
        Ok(Ok(Some(crd))) if crd.metadata.deletion_timestamp.is_none() => Definition::Stands,
        Ok(Ok(_)) => Definition::Falls,
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => Definition::Hidden,
        Ok(Err(error)) => {
            tracing::debug!(crd = name, what = chain(&error), "can't be looked at");
            Definition::Unknown
        }
        Err(_) => Definition::Unknown,
    }
}
