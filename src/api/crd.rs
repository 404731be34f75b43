//! The CustomResourceDefinitions of our four kinds, and the number that tells an old one from a new one.
//!
//! Helm installs CRDs and never upgrades them, so those of a cluster may be older than the program that reads its
//! objects: fields that they lack are dropped by the API server before anyone sees them. Each CRD says its revision in
//! an annotation, by which the controller notices.

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::CustomResourceExt;

use super::{MailBackend, MailGateway, MailRoute, RecipientPolicy};

/// The annotation of our CRDs that says which revision of the schemas they are.
pub const SCHEMA_REVISION_ANNOTATION: &str = "mailchute.dev/schema-revision";

/// The revision of the schemas in this program. It rises by one with each release that changes a schema in more than
/// its descriptions.
pub const SCHEMA_REVISION: u32 = 1;

/// The CRDs of our four kinds, as `mailchute crd` prints them and the chart installs them.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 4] {
    let mut crds = [MailGateway::crd(), MailRoute::crd(), MailBackend::crd(), RecipientPolicy::crd()];
    for crd in &mut crds {
        let annotations = crd.metadata.annotations.get_or_insert_default();
        annotations.insert(SCHEMA_REVISION_ANNOTATION.into(), SCHEMA_REVISION.to_string());
    }
    crds
}

/// The revision that a CRD, known by its metadata, says of itself; 0 where it says none, as if it were the oldest.
#[must_use]
pub fn schema_revision(crd: &ObjectMeta) -> u32 {
    let said = crd.annotations.as_ref().and_then(|annotations| annotations.get(SCHEMA_REVISION_ANNOTATION));
    said.and_then(|said| said.parse().ok()).unwrap_or(0)
}
