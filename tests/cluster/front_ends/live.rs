//! What is applied is live on every front-end, and what is deleted is not.

use super::{BACKEND, Scene, rcpt, route};
use crate::support::front_end::FrontEnd;
use crate::support::until::until_true;

#[test]
fn a_route_is_live_on_all_front_ends_and_is_gone_from_all() {
    let scene = Scene::start(&[]);
    let mut unready = scene.front_end(&[]);
    let why = || unready.get("/readyz").map_or_else(String::new, |(_, why)| why);
    until_true("it waits for its gateway", || {
        why().contains("no snapshot yet: the controller knows no such gateway")
    });
    scene.apply(&scene.gateway(""));
    unready.wait_until_ready();
    assert_eq!(rcpt(&unready, "ada@example.org"), 451, "a domain without a usable route");

    scene.apply(&(BACKEND.to_owned() + &route("ada")));
    let answers = |front_end: &FrontEnd, codes: [u16; 2]| {
        until_true(&format!("{codes:?}"), || {
            ["ada", "eve"].map(|local_part| rcpt(front_end, &format!("{local_part}@example.org"))) == codes
        });
    };
    answers(&unready, [250, 550]);
    scene.apply(&route("eve"));
    answers(&unready, [250, 250]);
    scene.controller.wait_for_metric(&["mailchute_clients", "version_current=\"true\""], 1.0);
    scene.plane.kubectl().run(&["delete", "mailroute", "ada", "--namespace", &scene.namespace]);
    answers(&unready, [550, 250]);
}

#[test]
fn a_gateway_that_goes_is_served_on() {
    let scene = Scene::start(&[]);
    scene.apply(&(scene.gateway("") + "---\n" + BACKEND + &route("ada")));
    let mut front_end = scene.front_end(&[]);
    front_end.wait_until_ready();
    until_true("ada is taken", || rcpt(&front_end, "ada@example.org") == 250);
    scene.plane.kubectl().run(&["delete", "mailgateway", "public", "--namespace", &scene.namespace]);
    until_true("it says so", || {
        front_end.log().contains("the gateway is gone: its last snapshot stays in use")
    });
    assert!(front_end.is_ready());
    assert_eq!(rcpt(&front_end, "ada@example.org"), 250);
    front_end.wait_for_metric(&["mailchute_config_connected"], 0.0);

    scene.apply(&(scene.gateway("") + "---\n" + &route("eve")));
    until_true("the new one is served", || rcpt(&front_end, "eve@example.org") == 250);
    front_end.wait_for_metric(&["mailchute_config_connected"], 1.0);
}
