//! Our kinds as a real apiserver has them: what it takes, what it refuses and how it says so, what it fills in.
//!
//! | file | what |
//! | --- | --- |
//! | `rules.yaml` | for each CEL rule what breaks it and what keeps it |
//! | `whole.yaml` | specs that together hold every field |

mod bounds;
mod crds;
mod defaults;
mod examples;
mod rules;
mod unknown;

use std::collections::BTreeMap;

use http::Request;
use kube::Client;
use kube::core::Status;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::ControlPlane;

/// One spec of one of our kinds.
#[derive(Deserialize)]
struct Whole {
    kind: String,
    spec: Value,
}

/// Specs that together hold every field there is.
fn whole() -> Vec<Whole> {
    serde_saphyr::from_str(include_str!("whole.yaml")).unwrap()
}

/// Asks an apiserver what it makes of objects, without keeping them.
struct Asking {
    client: Client,
    /// The plural of each kind.
    plurals: BTreeMap<String, String>,
}

impl Asking {
    async fn start() -> Self {
        let plane = ControlPlane::shared();
        plane.install_crds();
        let names =
            mailchute::api::crds().into_iter().map(|crd| (crd.spec.names.kind, crd.spec.names.plural));
        Self { client: plane.client().await, plurals: names.collect() }
    }

    /// The spec as it would stand there, or why it would not; unknown fields are errors.
    async fn strictly(&self, kind: &str, spec: &Value) -> Result<Value, Box<Status>> {
        self.create(kind, &json!({ "spec": spec }), "Strict").await.map(|object| object["spec"].clone())
    }

    /// The object as it would stand there, with unknown fields treated as `validation` says.
    async fn create(&self, kind: &str, object: &Value, validation: &str) -> Result<Value, Box<Status>> {
        let plural = &self.plurals[kind];
        let mut object = object.clone();
        object["apiVersion"] = json!("mailchute.dev/v1alpha1");
        object["kind"] = json!(kind);
        object["metadata"] = json!({ "generateName": "asked-" });
        let uri = format!(
            "/apis/mailchute.dev/v1alpha1/namespaces/default/{plural}?dryRun=All&fieldValidation={validation}"
        );
        let request = Request::post(uri).header("content-type", "application/json");
        let request = request.body(serde_json::to_vec(&object).unwrap()).unwrap();
        match self.client.request(request).await {
            Ok(object) => Ok(object),
            Err(kube::Error::Api(status)) => Err(status),
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

/// Where, and what is wrong there.
fn causes(status: &Status) -> Vec<(String, String)> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.map(|cause| (cause.field.clone(), cause.message.clone())).collect()
}
