//! Connections that end, in every way, and servers that say nothing.

use std::time::Duration;

use super::controller::Act;
use super::scene::{Scene, snapshot};
use crate::support::until::{until, until_true};

/// By then a connection on which nothing comes was pinged: it is looked at every five seconds, and something came
/// before the first look.
const PINGED: Duration = Duration::from_secs(11);

#[test]
fn after_an_orderly_end_it_comes_back_at_a_time_of_its_own() {
    let scene = Scene::serving(&["ada"]);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let before = scene.controller.accepted().len();
        let asked = scene.controller.heard().len();
        let left = std::time::Instant::now();
        scene.controller.leave();
        let back = until("it is back", || scene.controller.accepted().get(before).copied());
        pauses.push(back - left);
        until_true("it asks again", || scene.controller.heard().len() > asked);
        assert!(scene.front_end.is_ready());
    }
    let (shortest, longest) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*longest - *shortest > Duration::from_millis(50), "never the same for all: {pauses:?}");
    assert!(!scene.front_end.log().contains("stays in use"), "no trouble: {}", scene.front_end.log());
    scene.publish(&["eve"]);
}

#[test]
fn one_that_is_cut_comes_back() {
    let mut scene = Scene::serving(&["ada"]);
    for local_part in ["eve", "bob"] {
        scene.controller.close();
        scene.reopen();
        scene.publish(&[local_part]);
    }
}

#[test]
fn one_that_is_cut_while_another_controller_is_there_is_no_trouble() {
    let scene = Scene::serving(&["ada"]);
    // At once; and when pings were answered since it has asked, so that the server has the request for sure.
    for (local_part, silence) in [("eve", Duration::ZERO), ("bob", PINGED)] {
        scene.publish(&[local_part]);
        let in_use = format!("\"{}\"", scene.snapshot(&[local_part]).version);
        let heard = || scene.controller.heard();
        let waiting = || heard().iter().filter(|heard| heard.field("if-none-match") == in_use).count();
        until_true("it waits", || waiting() == 1 && scene.front_end.silence() >= silence);
        scene.controller.cut();
        until_true("it waits again", || waiting() == 2);
        assert!(scene.front_end.is_ready());
    }
    assert!(!scene.front_end.log().contains("WARN"), "{}", scene.front_end.log());

    // Neither is one in order; that the next one comes to nothing is.
    scene.controller.act(Act::Hang);
    scene.controller.cut();
    until_true("it has asked", || scene.controller.accepted().len() == 4);
    scene.controller.cut();
    scene.wait_for_log("the last snapshot stays in use");
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let mut scene = Scene::start(|_| Act::Hang);
    scene.wait_unready("no snapshot yet: the controller was not heard yet");
    scene.wait_unready("no answer in time");
    scene.controller.act(Act::Publish(scene.snapshot(&["ada"])));
    scene.front_end.wait_until_ready();
}

#[test]
fn it_ends_while_it_waits() {
    let mut waiting = Scene::start(|_| Act::Hang);
    until_true("it has asked", || !waiting.controller.heard().is_empty());
    waiting.front_end.terminate();
    assert!(waiting.front_end.wait().success());

    let arguments = ["--drain-delay", "0s"];
    let mut serving = Scene::start_with(|port| Act::Publish(snapshot(port, &["ada"])), &arguments, |_| {});
    serving.front_end.wait_until_ready();
    serving.front_end.terminate();
    assert!(serving.front_end.wait().success());
}
