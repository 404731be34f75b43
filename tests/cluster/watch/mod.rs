//! A cluster that is watched: what is published of it, and when nothing may be.

mod deleted_crd;
mod many_routes;
mod namespaces;
mod restart;
mod secrets;
mod unreadable;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use kube::api::PostParams;
use kube::{Api, Client};
use mailchute::api::{ApiKind, MailRoute, Object};
use mailchute::compile::Snapshot;
use mailchute::metrics::Metrics;
use mailchute::source::cluster::{self, Cluster, Options};
use tokio::time::timeout;

use crate::support::until::PATIENCE;

/// A cluster that is watched.
struct Watching {
    cluster: Cluster,
    metrics: Metrics,
}

impl Watching {
    fn start(client: Client, namespaces: &[&str]) -> Self {
        let metrics = Metrics::new();
        let watch_namespaces: BTreeSet<String> = namespaces.iter().map(|&name| name.to_owned()).collect();
        let cluster = cluster::watch(client, &Options { watch_namespaces }, metrics.clone());
        Self { cluster, metrics }
    }

    /// Waits until something is published that is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut changes = self.cluster.changes.clone();
        let waiting = changes.wait_for(|published| published.as_deref().is_some_and(&wanted));
        let published = timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
            let published = self.cluster.changes.borrow().clone();
            panic!("waited in vain: {what}; published is {published:?}, after\n{}", self.metrics.render())
        });
        published.unwrap().clone().unwrap()
    }

    /// Waits until an event of a kind's watch has been counted.
    async fn counts(&self, kind: &str, event: &str) {
        let series = format!("mailchute_watch_events_total{{event=\"{event}\",kind=\"{kind}\"}}");
        let counted = async {
            while !self.metrics.render().contains(&series) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, counted)
            .await
            .unwrap_or_else(|_| panic!("never counted: {series} in\n{}", self.metrics.render()));
    }

    /// Notes of all that is published from now on how many routes are in it.
    fn note_routes(&self) -> Arc<Mutex<Vec<usize>>> {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let (notes, mut changes) = (Arc::clone(&noted), self.cluster.changes.clone());
        changes.mark_unchanged();
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let count = changes.borrow_and_update().as_deref().map_or(0, routes);
                notes.lock().unwrap().push(count);
            }
        });
        noted
    }
}

fn routes(snapshot: &Snapshot) -> usize {
    snapshot.objects().filter(|(_, object)| object.kind() == ApiKind::Route).count()
}

fn find<'a>(snapshot: &'a Snapshot, kind: ApiKind, namespace: &str, name: &str) -> Option<&'a Object> {
    let mut objects = snapshot.objects();
    objects
        .find(|(each, object)| object.kind() == kind && each.namespace == namespace && each.name == name)
        .map(|(_, object)| object)
}

/// How many deliveries at once a backend is meant to take: a field to change and to look at.
fn in_flight(snapshot: &Snapshot, namespace: &str, name: &str) -> Option<u32> {
    match find(snapshot, ApiKind::Backend, namespace, name)? {
        Object::Backend(backend) => Some(backend.spec.limits.max_in_flight),
        _ => None,
    }
}

fn backend(namespace: &str, name: &str, in_flight: u32) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{http: {{url: \"https://hooks.example/in\"}}, limits: {{maxInFlight: {in_flight}}}}}\n"
    )
}

fn route(namespace: &str, name: &str) -> String {
    route_to(namespace, name, "example.net", "hook")
}

fn route_to(namespace: &str, name: &str, domain: &str, backend: &str) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec:\n  parentRefs: [{{name: public}}]\n  rules:\n  - name: all\n    matches: [{{recipient: {{domain: \
         {domain}, localPart: {{type: Exact, value: {name}}}}}}}]\n    delivery: {{backendRefs: [{{name: {backend}}}]}}\n"
    )
}

/// Makes so many routes as fast as the apiserver takes them, each for a recipient of its name.
pub(crate) async fn make_routes(client: &Client, namespace: &str, domain: &str, backend: &str, count: usize) {
    let api: &Api<MailRoute> = &Api::namespaced(client.clone(), namespace);
    let make = |index: usize| async move {
        let yaml = route_to(namespace, &format!("route-{index}"), domain, backend);
        let loaded = mailchute::source::parse("route", &yaml).unwrap();
        let (_, Object::Route(route)) = loaded.snapshot.objects().next().unwrap() else { panic!("no route") };
        api.create(&PostParams::default(), route).await.unwrap();
    };
    stream::iter(0..count).for_each_concurrent(16, make).await;
}
