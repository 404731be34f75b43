//! An object that can't be read stops nothing, and neither does one with fields that are not known.

use mailchute::api::ApiKind;
use mailchute::compile::Snapshot;

use super::{Watching, backend, find, in_flight, route};
use crate::harness::ControlPlane;
use crate::support::until::until_true;

fn is_unreadable(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.unreadable().any(|(kind, each, _)| kind == ApiKind::Route && each.name == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_object_leaves_the_rest() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let kubectl = plane.kubectl();
    kubectl.apply(&format!("{}---\n{}", route("default", "good"), backend("default", "hook", 1)));
    let watching = Watching::start(plane.client().await, &[]);
    watching.until("the route", |now| find(now, ApiKind::Route, "default", "good").is_some()).await;

    plane.loosen_crd("mailroutes");
    let broken = "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {name: bad, namespace: default}\n\
                  spec: {parentRefs: nobody, rules: 7}\n";
    let odd = route("default", "odd").replace("spec:\n", "spec:\n  tier: gold\n");
    for manifest in [broken, &odd] {
        until_true("the loose CRD is in use", || {
            kubectl.with_input(&["apply", "--validate=false", "--filename=-"], manifest).0
        });
    }
    let seen =
        |now: &Snapshot| is_unreadable(now, "bad") && find(now, ApiKind::Route, "default", "odd").is_some();
    let published = watching.until("the malformed one is told, the odd one is read", seen).await;
    let problem = published.unreadable().next().unwrap().2.to_owned();
    assert!(problem.starts_with("spec.parentRefs: "), "{problem}");
    watching.counts("MailRoute", "unreadable").await;
    // A watch that was there before may yet be served by the CRD as it was, which has no such field.
    let anew = Watching::start(plane.client().await, &[]);
    anew.until("anything", |_| true).await;
    anew.counts("MailRoute", "unknown_fields").await;

    plane.restore_crds();
    kubectl.apply(&backend("default", "hook", 2));
    let published =
        watching.until("a later change", |now| in_flight(now, "default", "hook") == Some(2)).await;
    assert!(
        is_unreadable(&published, "bad") && find(&published, ApiKind::Route, "default", "good").is_some()
    );

    let anew = Watching::start(plane.client().await, &[]);
    let first = anew.until("anything", |_| true).await;
    assert!(is_unreadable(&first, "bad") && find(&first, ApiKind::Route, "default", "good").is_some());

    kubectl.apply(&route("default", "bad"));
    let is_mended = |now: &Snapshot| now.unreadable().count() == 0 && super::routes(now) == 3;
    watching.until("it is mended", is_mended).await;
}
