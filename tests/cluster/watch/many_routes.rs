//! 10,000 routes at once: they are published in steps while they come, and in the end all are there.

use super::{Watching, make_routes, routes};
use crate::harness::ControlPlane;

const ROUTES: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_routes_at_once_are_all_published() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let client = plane.client().await;
    let watching = Watching::start(client.clone(), &[]);
    watching.until("anything", |_| true).await;
    let noted = watching.note_routes();
    make_routes(&client, "default", "example.net", "hook", ROUTES).await;
    watching.until("all of them", |now| routes(now) == ROUTES).await;
    let noted = noted.lock().unwrap().clone();
    assert!(noted.is_sorted(), "routes were lost on the way: {noted:?}");

    let anew = Watching::start(client, &[]);
    let first = anew.until("anything", |_| true).await;
    assert_eq!(routes(&first), ROUTES);
}
