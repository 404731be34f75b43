//! The Kubernetes API of Mailchute: the types of its four kinds, their schemas, and nothing else.
//!
//! | kind | short | who writes it | what it says |
//! | --- | --- | --- | --- |
//! | [`MailGateway`] | mgw | platform team | listeners, TLS, which domains exist and which namespaces may claim them |
//! | [`MailRoute`] | mrt | application team | recipients → backends |
//! | [`MailBackend`] | mbe | application team | one destination |
//! | [`RecipientPolicy`] | rcp | either | which recipients exist, limits, what is asked of senders |
//!
//! Group `mailchute.dev`, version `v1alpha1`. This is config *as written*: `compile` makes of it what the data path
//! needs, and no type from here goes further. Only this room uses kube's derive, k8s-openapi and schemars.
//!
//! - Doc comments of fields become the descriptions in the CRDs.
//! - Constant defaults stand in the types and in the schema, so `kubectl get -o yaml` shows them. What depends on a
//!   listener's profile (`auth.mode`) or means something by its absence is an `Option` or an empty list.
//! - A `null` is the same as a field that is left out in a cluster (the API server drops it); in files it is an error
//!   where the field has a default.
//! - Fields that are unknown are not refused here: who reads files finds them with `serde_ignored`.
//! - What one object can tell about itself is held twice, since files meet no API server: [`bounds`] checks an object
//!   against the limits of its own schema, and each CEL rule of [`rules::ALL`] has a twin in `compile`.
//! - No value of an enum is a word that YAML 1.1 reads as a boolean, and no field is called `null`.

pub mod backend;
pub mod bounds;
pub mod broker;
pub mod crd;
mod duration;
pub mod gateway;
pub mod listener;
pub mod matches;
mod object;
pub mod policy;
pub mod reference;
pub mod route;
pub mod rules;
mod schema;
mod size;
pub mod status;

#[cfg(test)]
mod tests;

pub use self::{
    backend::{MailBackend, MailBackendSpec},
    crd::crds,
    duration::{Duration, DurationError},
    gateway::{MailGateway, MailGatewaySpec},
    object::{ApiKind, Object},
    policy::{RecipientPolicy, RecipientPolicySpec},
    route::{MailRoute, MailRouteSpec},
    size::{Size, SizeError},
};

pub use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Namespace, Secret, Service, ServicePort, ServiceSpec},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

/// The API group of our kinds.
pub const GROUP: &str = "mailchute.dev";

/// The version of our kinds.
pub const VERSION: &str = "v1alpha1";
