//! An apiserver that goes and comes back: what is known stays, and nobody sees half of a list.

use super::{Watching, backend, in_flight, make_routes, routes};
use crate::harness::ControlPlane;

/// More than two pages of a list.
const ROUTES: usize = 1_200;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_apiserver_loses_nothing_and_shows_no_half() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let client = plane.client().await;
    make_routes(&client, "default", "example.net", "hook", ROUTES).await;
    plane.kubectl().apply(&backend("default", "hook", 1));
    let watching = Watching::start(client, &[]);
    watching.until("the routes", |now| routes(now) == ROUTES).await;
    let noted = watching.note_routes();

    for round in 2..4 {
        plane.stop_apiserver();
        watching.counts("MailRoute", "failed").await;
        plane.start_apiserver();
        // Changes while the watches list again.
        plane.kubectl().apply(&backend("default", "hook", round));
        watching.until("the change", |now| in_flight(now, "default", "hook") == Some(round)).await;
    }
    let synced = "mailchute_watch_synced{kind=\"MailRoute\"} 1";
    let working = async {
        while !watching.metrics.render().contains(synced) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::until::PATIENCE, working)
        .await
        .expect("the watch never works again");
    let noted = noted.lock().unwrap();
    assert!(!noted.is_empty() && noted.iter().all(|count| *count == ROUTES), "{noted:?}");
}
