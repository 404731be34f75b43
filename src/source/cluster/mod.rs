//! API objects of a cluster: watched, held, and published as a whole whenever something has changed.
//!
//! ```text
//!  follow (one task per kind) ──News──▶ keeper ──▶ index (pure) ──▶ Option<Arc<Snapshot>>
//!                                         │  ▲
//!                                         ▼  │ objects, CRDs
//!                                        fetch
//! ```
//!
//! Our kinds, Services and Namespaces are watched whole, and where `watch_namespaces` says so, Services in
//! those namespaces only. Of Secrets and ConfigMaps only names and versions are watched, and those that
//! one of our objects refers to are fetched, and again when their version changes. Our own kinds are watched
//! in the whole cluster all the same: who may attach is for gateways to say, and each object is to be
//! told in its status what became of it; a Secret outside `watch_namespaces` is then one that is not there.
//!
//! One object that can't be read is told as unreadable and stops nothing. A list counts when it is
//! complete. While a kind is not served (its CRD is gone), or its CRD is about to go and takes its objects
//! with it, nothing is published: what was stays. So it does when the API server is away.
//!
//! What is needed by way of RBAC: get, list and watch of all that is watched, and get of our own
//! CustomResourceDefinitions.

mod backoff;
mod contents;
mod debounce;
mod doubt;
mod fetch;
mod follow;
mod index;
mod keeper;
mod seen;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use kube::core::NamespaceResourceScope;
use kube::{Api, Client};
use tokio::sync::{mpsc, watch as channel};
use tokio::task::JoinSet;

use crate::api::{
    ApiKind, ConfigMap, MailBackend, MailGateway, MailRoute, Namespace, RecipientPolicy, Secret, Service,
};
use crate::compile::{Inspected, Snapshot};
use crate::metrics::Metrics;
use crate::plan::ObjectName;
use follow::{News, follow};
use index::{Index, Scope};
use keeper::Keeper;
use seen::{Guarded, Watched};

/// What is watched.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The namespaces whose Secrets, ConfigMaps and Services are read; empty: all.
    pub watch_namespaces: BTreeSet<String>,
}

/// A cluster that is watched for as long as this or a receiver of its changes is held.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// All objects, anew whenever one of them means something else: `None` until all have been listed.
    ///
    /// Not for a change of status. Changes are waited out: nothing may have changed for 100 ms, and after
    /// 500 ms they are told even so.
    pub changes: channel::Receiver<Option<Arc<Snapshot>>>,
    /// Counts, at once, whatever happens to our objects and to what they refer to, a change of status too.
    pub touched: channel::Receiver<u64>,
    index: Arc<RwLock<Index>>,
}

impl Cluster {
    /// One of our objects as it was last seen, with its status and its resourceVersion. None where it is
    /// not there, or can't be read.
    pub fn latest(&self, kind: ApiKind, name: &ObjectName) -> Option<Arc<Inspected>> {
        self.index().latest(kind, name)
    }

    /// The uid of one of our objects as it was last seen, of one that can't be read too. None where it is not
    /// there.
    pub fn uid(&self, kind: ApiKind, name: &ObjectName) -> Option<String> {
        self.index().uid(kind, name)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So much of what watches see may wait to be taken.
const NEWS: usize = 256;

/// Begins to watch a cluster. Needs a tokio runtime.
pub fn watch(client: Client, options: &Options, metrics: Metrics) -> Cluster {
    let (sender, news) = mpsc::channel(NEWS);
    let mut watches = Watches {
        client,
        namespaces: &options.watch_namespaces,
        sender,
        scopes: Vec::new(),
        tasks: JoinSet::new(),
    };
    watches.everywhere::<MailGateway>();
    watches.everywhere::<MailRoute>();
    watches.everywhere::<MailBackend>();
    watches.everywhere::<RecipientPolicy>();
    watches.everywhere::<Namespace>();
    watches.where_allowed::<Service>();
    watches.where_allowed::<Secret>();
    watches.where_allowed::<ConfigMap>();
    let Watches { client, scopes, tasks, .. } = watches;
    for kind in ApiKind::ALL {
        metrics.watches_out_of_sync(kind.name(), 1);
    }
    let index = Arc::new(RwLock::new(Index::new(scopes)));
    let (changes, seen_changes) = channel::channel(None);
    let (touched, seen_touched) = channel::channel(0);
    let keeper = Keeper::new(client, Arc::clone(&index), changes, touched, metrics);
    tokio::spawn(keeper.run(news, tasks));
    Cluster { changes: seen_changes, touched: seen_touched, index }
}

struct Watches<'a> {
    client: Client,
    namespaces: &'a BTreeSet<String>,
    sender: mpsc::Sender<(Scope, News)>,
    scopes: Vec<Scope>,
    tasks: JoinSet<()>,
}

impl Watches<'_> {
    fn everywhere<K: Watched>(&mut self) {
        let api: Api<Guarded<K>> = Api::all(self.client.clone());
        self.start(api, None);
    }

    fn where_allowed<K: Watched<Scope = NamespaceResourceScope>>(&mut self) {
        if self.namespaces.is_empty() {
            return self.everywhere::<K>();
        }
        for namespace in self.namespaces {
            let api: Api<Guarded<K>> = Api::namespaced(self.client.clone(), namespace);
            self.start(api, Some(namespace.clone()));
        }
    }

    fn start<K: Watched>(&mut self, api: Api<Guarded<K>>, namespace: Option<String>) {
        let scope = Scope { kind: K::KIND, namespace };
        self.scopes.push(scope.clone());
        self.tasks.spawn(follow(api, scope, self.sender.clone()));
    }
}
