//! Who owns what the controller creates: its Deployment, so that all of it goes with it.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client, Resource};

/// The Deployment that the controller runs in, where it runs in one.
#[derive(Debug, Clone)]
pub struct Owner {
    namespace: String,
    deployment: Option<(Api<Deployment>, String)>,
}

/// What to write into an object that is created.
#[derive(Debug, Clone, PartialEq)]
pub enum Ownership {
    /// Nothing: the controller runs outside of a Deployment.
    Nobody,
    /// This.
    Deployment(OwnerReference),
    /// The Deployment is gone or going, and so is all else: nothing is to be created any more.
    Gone,
}

impl Owner {
    /// `deployment` is its name, none outside of a cluster.
    pub fn new(client: Client, namespace: &str, deployment: Option<String>) -> Self {
        let deployment = deployment.map(|name| (Api::namespaced(client, namespace), name));
        Self { namespace: namespace.to_owned(), deployment }
    }

    /// The same, for an Event about it.
    pub(super) fn reference(&self, owner: OwnerReference) -> ObjectReference {
        ObjectReference {
            api_version: Some(owner.api_version),
            kind: Some(owner.kind),
            namespace: Some(self.namespace.clone()),
            name: Some(owner.name),
            uid: Some(owner.uid),
            ..ObjectReference::default()
        }
    }

    /// As it is now.
    ///
    /// # Errors
    ///
    /// The API server does not say.
    pub async fn find(&self) -> kube::Result<Ownership> {
        let Some((deployments, name)) = &self.deployment else { return Ok(Ownership::Nobody) };
        let found = deployments.get_opt(name).await?;
        let lives = found.filter(|deployment| deployment.metadata.deletion_timestamp.is_none());
        let reference = lives.and_then(|deployment| deployment.owner_ref(&()));
        Ok(reference.map_or(Ownership::Gone, Ownership::Deployment))
    }
}
