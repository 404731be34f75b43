//! Most routes gone at once: front-ends keep what they have, for now.

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn most_routes_gone_are_held_back() {
    let scene = Scene::shared();
    let first = scene.ask(&[]).await.version();
    scene.routes(0..30);
    let routes = ["mailchute_snapshot_routes", scene.gateway.as_str()];
    scene.controller.wait_for_metric(&routes, 30.0);
    let full = scene.newer_than(&first).await;
    // By one request, as when a namespace goes: kubectl would delete one after another, and what goes little by little
    // is not held.
    let all = format!("/apis/mailchute.dev/v1alpha1/namespaces/{}/mailroutes", scene.namespace);
    scene.plane.kubectl().run(&["delete", "--raw", &all]);
    scene.controller.wait_for_metric(&["mailchute_snapshot_held", &scene.gateway], 30.0);
    let now = scene.ask(&[("if-none-match", full.field("etag"))]).await;
    assert_eq!(now.status, 304, "{}", now.text());
    scene.controller.wait_for_metric(&routes, 30.0);
    scene.routes(0..15);
    scene.controller.wait_for_metric(&routes, 15.0);
    assert_eq!(scene.controller.metric(&["mailchute_snapshot_held", &scene.gateway]), 0.0);
}
