//! nats-server in a pod, before which there is a Service. Who speaks to it signs in as one of its two users.

use std::net::SocketAddr;
use std::sync::OnceLock;

use serde_json::json;

use super::{Node, tools};
use crate::support::consumer::Consumer;

const IMAGE: &str = "mailchute.test/nats:1";
/// Who publishes, by the Secret that a backend names.
const PUBLISHER: (&str, &str) = ("mail", "sesame-of-mail");
/// Who makes streams and reads them.
const ADMINISTRATOR: (&str, &str) = ("admin", "sesame-of-admin");

/// One pod, the Service `nats`, port 4222, and the Secret `nats` of who may publish on `mail.` and below.
pub(crate) struct Broker<'node> {
    node: &'node Node,
    service: SocketAddr,
}

impl<'node> Broker<'node> {
    /// Starts it in a namespace that is there, and waits until it is ready.
    pub(crate) fn start(node: &'node Node, namespace: &str) -> Self {
        static LOADED: OnceLock<()> = OnceLock::new();
        LOADED.get_or_init(|| node.load_programs(IMAGE, &[tools::path("nats-server")]));
        node.kubectl().apply(&manifests(namespace));
        let available = ["--for=condition=Available", "deployment/nats", "--timeout=60s"];
        node.kubectl().run(&[&["wait", "--namespace", namespace], &available[..]].concat());
        let service = node.kubectl().get(&["service", "nats", "--namespace", namespace]);
        let address = service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        Self { node, service: SocketAddr::new(address, 4222) }
    }

    /// Who makes streams and reads them.
    pub(crate) fn consumer(&self) -> Consumer {
        let (user, pass) = ADMINISTRATOR;
        let says = |_: &str| json!({"user": user, "pass": pass});
        self.node.inside().enter(|| Consumer::connect_with(self.service, says))
    }
}

fn manifests(namespace: &str) -> String {
    let (user, password) = PUBLISHER;
    let (admin, word) = ADMINISTRATOR;
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: nats, namespace: {namespace}}}
stringData: {{username: {user}, password: {password}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: nats-configuration, namespace: {namespace}}}
stringData:
  nats.conf: |
    jetstream {{ store_dir: /data }}
    authorization {{ users: [
      {{ user: {admin}, password: {word} }}
      {{ user: {user}, password: {password}, permissions: {{
        publish: [\"mail.>\", \"$JS.API.STREAM.INFO.MAIL\"], subscribe: [\"_INBOX.>\"] }} }}
    ] }}
---
apiVersion: v1
kind: Service
metadata: {{name: nats, namespace: {namespace}}}
spec: {{selector: {{app: nats}}, ports: [{{port: 4222}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: nats, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: nats}}}}
  template:
    metadata: {{labels: {{app: nats}}}}
    spec:
      automountServiceAccountToken: false
      containers:
      - name: nats
        image: {IMAGE}
        imagePullPolicy: Never
        args: [--config, /configuration/nats.conf]
        readinessProbe: {{tcpSocket: {{port: 4222}}, periodSeconds: 1}}
        volumeMounts:
        - {{name: configuration, mountPath: /configuration}}
        - {{name: data, mountPath: /data}}
      volumes:
      - {{name: configuration, secret: {{secretName: nats-configuration}}}}
      - {{name: data, emptyDir: {{}}}}
"
    )
}
