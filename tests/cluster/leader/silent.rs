//! The leader falls silent, its connections open still: its front-end leaves it, the other controller leads, and when
//! it wakes it does not.

use std::time::{Duration, Instant};

use super::{Scene, holder};
use crate::front_ends::route;
use crate::support::until::until_true;

/// A ping is sent after ten seconds without a word at the latest, and has five to be answered; then there is the
/// pause before the next connection. The rest is for a machine that is busy; an answer would be waited for longer.
const LEFT_WITHIN: Duration = Duration::from_secs(25);

#[test]
fn its_front_end_leaves_it_and_it_does_not_lead_when_it_wakes() {
    let mut scene = Scene::start();
    // Each front-end has a new request under way then, and would wait longest for its answer.
    scene.apply(&route("eve"));
    scene.wait_until_live("eve");
    let (leader, other) = scene.leader_and_other();
    leader.freeze();
    let (frozen, next) = (Instant::now(), other.identity());
    scene.apply(&route("max"));
    scene.wait_until_live("max");
    let left = frozen.elapsed();
    println!("leader: silent, a route is live after {left:.1?}");
    assert!(left < LEFT_WITHIN, "{left:?}");
    until_true("the other leads", || holder(&scene.installed.lease()) == next);
    scene.wait_until_status_is_written("max");

    let (_, silent) = scene.leader_and_other();
    silent.thaw();
    silent.wait_for_metric(&["mailchute_leader"], 0.0);
    scene.apply(&route("joe"));
    scene.wait_until_live("joe");
    scene.wait_until_status_is_written("joe");
    scene.wait_for_version();
    scene.wait_for_looks_at_lease();
    assert_eq!(holder(&scene.installed.lease()), next);
    scene.nobody_complains();
    scene.finish();
}
