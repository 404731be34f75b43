//! A route that can't be read: others are as they were, and whoever may be its recipient is asked to wait.

use super::{asking, rcpt, serving};
use crate::front_ends::route;
use crate::harness::ControlPlane;
use crate::support::until::until_true;

#[test]
fn a_malformed_object_leaves_other_mail_untouched() {
    let plane = ControlPlane::start();
    let (scene, front_end) = serving(&plane);
    let asked = asking(&front_end, &["ada", "eve"]);
    assert_eq!(rcpt(&front_end, "nobody"), 550);

    plane.loosen_crd("mailroutes");
    let broken =
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {name: max}\nspec: {rules: 7}\n";
    let arguments = ["apply", "--validate=false", "--filename=-", "--namespace", &scene.namespace];
    until_true("the loose CRD is in use", || plane.kubectl().with_input(&arguments, broken).0);
    plane.restore_crds();
    until_true("who may be its recipient has to wait", || rcpt(&front_end, "nobody") == 451);

    scene.apply(&route("max"));
    until_true("it is mended", || rcpt(&front_end, "max") == 250);
    assert_eq!(rcpt(&front_end, "nobody"), 550);
    asked.finish();
}
