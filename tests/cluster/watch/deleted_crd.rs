//! A CRD that is deleted takes its objects with it, and what was published stays.

use super::{Watching, backend, in_flight, make_routes, route, routes};
use crate::harness::ControlPlane;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_crd_takes_no_route_out_of_service() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let (client, kubectl) = (plane.client().await, plane.kubectl());
    make_routes(&client, "default", "example.net", "hook", 30).await;
    kubectl.apply(&backend("default", "hook", 1));
    let watching = Watching::start(client, &[]);
    watching
        .until("the routes", |now| routes(now) == 30 && in_flight(now, "default", "hook") == Some(1))
        .await;
    let noted = watching.note_routes();

    kubectl.run(&["delete", "crd", "mailroutes.mailchute.dev", "--wait=false"]);
    // Each of them is told to be deleted, as if somebody had meant it.
    watching.counts("MailRoute", "deleted").await;
    // This asks for something to be published while they go.
    kubectl.apply(&backend("default", "hook", 2));
    watching.counts("MailRoute", "gone").await;
    kubectl.apply(&backend("default", "hook", 3));
    watching.counts("MailBackend", "applied").await;
    assert!(noted.lock().unwrap().iter().all(|count| *count == 30), "{noted:?}");

    plane.restore_crds();
    kubectl.apply(&route("default", "again"));
    let is_back = |now: &_| routes(now) == 1 && in_flight(now, "default", "hook") == Some(3);
    watching.until("what was applied since the CRD is back", is_back).await;
}
