//! Of Secrets and ConfigMaps those are read that something refers to, whenever they change.

use mailchute::api::{ApiKind, Object};
use mailchute::compile::Snapshot;

use super::{Watching, find};
use crate::harness::ControlPlane;

fn manifests(namespace: &str, token: &str) -> String {
    format!(
        r#"
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: hook, namespace: {namespace}}}
spec: {{http: {{service: {{name: web, port: 80}}, auth: {{bearer: {{secretRef: {{name: token, key: token}}}}}}}}}}
---
apiVersion: mailchute.dev/v1alpha1
kind: RecipientPolicy
metadata: {{name: users, namespace: {namespace}}}
spec: {{targetRefs: [{{kind: MailRoute, name: a}}], recipients: {{from: [{{configMapRef: {{name: users, key: list}}}}]}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: token, namespace: {namespace}}}, stringData: {{token: {token}}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: other, namespace: {namespace}}}, stringData: {{token: other}}}}
---
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: users, namespace: {namespace}}}, data: {{list: a@example.net}}}}
---
{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: {namespace}}}, spec: {{ports: [{{port: 80}}]}}}}
---
{{apiVersion: v1, kind: Service, metadata: {{name: other, namespace: {namespace}}}, spec: {{ports: [{{port: 80}}]}}}}
"#
    )
}

fn token(snapshot: &Snapshot, namespace: &str) -> Option<Vec<u8>> {
    match find(snapshot, ApiKind::Secret, namespace, "token")? {
        Object::Secret(secret) => Some(secret.data.as_ref()?.get("token")?.0.clone()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_referred_to_is_there_from_the_first_and_nothing_else() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = &*plane.namespace("referred");
    plane.kubectl().apply(&manifests(namespace, "one"));
    let watching = Watching::start(plane.client().await, &[]);
    let first = watching.until("anything", |_| true).await;
    assert_eq!(token(&first, namespace).as_deref(), Some(&b"one"[..]));
    for (kind, name) in [(ApiKind::ConfigMap, "users"), (ApiKind::Service, "web")] {
        assert!(find(&first, kind, namespace, name).is_some(), "{name}");
    }
    for kind in [ApiKind::Secret, ApiKind::Service] {
        assert!(find(&first, kind, namespace, "other").is_none(), "{kind:?}");
    }
    // Where `kubectl apply` has left a copy of the contents.
    for (name, object) in first.objects() {
        assert_eq!(object.metadata().annotations, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_is_noticed() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = &*plane.namespace("rotated");
    plane.kubectl().apply(&manifests(namespace, "one"));
    let watching = Watching::start(plane.client().await, &[]);
    for value in ["two", "three"] {
        plane.kubectl().apply(&manifests(namespace, value));
        let is_new = |snapshot: &Snapshot| token(snapshot, namespace).as_deref() == Some(value.as_bytes());
        watching.until("the new token", is_new).await;
    }
    plane.kubectl().run(&["delete", "secret", "token", "--namespace", namespace]);
    watching.until("no token", |snapshot| token(snapshot, namespace).is_none()).await;
    plane.kubectl().apply(&manifests(namespace, "four"));
    watching.until("a token again", |snapshot| token(snapshot, namespace).is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_referred_to_later_is_read_then() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = &*plane.namespace("later");
    plane.kubectl().apply(&manifests(namespace, "one"));
    let watching = Watching::start(plane.client().await, &[]);
    watching.until("anything", |_| true).await;
    let patch = r#"{"spec":{"http":{"auth":{"bearer":{"secretRef":{"name":"other"}}}}}}"#;
    let arguments =
        ["patch", "mailbackend", "hook", "--namespace", namespace, "--type=merge", "--patch", patch];
    plane.kubectl().run(&arguments);
    let has_other = |snapshot: &Snapshot| find(snapshot, ApiKind::Secret, namespace, "other").is_some();
    let published = watching.until("the other Secret", has_other).await;
    assert!(token(&published, namespace).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_written_publishes_nothing_and_is_known() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let namespace = &*plane.namespace("status");
    plane.kubectl().apply(&manifests(namespace, "one"));
    let watching = Watching::start(plane.client().await, &[]);
    let first = watching.until("anything", |_| true).await;
    let name = mailchute::plan::ObjectName::new(namespace, "hook");
    let mut touched = watching.cluster.touched.clone();
    touched.mark_unchanged();
    let patch = r#"{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
    let arguments = [
        "patch",
        "mailbackend",
        "hook",
        "--namespace",
        namespace,
        "--subresource=status",
        "--type=merge",
        "--patch",
        patch,
    ];
    plane.kubectl().run(&arguments);
    let is_known = || {
        let latest = watching.cluster.latest(ApiKind::Backend, &name);
        let latest = latest.as_ref().map(|latest| &***latest);
        matches!(latest, Some(Object::Backend(backend)) if backend.status.is_some())
    };
    while !is_known() {
        tokio::time::timeout(crate::support::until::PATIENCE, touched.changed()).await.unwrap().unwrap();
    }
    // What comes later is published; if the status had been, its snapshot would have come before.
    plane.kubectl().run(&["label", "mailbackend", "hook", "--namespace", namespace, "later=yes"]);
    let labelled = |snapshot: &Snapshot| {
        let hook = find(snapshot, ApiKind::Backend, namespace, "hook");
        hook.is_some_and(|hook| hook.metadata().labels.is_some())
    };
    let later = watching.until("the label", labelled).await;
    let version = |snapshot: &Snapshot| {
        find(snapshot, ApiKind::Backend, namespace, "hook").unwrap().metadata().resource_version.clone()
    };
    assert_ne!(version(&first), version(&later));
}
