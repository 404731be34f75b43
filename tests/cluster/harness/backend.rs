//! An HTTP backend in a pod, before which there is a Service. What it was posted it has printed.

use std::sync::OnceLock;

use super::Node;

const IMAGE: &str = "mailchute.test/backend:1";
/// Who is routed to it.
pub(crate) const RECIPIENT: &str = "support@example.net";
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/harness/backend.c");

/// One pod, and the Service `backend`, port 80.
pub(crate) struct Backend<'node> {
    node: &'node Node,
    namespace: String,
}

impl<'node> Backend<'node> {
    /// Starts it in a namespace that is there, and waits until it is ready.
    pub(crate) fn start(node: &'node Node, namespace: &str) -> Self {
        static LOADED: OnceLock<()> = OnceLock::new();
        LOADED.get_or_init(|| node.load_programs(IMAGE, &[node.compile("backend", SOURCE)]));
        node.kubectl().apply(&format!(
            "apiVersion: v1
kind: Service
metadata: {{name: backend, namespace: {namespace}}}
spec: {{selector: {{app: backend}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: backend, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: backend}}}}
  template:
    metadata: {{labels: {{app: backend}}}}
    spec:
      automountServiceAccountToken: false
      containers:
      - name: backend
        image: {IMAGE}
        imagePullPolicy: Never
        readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
"
        ));
        let available = ["--for=condition=Available", "deployment/backend", "--timeout=60s"];
        node.kubectl().run(&[&["wait", "--namespace", namespace], &available[..]].concat());
        Self { node, namespace: namespace.to_owned() }
    }

    /// Lets mail for [`RECIPIENT`] come to it by the gateway `public` of a namespace.
    pub(crate) fn attach(&self, gateway: &str) {
        let namespace = &self.namespace;
        self.node.kubectl().apply(&format!(
            "apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {{name: support, namespace: {namespace}}}
spec:
  parentRefs: [{{name: public, namespace: {gateway}}}]
  rules:
  - name: tickets
    matches: [{{recipient: {{domain: example.net, localPart: {{type: Exact, value: support}}}}}}]
    delivery: {{backendRefs: [{{name: tickets}}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: tickets, namespace: {namespace}}}
spec:
  http: {{service: {{name: backend, port: 80}}, path: /inbound}}
"
        ));
    }

    /// Its namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Every request of a message that it got, as it came.
    pub(crate) fn printed(&self) -> String {
        self.node.kubectl().run(&["logs", "deployment/backend", "--namespace", &self.namespace])
    }
}
