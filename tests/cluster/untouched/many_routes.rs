//! 10,000 routes at once: those who were taken still are, and in the end all are.

use super::{asking, is_taken, serving};
use crate::harness::ControlPlane;
use crate::support::until::until_true;
use crate::watch::make_routes;

/// What comes beside `ada` and `eve`.
const ROUTES: usize = 10_000;

#[test]
fn ten_thousand_routes_at_once_leave_mail_untouched() {
    let plane = ControlPlane::start();
    let (scene, front_end) = serving(&plane);
    let asked = asking(&front_end, &["ada", "eve"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        make_routes(&plane.client().await, &scene.namespace, "example.org", "inbox", ROUTES).await;
    });
    let last = format!("route-{}", ROUTES - 1);
    until_true("the last one is taken", || is_taken(&front_end, &last));
    until_true("all are published", || {
        scene.controller.metric(&["mailchute_snapshot_routes"]).round() as usize == ROUTES + 2
    });
    asked.finish();
}
