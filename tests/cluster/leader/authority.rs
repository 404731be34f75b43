//! The authority's Secret is deleted or damaged: the leader makes another and publishes it, front-ends go on as they
//! were, and follow the controllers again as soon as they are told whom to believe.

use super::Scene;
use crate::front_ends::{rcpt, route};
use crate::harness::Controller;
use crate::harness::asking::Asker;
use crate::harness::installed::Installed;
use crate::support::until::until_true;

#[test]
fn one_that_is_deleted_is_made_anew_and_believed() {
    is_made_anew_and_believed(Installed::delete_authority);
}

#[test]
fn one_that_is_damaged_is_made_anew_and_believed() {
    is_made_anew_and_believed(Installed::spoil_authority);
}

fn is_made_anew_and_believed(lose: fn(&Installed) -> String) {
    let scene = Scene::start();
    let bundle = lose(&scene.installed);
    for controller in [&scene.installed.controller, &scene.replica] {
        until_true("it is known by the new authority", || proves_itself(controller, &bundle));
    }
    // A connection that is open asks for nothing: what is published still comes.
    scene.apply(&route("eve"));
    scene.wait_until_live("eve");
    scene.wait_until_status_is_written("eve");

    scene.service.cut();
    for front_end in &scene.front_ends {
        until_true("it does not believe the controller", || {
            front_end.log().contains("invalid peer certificate")
        });
        front_end.wait_for_metric(&["mailchute_config_connected"], 0.0);
    }
    scene.apply(&route("max"));
    scene.wait_until_status_is_written("max");
    for front_end in &scene.front_ends {
        assert_eq!(["eve", "max"].map(|name| rcpt(front_end, &format!("{name}@example.org"))), [250, 550]);
        // As the kubelet does where a ConfigMap is mounted, at once.
        let (new, file) = (front_end.file("ca.crt.new"), front_end.file("ca.crt"));
        std::fs::write(&new, &bundle).unwrap();
        std::fs::rename(new, file).unwrap();
    }
    scene.wait_until_live("max");
    scene.wait_for_version();
    scene.finish();
}

fn proves_itself(controller: &Controller, bundle: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asker = Asker::believing(controller.address, "127.0.0.1", bundle);
    runtime.block_on(asker.shake_hands(&["h2"])).is_ok()
}
