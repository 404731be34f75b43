//! While the controller is away mail goes on, and a process that starts anew serves its copy.

use super::controller::Act;
use super::scene::{Scene, snapshot};
use crate::support::until::{until, until_true};

#[test]
fn a_front_end_serves_on_and_follows_again() {
    let mut scene = Scene::serving(&["ada"]);
    scene.controller.close();
    scene.front_end.wait_for_metric(&["mailchute_config_connected"], 0.0);
    scene.wait_for_log("the last snapshot stays in use");
    assert!(scene.front_end.is_ready());
    assert_eq!(scene.rcpt("ada@example.org"), 250);
    scene.reopen();
    scene.publish(&["eve"]);
    scene.front_end.wait_for_metric(&["mailchute_config_connected"], 1.0);
    assert_eq!((scene.rcpt("ada@example.org"), scene.rcpt("eve@example.org")), (550, 250));
    scene.wait_for_log("the controller is followed again");
}

#[test]
fn one_that_starts_anew_serves_its_copy() {
    let mut scene = Scene::serving(&["ada"]);
    let version = scene.snapshot(&["ada"]).version;
    until_true("the copy is there", || scene.front_end.file("copy").exists());
    scene.controller.close();
    scene.front_end.kill();
    scene.front_end.restart();
    assert_eq!(scene.rcpt("ada@example.org"), 250);
    scene.wait_for_version(&version);
    scene.wait_for_log("the controller is away: the last snapshot is served");
    assert_eq!(scene.front_end.metric(&["mailchute_config_connected"]).to_string(), "0");
    let asked = scene.controller.heard().len();
    scene.reopen();
    let told = until("it asks", || scene.controller.heard().get(asked).cloned());
    assert_eq!(told.field("if-none-match"), format!("\"{version}\""), "what it serves is told");
    scene.publish(&["eve"]);
}

#[test]
fn a_copy_that_is_damaged_is_told_and_does_no_harm() {
    let damaged = |folder: &tempfile::TempDir| std::fs::write(folder.path().join("copy"), "damaged").unwrap();
    let mut scene = Scene::start_with(|_| Act::Answer(503, Vec::new(), "later".into()), &[], damaged);
    scene.wait_for_log("the copy of the last snapshot is not used");
    scene.wait_unready("no snapshot yet");
    scene.controller.act(Act::Publish(scene.snapshot(&["ada"])));
    scene.front_end.wait_until_ready();
    let whole = scene.snapshot(&["ada"]).gzip;
    until_true("the copy is a good one again", || {
        std::fs::read(scene.front_end.file("copy")).unwrap() == whole
    });
}

#[test]
fn a_copy_that_can_not_be_kept_is_told_and_does_no_harm() {
    let taken = |folder: &tempfile::TempDir| std::fs::create_dir(folder.path().join("copy.new")).unwrap();
    let mut scene = Scene::start_with(|port| Act::Publish(snapshot(port, &["ada"])), &[], taken);
    scene.front_end.wait_until_ready();
    scene.wait_for_log("the copy of the snapshot can't be kept");
    scene.publish(&["eve"]);
    assert_eq!(scene.rcpt("eve@example.org"), 250);
}
