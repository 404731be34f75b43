//! The leader is killed: routes are live without one, the other controller leads once the Lease has run out, and
//! writes the status of what has come meanwhile.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::{Scene, holder};
use crate::front_ends::route;
use crate::support::until::{until, until_true};

/// By then a connection on which nothing comes was pinged: it is looked at every five seconds, and something came
/// before the first look.
const PINGED: Duration = Duration::from_secs(11);

/// What a Lease says of a time.
fn time(lease: &Value, field: &str) -> Timestamp {
    lease["spec"][field].as_str().unwrap().parse().unwrap()
}

#[test]
fn the_other_leads_and_no_front_end_notices() {
    let mut scene = Scene::start();
    let before = scene.wait_for_version();
    // Its front-end has not only asked by then, but heard that it is there.
    until_true("pings were answered", || scene.front_ends.iter().all(|each| each.silence() > PINGED));
    let (leader, other) = scene.leader_and_other();
    leader.kill();
    let (killed, next) = (Instant::now(), other.identity());
    let left = scene.installed.lease();
    assert_ne!(holder(&left), next);

    scene.apply(&route("eve"));
    scene.wait_until_live("eve");
    let live = killed.elapsed();
    let status = scene.route("eve")["status"].clone();
    let lease = until("the other leads", || Some(scene.installed.lease()).filter(|now| holder(now) == next));
    let led = killed.elapsed();
    println!("leader: killed, a route is live after {live:.1?}, the other leads after {led:.1?}");
    assert!(live < led && status.is_null(), "a route waits for no leader: {live:?} {status}");
    let held = Duration::from_secs(left["spec"]["leaseDurationSeconds"].as_u64().unwrap());
    let free = Duration::try_from(time(&lease, "acquireTime").duration_since(time(&left, "renewTime")));
    assert!(free.unwrap() >= held, "{lease} was taken too early from {left}");
    // It looks every two seconds or so.
    assert!(led < held + Duration::from_secs(8), "it waited too long: {led:?}");

    scene.wait_until_status_is_written("eve");
    assert_ne!(scene.wait_for_version(), before);
    let (leader, other) = scene.leader_and_other();
    leader.wait_for_metric(&["mailchute_leader"], 1.0);
    leader.wait_for_metric(&["mailchute_clients", "version_current=\"true\""], 2.0);
    other.restart();
    scene.wait_for_looks_at_lease();
    assert_eq!(holder(&scene.installed.lease()), next, "who comes back does not lead");
    scene.nobody_complains();
    scene.finish();
}
