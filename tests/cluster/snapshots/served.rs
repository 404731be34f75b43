//! A front-end gets its gateway's objects, hears at once of a change, and is counted by what it uses.

use http::Method;
use mailchute::plan::ObjectName;
use mailchute::source::wire;

use super::{FRONT, Scene, gateway};
use crate::harness::controller::AUDIENCE;
use crate::support::until::until_true;

#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_gets_what_its_gateway_is() {
    let scene = Scene::shared();
    scene.routes(0..1);
    let first = scene.ask(&[]).await;
    assert_eq!((first.status, first.field("content-type")), (200, "application/json"));
    let second =
        if first.text().contains("\"MailRoute\"") { first } else { scene.newer_than(&first.version()).await };
    let read = wire::decode(&second.body).unwrap();
    assert_eq!(read.gateway, ObjectName::new(&scene.namespace, "public"));
    assert_eq!(read.version, second.version());
    assert!(read.snapshot.route(&ObjectName::new(&scene.namespace, "r0")).is_some());
    assert!(read.ignored.is_empty(), "{:?}", read.ignored);

    let compressed = scene.ask(&[("accept-encoding", "gzip"), ("mailchute-schemas", "1")]).await;
    assert_eq!((compressed.field("content-encoding"), compressed.field("mailchute-schema")), ("gzip", "1"));
    assert_eq!(wire::inflate(&compressed.body, wire::MAX_BODY).unwrap(), second.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_not_sent_again_and_what_is_new_comes_at_once() {
    let scene = Scene::shared();
    let first = scene.ask(&[]).await;
    let tag = first.field("etag").to_owned();
    let same = scene.ask(&[("if-none-match", &tag)]).await;
    assert_eq!((same.status, same.body.len(), same.field("etag")), (304, 0, tag.as_str()));
    let waited = scene.ask(&[("if-none-match", &tag), ("prefer", "wait=1")]).await;
    assert_eq!(waited.status, 304);
    let change = async { tokio::task::block_in_place(|| scene.routes(0..1)) };
    let version = first.version();
    let (newer, ()) = tokio::join!(scene.newer_than(&version), change);
    assert_ne!(newer.version(), version);
    assert!(newer.text().contains("\"r0\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn front_ends_are_counted_by_what_they_use() {
    let scene = Scene::shared();
    let tag = scene.ask(&[]).await.field("etag").to_owned();
    let kubectl = scene.plane.kubectl();
    for (pod, used) in [("one", tag.as_str()), ("two", "\"0123\""), ("one", tag.as_str())] {
        let yaml = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {pod}, namespace: {}}}\nspec: {{serviceAccountName: {FRONT}, \
             automountServiceAccountToken: false, containers: [{{name: c, image: none}}]}}\n",
            scene.namespace
        );
        kubectl.apply(&yaml);
        let token = scene.plane.token_of_pod(&scene.namespace, FRONT, AUDIENCE, pod);
        scene.ask_with(&token, &[("if-none-match", used)]).await;
    }
    // The first, whose token is bound to no pod, uses nothing yet.
    scene.controller.wait_for_metric(&["mailchute_clients", "true"], 1.0);
    scene.controller.wait_for_metric(&["mailchute_clients", "false"], 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_counted_and_not_sent_again() {
    let scene = Scene::shared();
    let version = scene.ask(&[]).await.version();
    let refused = format!("{version} it is of the wrong colour");
    let (connection, bearer) = (scene.asker.connect().await, format!("Bearer {}", scene.token));
    let fields = [
        ("authorization", bearer.as_str()),
        ("if-none-match", "\"0123\""),
        ("mailchute-refused", refused.as_str()),
    ];
    for _ in 0..2 {
        assert_eq!(connection.ask(&scene.gateway, &fields).await.unwrap().status, 304);
    }
    assert_eq!(scene.controller.metric(&["mailchute_snapshot_refusals_total", &scene.gateway]), 1.0);
    until_true("the log says why", || scene.controller.log().contains("it is of the wrong colour"));
    scene.routes(0..1);
    let tag = format!("\"{version}\"");
    let fields = [("if-none-match", tag.as_str()), ("mailchute-refused", &refused), ("prefer", "wait=30")];
    assert_eq!(scene.ask(&fields).await.status, 200, "another version may do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_breaks_is_offered_as_it_was() {
    let scene = Scene::shared();
    let version = scene.ask(&[]).await.version();
    let metric = ["mailchute_compile_seconds_count"];
    let compiled = scene.controller.metric(&metric);
    // Two that the schema takes for two, and that are one domain.
    let twice = "domains: [{name: EXAMPLE.NET, allowedRoutes: {namespaces: {from: Same}}}, {";
    let yaml = gateway(&scene.namespace, FRONT, "mx.example.net").replace("domains: [{", twice);
    scene.plane.kubectl().apply(&yaml);
    until_true("the change is compiled", || scene.controller.metric(&metric) > compiled);
    assert_eq!(scene.ask(&[]).await.version(), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_stops_answers_who_waits() {
    let mut scene = Scene::shared();
    let tag = scene.ask(&[]).await.field("etag").to_owned();
    let connection = scene.asker.connect().await;
    let bearer = format!("Bearer {}", scene.token);
    let gateway = scene.gateway.clone();
    let waiting = tokio::spawn(async move {
        let fields = [("authorization", bearer.as_str()), ("if-none-match", &tag), ("prefer", "wait=30")];
        let answer = connection.ask(&gateway, &fields).await.unwrap();
        (answer.status, connection.send(Method::GET, "/", &[]).await.is_err())
    });
    scene.controller.wait_for_metric(&["mailchute_snapshot_requests_total", "200"], 1.0);
    scene.controller.wait_for_metric(&["mailchute_clients", "true"], 1.0);
    let ended = tokio::task::spawn_blocking(move || scene.controller.stop()).await.unwrap();
    assert!(ended.success(), "{ended}");
    assert_eq!(waiting.await.unwrap(), (304, true), "and nothing more is answered");
}
