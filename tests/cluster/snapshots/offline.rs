//! Without an apiserver: who is known is served, anybody else is told to come again.

use std::time::{Duration, Instant};

use super::{FRONT, Scene};
use crate::harness::ControlPlane;
use crate::harness::controller::AUDIENCE;
use crate::support::until::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn who_was_known_is_served_while_the_apiserver_is_away() {
    let plane = ControlPlane::start();
    let scene = Scene::on(&plane);
    let unknown = plane.token(&scene.namespace, FRONT, AUDIENCE);
    let first = scene.ask(&[]).await;
    assert_eq!(first.status, 200);
    plane.stop_apiserver();
    let answer = scene.ask_with(&unknown, &[]).await;
    assert_eq!((answer.status, answer.field("retry-after")), (503, "1"), "{}", answer.text());
    assert!(answer.text().contains("can't be asked"), "{}", answer.text());
    let failed = ["mailchute_token_reviews_total", "failed"];
    let before = scene.controller.metric(&failed);
    // A token is not asked about for a minute; then it is, and the answer does not come.
    let deadline = Instant::now() + Duration::from_secs(60) + PATIENCE;
    while scene.controller.metric(&failed) <= before {
        assert!(Instant::now() < deadline, "the token is never looked at again");
        let tag = first.field("etag");
        assert_eq!(scene.ask(&[("if-none-match", tag), ("prefer", "wait=2")]).await.status, 304);
    }
    assert!(scene.controller.is_ready(), "readiness does not hang on the apiserver");
    plane.start_apiserver();
    let deadline = Instant::now() + PATIENCE;
    while scene.ask_with(&unknown, &[]).await.status != 200 {
        assert!(Instant::now() < deadline, "an apiserver that is back is never asked");
    }
}
