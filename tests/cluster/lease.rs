//! One of several candidates leads: another at once when it stops, and nobody while nobody hears the
//! API server.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use mailchute::controller::lease::{Candidate, Leadership, campaign};
use mailchute::controller::owner::Owner;
use mailchute::metrics::Metrics;
use mailchute::plan::ObjectName;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::harness::ControlPlane;
use crate::support::until::PATIENCE;

const LEASE: &str = "mailchute-controller";

/// A candidate at work.
struct Standing {
    leadership: watch::Receiver<Leadership>,
    metrics: Metrics,
    stop: oneshot::Sender<()>,
    work: JoinHandle<()>,
}

impl Standing {
    fn start(client: &Client, namespace: &str, identity: &str, deployment: Option<&str>) -> Self {
        let owner = Owner::new(client.clone(), namespace, deployment.map(str::to_owned));
        let lease = ObjectName::new(namespace, LEASE);
        let candidate = Candidate { identity: identity.to_owned(), lease, owner };
        let metrics = Metrics::new();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            drop(stopped.await);
        };
        let (leadership, work) = campaign(client.clone(), candidate, &metrics, stopped);
        Self { leadership, metrics, stop, work: tokio::spawn(work) }
    }

    async fn becomes(&mut self, leadership: Leadership) {
        let waiting = self.leadership.wait_for(|now| *now == leadership);
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {leadership:?}")).unwrap();
    }

    fn leads(&self) -> bool {
        let gauge = self.metrics.leader().get() == 1;
        assert_eq!(gauge, *self.leadership.borrow() == Leadership::Leader);
        gauge
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.work.await.unwrap();
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_stops_the_next_begins_at_once() {
    let plane = ControlPlane::shared();
    let (namespace, client) = (plane.namespace("lease"), plane.client().await);
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    let mut first = Standing::start(&client, &namespace, "first", None);
    first.becomes(Leadership::Leader).await;
    let mut second = Standing::start(&client, &namespace, "second", None);
    let renewed = |lease: &Lease| lease.spec.as_ref().unwrap().renew_time.clone().unwrap();
    let before = leases.get(LEASE).await.unwrap();
    assert_eq!(holder(&before), Some("first"));
    let renewing = async {
        while renewed(&leases.get(LEASE).await.unwrap()) == renewed(&before) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, renewing).await.expect("it is renewed");
    assert!(first.leads() && !second.leads());

    let stopped = Instant::now();
    first.stop().await;
    second.becomes(Leadership::Leader).await;
    assert!(
        stopped.elapsed() < Duration::from_secs(8),
        "{:?}: it waited for the Lease to run out",
        stopped.elapsed()
    );
    let after = leases.get(LEASE).await.unwrap();
    assert_eq!(holder(&after), Some("second"));
    // Given back, and taken: it changed hands once more.
    assert_eq!(after.spec.unwrap().lease_transitions, Some(1));
    second.stop().await;
    assert_eq!(holder(&leases.get(LEASE).await.unwrap()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_hears_nothing_stops_and_begins_again() {
    let plane = ControlPlane::start();
    let client = plane.client().await;
    let mut only = Standing::start(&client, "default", "only", None);
    only.becomes(Leadership::Leader).await;
    plane.stop_apiserver();
    let silent = Instant::now();
    only.becomes(Leadership::Follower).await;
    let silence = silent.elapsed();
    assert!(silence < Duration::from_secs(14), "{silence:?}: another may have begun");
    plane.start_apiserver();
    only.becomes(Leadership::Leader).await;
    only.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_belongs_to_the_deployment() {
    let plane = ControlPlane::shared();
    let (namespace, client) = (plane.namespace("lease-owner"), plane.client().await);
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    let mut orphan = Standing::start(&client, &namespace, "orphan", Some("control"));
    let gone = timeout(Duration::from_secs(5), orphan.leadership.changed()).await;
    assert!(gone.is_err() && leases.get_opt(LEASE).await.unwrap().is_none(), "its Deployment is gone");
    plane.kubectl().apply(&deployment(&namespace));
    orphan.becomes(Leadership::Leader).await;
    let owners = leases.get(LEASE).await.unwrap().metadata.owner_references.unwrap();
    let named: Vec<_> = owners.iter().map(|owner| (owner.kind.as_str(), owner.name.as_str())).collect();
    assert_eq!(named, [("Deployment", "control")]);
    orphan.stop().await;
}

/// A Deployment that nobody runs.
pub(crate) fn deployment(namespace: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: control, namespace: {namespace}}}\n\
         spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: control}}}}\n  template:\n    \
         metadata: {{labels: {{app: control}}}}\n    spec: {{containers: [{{name: a, image: a}}]}}\n"
    )
}
