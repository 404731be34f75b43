//! With namespaces named, rights to read Secrets, ConfigMaps and Services there are enough.

use mailchute::api::ApiKind;

use super::{Watching, find};
use crate::harness::{ControlPlane, control_plane};

fn manifests(namespace: &str) -> String {
    format!(
        r#"
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: hook, namespace: {namespace}}}
spec: {{http: {{service: {{name: web, port: 80}}, auth: {{bearer: {{secretRef: {{name: token, key: token}}}}}}}}}}
---
{{apiVersion: v1, kind: Secret, metadata: {{name: token, namespace: {namespace}}}, stringData: {{token: a}}}}
---
{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: {namespace}}}, spec: {{ports: [{{port: 80}}]}}}}
"#
    )
}

/// What the chart gives the controller when `watchNamespaces` is set.
fn rights(own: &str, watched: &[&str]) -> String {
    let subject = format!("subjects: [{{kind: ServiceAccount, name: controller, namespace: {own}}}]");
    let mut yaml = format!(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {own}}}
rules:
- {{apiGroups: [mailchute.dev], resources: ["*"], verbs: [get, list, watch]}}
- {{apiGroups: [""], resources: [namespaces], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {own}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {own}}}
{subject}
"#
    );
    for namespace in watched {
        yaml += &format!(
            r#"
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: controller, namespace: {namespace}}}
rules:
- {{apiGroups: [""], resources: [secrets, configmaps], verbs: [get, list, watch]}}
- {{apiGroups: [""], resources: [services], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: controller, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: controller}}
{subject}
"#
        );
    }
    yaml
}

#[tokio::test(flavor = "multi_thread")]
async fn only_in_the_namespaces_named_are_secrets_and_services_read() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let [own, one, other, closed] = ["own", "one", "other", "closed"].map(|name| plane.namespace(name));
    for namespace in [&one, &other, &closed] {
        plane.kubectl().apply(&manifests(namespace));
    }
    plane.service_account(&own, "controller");
    plane.kubectl().apply(&rights(&own, &[&one, &other]));
    let client = control_plane::client(plane.kubectl_as(&own, "controller").kubeconfig()).await;
    let watching = Watching::start(client, &[&one, &other]);
    let first = watching.until("anything", |_| true).await;
    for namespace in [&one, &other, &closed] {
        let is_watched = namespace != &closed;
        assert!(find(&first, ApiKind::Backend, namespace, "hook").is_some(), "{namespace}");
        assert_eq!(find(&first, ApiKind::Secret, namespace, "token").is_some(), is_watched, "{namespace}");
        assert_eq!(find(&first, ApiKind::Service, namespace, "web").is_some(), is_watched, "{namespace}");
    }
    // That CRDs may not be looked at here does not keep deletions from being believed.
    plane.kubectl().run(&["delete", "mailbackend", "hook", "--namespace", &other]);
    watching.until("no backend", |now| find(now, ApiKind::Backend, &other, "hook").is_none()).await;
}
