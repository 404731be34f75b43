//! A CRD that is deleted takes its objects with it, and front-ends go on as they were.

use super::{asking, is_taken, serving};
use crate::front_ends::route;
use crate::harness::ControlPlane;
use crate::support::until::until_true;

#[test]
fn deleted_crds_leave_mail_untouched() {
    let plane = ControlPlane::start();
    let (scene, front_end) = serving(&plane);
    let asked = asking(&front_end, &["ada", "eve"]);
    for (crd, kind) in [("mailroutes", "MailRoute"), ("mailgateways", "MailGateway")] {
        plane.kubectl().run(&["delete", "crd", &format!("{crd}.mailchute.dev"), "--wait=false"]);
        scene.controller.wait_for_metric(&["mailchute_watch_synced", &format!("\"{kind}\"")], 0.0);
    }
    assert!(scene.controller.is_ready() && front_end.is_ready());
    asked.finish();

    // The objects are gone for good; those that are applied anew are served.
    plane.restore_crds();
    scene.apply(&[&scene.gateway(""), "---\n", &route("max")].concat());
    until_true("the new one is taken", || is_taken(&front_end, "max"));
}
