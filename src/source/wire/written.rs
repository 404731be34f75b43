//! One object as it stands in a body, and as it stands in a version.
//!
//! What compile reads stands there: spec or data, and of the metadata name and age. All else (status, managed
//! fields, labels and annotations of our kinds) changes without any effect on mail, so a front-end hears
//! nothing of it. A Namespace keeps its labels, a Secret its uid and resourceVersion, which stand for its
//! contents in the version.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Serialize, Serializer};

use crate::api::{ApiKind, Object, Service};

/// An object, less what no front-end needs.
pub(super) struct Written<'a>(pub(super) &'a Object);

/// A Secret as uid, resourceVersion and names of keys. One without the first two, which the API server
/// gives to each, is told from others by its name and keys only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fingerprint<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
    keys: Vec<&'a str>,
}

impl<'a> Fingerprint<'a> {
    /// That of a Secret; other objects stand in a version as they stand in the body.
    pub(super) fn of(object: &'a Object) -> Option<Self> {
        let Object::Secret(secret) = object else { return None };
        Some(Self {
            kind: object.kind().name(),
            namespace: object.namespace(),
            name: object.name(),
            uid: secret.metadata.uid.as_deref(),
            resource_version: secret.metadata.resource_version.as_deref(),
            keys: secret.data.iter().flatten().map(|(key, _)| key.as_str()).collect(),
        })
    }
}

/// What is written of metadata. A resourceVersion moves with status, so only that of a Secret counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_timestamp: Option<&'a Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<&'a str>,
}

impl<'a> Metadata<'a> {
    fn of(object: &'a Object) -> Self {
        let metadata = object.metadata();
        let (namespace, secret) = (object.kind() == ApiKind::Namespace, object.kind() == ApiKind::Secret);
        Self {
            name: object.name(),
            namespace: object.namespace(),
            creation_timestamp: metadata.creation_timestamp.as_ref(),
            labels: metadata.labels.as_ref().filter(|_| namespace),
            uid: metadata.uid.as_deref().filter(|_| secret),
            resource_version: metadata.resource_version.as_deref().filter(|_| secret),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, C> {
    api_version: String,
    kind: &'static str,
    metadata: Metadata<'a>,
    #[serde(flatten)]
    content: C,
}

#[derive(Serialize)]
struct Spec<'a, S> {
    spec: &'a S,
}

/// A Secret is its data, and so is a ConfigMap.
#[derive(Serialize)]
struct Data<'a, D> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: &'a Option<BTreeMap<String, D>>,
}

/// A Service is its type and port numbers: neither its addresses nor what runs behind them.
#[derive(Serialize)]
struct Ports<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_: Option<&'a str>,
    ports: Vec<Port>,
}

#[derive(Serialize)]
struct Port {
    port: i32,
}

impl<'a> Ports<'a> {
    fn of(service: &'a Service) -> Option<Self> {
        let spec = service.spec.as_ref()?;
        let ports = spec.ports.iter().flatten().map(|each| Port { port: each.port });
        Some(Self { type_: spec.type_.as_deref(), ports: ports.collect() })
    }
}

/// A Namespace is its labels.
#[derive(Serialize)]
struct NoContent {}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Object::Gateway(object) => self.with(Spec { spec: &object.spec }).serialize(serializer),
            Object::Route(object) => self.with(Spec { spec: &object.spec }).serialize(serializer),
            Object::Backend(object) => self.with(Spec { spec: &object.spec }).serialize(serializer),
            Object::Policy(object) => self.with(Spec { spec: &object.spec }).serialize(serializer),
            Object::Service(object) => self.with(Spec { spec: &Ports::of(object) }).serialize(serializer),
            Object::Namespace(_) => self.with(NoContent {}).serialize(serializer),
            Object::Secret(object) => self.with(Data { data: &object.data }).serialize(serializer),
            Object::ConfigMap(object) => self.with(Data { data: &object.data }).serialize(serializer),
        }
    }
}

impl<'a> Written<'a> {
    fn with<C>(&self, content: C) -> Document<'a, C> {
        Document {
            api_version: self.0.kind().api_version(),
            kind: self.0.kind().name(),
            metadata: Metadata::of(self.0),
            content,
        }
    }
}
