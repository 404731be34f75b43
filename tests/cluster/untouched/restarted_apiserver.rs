//! An apiserver that goes and comes back: nobody who sends mail notices.

use super::{asking, is_taken, serving};
use crate::front_ends::route;
use crate::harness::ControlPlane;
use crate::support::until::until_true;

#[test]
fn an_apiserver_that_restarts_leaves_mail_untouched() {
    let plane = ControlPlane::start();
    let (scene, front_end) = serving(&plane);
    let asked = asking(&front_end, &["ada", "eve"]);
    plane.stop_apiserver();
    scene.controller.wait_for_metric(&["mailchute_watch_synced", "MailRoute"], 0.0);
    assert!(scene.controller.is_ready() && front_end.is_ready());
    plane.start_apiserver();
    scene.apply(&route("max"));
    until_true("the new one is taken", || is_taken(&front_end, "max"));
    scene.controller.wait_for_metric(&["mailchute_watch_synced", "MailRoute"], 1.0);
    asked.finish();
}
