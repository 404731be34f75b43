//! Who may not have a snapshot gets none, and is told why.

use http::Method;

use super::{FRONT, Scene, gateway};
use crate::harness::controller::AUDIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_to_be_good_and_of_the_one_service_account() {
    let scene = Scene::shared();
    let (plane, namespace) = (scene.plane, scene.namespace.as_str());
    let elsewhere = plane.namespace("elsewhere");
    plane.service_account(namespace, "another");
    plane.service_account(&elsewhere, FRONT);
    let good = scene.token.clone();
    let broken = forged(&good);
    let issuer = "https://kubernetes.default.svc";
    let table = [
        ("expired", plane.expired_token(namespace, FRONT, AUDIENCE), 401, "has expired"),
        ("another audience", plane.token(namespace, FRONT, "example.org/other"), 401, "not for audience"),
        ("the apiserver's audience", plane.token(namespace, FRONT, issuer), 401, "not for audience"),
        ("a broken signature", broken, 401, "not valid here"),
        ("no token at all", "x".to_owned(), 401, "not valid here"),
        ("another service account", plane.token(namespace, "another", AUDIENCE), 403, "serviceAccountName"),
        ("another namespace", plane.token(&elsewhere, FRONT, AUDIENCE), 403, "serviceAccountName"),
    ];
    for (what, token, status, why) in table {
        let answer = scene.ask_with(&token, &[]).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert!(answer.text().contains(why), "{what}: {}", answer.text());
        assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
        assert!(!answer.text().contains(&token) || token.len() == 1, "{what}");
    }
    let answer = scene.asker.ask(&scene.gateway, &[]).await;
    assert_eq!((answer.status, answer.field("www-authenticate")), (401, "Bearer"));
    assert!(answer.text().contains("Authorization: Bearer"), "{}", answer.text());
    assert_eq!(scene.ask(&[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_with_its_pod() {
    let scene = Scene::shared();
    let (plane, namespace) = (scene.plane, scene.namespace.as_str());
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: gone, namespace: {namespace}}}\nspec: {{serviceAccountName: \
         {FRONT}, automountServiceAccountToken: false, containers: [{{name: c, image: none}}]}}\n"
    );
    plane.kubectl().apply(&pod);
    let token = || plane.token_of_pod(namespace, FRONT, AUDIENCE, "gone");
    let (before, after) = (token(), token());
    assert_eq!(scene.ask_with(&before, &[]).await.status, 200);
    plane.kubectl().run(&["delete", "pod", "gone", "--namespace", namespace, "--wait=true"]);
    let answer = scene.ask_with(&after, &[]).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(answer.text().contains("is gone"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told() {
    let scene = Scene::shared();
    let bearer = format!("Bearer {}", scene.token);
    let authorized = [("authorization", bearer.as_str())];
    let missing = scene.asker.ask(&format!("{}/absent", scene.namespace), &authorized).await;
    assert_eq!(missing.status, 404, "{}", missing.text());
    assert!(missing.text().contains("no MailGateway"), "{}", missing.text());
    let connection = scene.asker.connect().await;
    for (method, path, fields, status, why) in [
        (Method::GET, "/", &[][..], 404, "/v1/gateways/"),
        (Method::GET, "/metrics", &[], 404, "/v1/gateways/"),
        (Method::POST, "/v1/gateways/a/b/snapshot", &[], 405, "GET"),
        (Method::GET, "/v1/gateways/a/b/snapshot", &[("mailchute-schemas", "2, 3")], 406, "schema 1"),
        (Method::GET, "/v1/gateways/a/b/snapshot", &[("if-none-match", "*")], 400, "If-None-Match"),
    ] {
        let fields = [&authorized, fields].concat();
        let answer = connection.send(method.clone(), path, &fields).await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains(why), "{method} {path}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_given_to_another_is_taken_from_who_waits() {
    let scene = Scene::shared();
    let tag = scene.ask(&[]).await.field("etag").to_owned();
    scene.plane.service_account(&scene.namespace, "heir");
    let give = async {
        tokio::task::block_in_place(|| {
            scene.plane.kubectl().apply(&gateway(&scene.namespace, "heir", "mx.example.net"));
        });
    };
    let fields = [("if-none-match", tag.as_str()), ("prefer", "wait=30")];
    let (answer, ()) = tokio::join!(scene.ask(&fields), give);
    assert_eq!(answer.status, 403, "{}", answer.text());
    let token = scene.plane.token(&scene.namespace, "heir", AUDIENCE);
    assert_eq!(scene.ask_with(&token, &[]).await.status, 200);
}

/// The same with another signature. Not its last character: some bits of that say nothing.
fn forged(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}
