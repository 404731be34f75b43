//! An HTTP backend in a pod, before which there is a Service. What it was posted it has printed.

use std::process::Command;
use std::sync::OnceLock;

use super::{Node, tools};

const IMAGE: &str = "mailchute.test/backend:1";
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
        LOADED.get_or_init(|| load(node));
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

    /// Every message that it was posted, as it came.
    pub(crate) fn printed(&self) -> String {
        self.node.kubectl().run(&["logs", "deployment/backend", "--namespace", &self.namespace])
    }
}

fn load(node: &Node) {
    let context =
        node.write("backend.dockerfile", "FROM scratch\nCOPY backend /\nENTRYPOINT [\"/backend\"]\n");
    let folder = context.with_extension("");
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("backend");
    tools::output(Command::new("gcc").args(["-static", "-Os", "-s", "-o"]).arg(program).arg(SOURCE));
    node.load(IMAGE, &folder, &["--file", context.to_str().unwrap()]);
}
