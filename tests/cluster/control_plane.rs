//! The control plane of the tests does what the tests count on: tokens are of their audience and end, the
//! audit log tells who asked, kubectl hears why it is refused, and objects outlive an apiserver.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::Api;
use kube::api::PostParams;

use crate::harness::ControlPlane;
use crate::support::until::until_true;

const AUDIENCE: &str = "example.org/audience";

async fn review(client: kube::Client, token: &str) -> TokenReviewStatus {
    let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![AUDIENCE.to_owned()]) };
    let review = TokenReview { spec, ..TokenReview::default() };
    Api::all(client).create(&PostParams::default(), &review).await.unwrap().status.unwrap()
}

#[tokio::test]
async fn a_token_is_of_its_audience_and_ends() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("tokens");
    plane.service_account(&namespace, "front-end");
    let client = plane.client().await;
    let good = review(client.clone(), &plane.token(&namespace, "front-end", AUDIENCE)).await;
    assert_eq!(good.audiences.unwrap(), [AUDIENCE]);
    assert_eq!(good.user.unwrap().username.unwrap(), format!("system:serviceaccount:{namespace}:front-end"));
    for bad in [
        plane.token(&namespace, "front-end", "example.org/another"),
        plane.expired_token(&namespace, "front-end", AUDIENCE),
    ] {
        assert_ne!(review(client.clone(), &bad).await.authenticated, Some(true));
    }
}

#[test]
fn a_refusal_is_heard_and_audited() {
    let plane = ControlPlane::shared();
    let namespace = plane.namespace("audit");
    plane.service_account(&namespace, "nobody");
    let nobody = plane.kubectl_as(&namespace, "nobody");
    let why = nobody.refused(&["get", "secrets", "--namespace", &namespace]);
    assert!(why.contains("Forbidden"), "{why}");
    let user = format!("system:serviceaccount:{namespace}:nobody");
    until_true("the refusal is in the audit log", || {
        plane.asked_by(&user).iter().any(|asked| {
            (asked.verb.as_str(), asked.resource.as_str(), asked.code) == ("list", "secrets", 403)
        })
    });
}

#[test]
fn objects_outlive_an_apiserver() {
    let plane = ControlPlane::start();
    plane
        .kubectl()
        .apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: default}\ndata: {a: b}\n");
    plane.stop_apiserver();
    assert!(!plane.kubectl().succeeds(&["get", "--raw=/readyz"]));
    plane.start_apiserver();
    assert_eq!(plane.kubectl().get(&["configmap", "kept"])["data"]["a"], "b");
}
