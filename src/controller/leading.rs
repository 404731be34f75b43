//! All that one replica does alone, as long as it leads: status, Events, the authority.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;

use super::authority::{Keeper, Kept, Namespaces};
use super::lease::{Candidate, campaign};
use super::notify::Notifier;
use super::outdated;
use super::owner::Owner;
use super::picture::{Picture, Pictures};
use super::writer::Writer;
use crate::api::ApiKind;
use crate::metrics::Metrics;
use crate::plan::ObjectName;
use crate::source::cluster::Cluster;

/// What a leader needs.
#[derive(Debug)]
pub struct Leading {
    /// What there is, as last seen.
    pub cluster: Cluster,
    /// What is wanted.
    pub pictures: Pictures,
    /// The name of the pod.
    pub identity: String,
    /// The Lease, in the controller's namespace.
    pub lease: ObjectName,
    /// The Deployment in the controller's namespace that owns what is created.
    pub deployment: Option<String>,
    /// The authority that front-ends are to believe.
    pub authority: Kept,
    /// Name of the ConfigMaps that it is published in.
    pub config_map: String,
    /// Counts.
    pub metrics: Metrics,
}

impl Leading {
    /// Stands for election until `stopped`, and leads whenever elected.
    pub async fn run(self, client: Client, stopped: impl Future<Output = ()> + Send) {
        let owner = Owner::new(client.clone(), &self.lease.namespace, self.deployment);
        let candidate =
            Candidate { identity: self.identity.clone(), lease: self.lease, owner: owner.clone() };
        let (leadership, campaign) = campaign(client.clone(), candidate, &self.metrics, stopped);
        let (unpublished, told_unpublished) = watch::channel(Default::default());
        let (outdated, told_outdated) = watch::channel(Default::default());
        let (namespaces, seen_namespaces) = watch::channel(None);
        let writer = Writer {
            cluster: self.cluster.clone(),
            pictures: self.pictures.clone(),
            leadership: leadership.clone(),
            metrics: self.metrics.clone(),
        };
        let notifier = Notifier {
            cluster: self.cluster,
            pictures: self.pictures.clone(),
            leadership: leadership.clone(),
            unpublished: told_unpublished,
            outdated: told_outdated,
            owner: owner.clone(),
        };
        let keeper = Keeper {
            kept: self.authority,
            config_map: self.config_map,
            owner,
            namespaces: seen_namespaces,
            leadership,
        };
        let work = async {
            tokio::join!(
                writer.run(client.clone()),
                notifier.run(client.clone(), &self.identity),
                keeper.run(client.clone(), unpublished),
                outdated::watch(client.clone(), self.metrics, outdated),
                front_ends(self.pictures, namespaces),
            )
        };
        tokio::select! {
            () = campaign => {}
            _ = work => {}
        }
    }
}

/// Follows the namespaces that have front-ends: those of gateways that say who may fetch their snapshot,
/// and of gateways that can't be read, which may have said so.
async fn front_ends(mut pictures: Pictures, namespaces: watch::Sender<Namespaces>) {
    pictures.mark_changed();
    while pictures.changed().await.is_ok() {
        let picture = pictures.borrow_and_update().clone();
        if let Some(picture) = picture {
            let found = Some(Arc::new(with_front_ends(&picture)));
            namespaces.send_if_modified(|held| {
                let changed = *held != found;
                *held = found;
                changed
            });
        }
    }
}

fn with_front_ends(picture: &Picture) -> BTreeSet<String> {
    let snapshot = &picture.snapshot;
    let has =
        |name: &&ObjectName| snapshot.gateway(name).is_some_and(|gateway| gateway.spec.front_ends.is_some());
    let named = snapshot.gateways().filter(has);
    let unreadable = snapshot.unreadable().filter(|(kind, _, _)| *kind == ApiKind::Gateway);
    named.chain(unreadable.map(|(_, name, _)| name)).map(|name| name.namespace.clone()).collect()
}
