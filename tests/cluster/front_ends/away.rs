//! With no controller at all mail goes on, and a process that starts anew serves its copy.

use super::{BACKEND, Scene, rcpt, route};
use crate::support::until::until_true;

#[test]
fn mail_goes_on_without_a_controller() {
    let mut scene = Scene::start(&[]);
    scene.apply(&(scene.gateway("") + "---\n" + BACKEND + &route("ada")));
    let mut front_end = scene.front_end(&[]);
    front_end.wait_until_ready();
    until_true("ada is taken", || rcpt(&front_end, "ada@example.org") == 250);
    until_true("the copy is kept", || front_end.file("copy").exists());

    scene.controller.kill();
    front_end.wait_for_metric(&["mailchute_config_connected"], 0.0);
    assert_eq!((rcpt(&front_end, "ada@example.org"), front_end.is_ready()), (250, true));
    front_end.kill();
    front_end.restart();
    assert_eq!((rcpt(&front_end, "ada@example.org"), rcpt(&front_end, "eve@example.org")), (250, 550));

    scene.apply(&route("eve"));
    scene.controller.restart();
    until_true("what has changed meanwhile is served", || rcpt(&front_end, "eve@example.org") == 250);
    front_end.wait_for_metric(&["mailchute_config_connected"], 1.0);
}

#[test]
fn a_controller_that_stops_in_order_is_no_trouble() {
    let mut scene = Scene::start(&[]);
    scene.apply(&(scene.gateway("") + "---\n" + BACKEND + &route("ada")));
    let mut front_end = scene.front_end(&[]);
    front_end.wait_until_ready();
    assert!(scene.controller.stop().success());
    scene.controller.restart();
    scene.apply(&route("eve"));
    until_true("it is followed again", || rcpt(&front_end, "eve@example.org") == 250);
}
