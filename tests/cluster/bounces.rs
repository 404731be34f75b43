//! A bounce from end to end, through the chart: an application finds out later that a recipient is gone, asks the
//! front-ends at their Service, and the sender's mail server has the notification.
//!
//! The sender's mail server and the application are one pod that runs `mailchute dev`.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

use crate::harness::Node;
use crate::harness::release::Release;
use crate::support::bounces::{KEY, ask, unknown};
use crate::support::client::Client;
use crate::support::get::get;
use crate::support::until::{until, until_true};

const HOME: u16 = 8025;

#[test]
fn an_application_has_the_sender_told() {
    let node = Node::shared();
    let (mail, home) = ("mail-bounces", "home-bounces");
    node.kubectl().run(&["create", "namespace", home]);
    start_home(node, home);
    let release = Release::new(node, "helm3", mail);
    let key = format!("--from-literal=primary={KEY}");
    node.kubectl().run(&["create", "secret", "generic", "seal", &key, "--namespace", mail]);
    let (address, said) = release.install(37, &values(home));
    assert!(said.contains("service mailchute-public-bounces"), "{said}");
    let page = SocketAddr::from((address_of(node, "home", home), HOME));
    route(node, home, mail);
    let service = SocketAddr::from((address, 25));
    until_true("the route is live on all front-ends", || release.takes("bob@example.net") == [250; 2]);
    let message = b"Message-ID: <1@client.example>\r\nSubject: dinner\r\n\r\nAt eight?\r\n";
    let reply = node.clients().enter(|| {
        let mut client = until("the Service answers", || Client::connect(service).ok());
        assert_eq!(client.reply().code, 220);
        client.expect("EHLO client.example", 250);
        client.send("alice@client.example", &["bob@example.net"], message)
    });
    assert_eq!(reply.code, 250, "{reply:?}");
    let event = inbox(node, page, "/api/v1/messages", |messages| find(&messages, "dinner"));
    let id = event["id"].as_str().unwrap();
    let whole = inbox(node, page, &format!("/api/v1/messages/{id}"), Some);
    let token = whole["event"]["bouncetoken"].as_str().unwrap().to_owned();
    let bounces = SocketAddr::from((address_of(node, "mailchute-public-bounces", mail), 80));
    let told = node.inside().enter(|| ask(bounces, &token, &unknown("bob@example.net")));
    assert_eq!(told.status, 202, "{told:?}");
    let notification = inbox(node, page, "/api/v1/messages", |messages| {
        find(&messages, "Your message could not be delivered")
    });
    assert_eq!(notification["mailFrom"], "<>");
    assert_eq!(notification["rcptTo"][0], "alice@client.example");
    release.uninstall();
    node.kubectl().run(&["delete", "namespace", mail, home]);
    node.kubectl().run(&["delete", "crd", "--all"]);
}

fn values(home: &str) -> String {
    format!(
        "
gateways:
  public:
    hostname: mx1.example.net
    replicas: 2
    domains: [{{name: example.net, allowedRoutes: {{namespaces: {{from: All}}}}}}]
    bounces:
      relay: {{host: home.{home}.svc, port: 25, tls: Disabled}}
      sealSecretRef: {{name: seal}}
      senders: All
    drain: {{delay: 1s, timeout: 20s}}
"
    )
}

/// A pod that takes any mail, and what an application is posted, and shows both at its page.
fn start_home(node: &Node, namespace: &str) {
    let image = node.image();
    node.kubectl().apply(&format!(
        "apiVersion: v1
kind: Service
metadata: {{name: home, namespace: {namespace}}}
spec:
  selector: {{app: home}}
  ports: [{{name: smtp, port: 25, targetPort: 2525}}, {{name: http, port: {HOME}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: home, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: home}}}}
  template:
    metadata: {{labels: {{app: home}}}}
    spec:
      automountServiceAccountToken: false
      containers:
      - name: home
        image: {image}
        imagePullPolicy: Never
        args: [dev, '--smtp=0.0.0.0:2525', '--page=0.0.0.0:{HOME}']
        readinessProbe: {{tcpSocket: {{port: 2525}}, periodSeconds: 1}}
"
    ));
    node.kubectl().run(&[
        "wait",
        "--namespace",
        namespace,
        "--for=condition=Available",
        "deployment/home",
        "--timeout=60s",
    ]);
}

/// Bob's mail goes to the pod.
fn route(node: &Node, namespace: &str, parent: &str) {
    node.kubectl().apply(&format!(
        "apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {{name: bob, namespace: {namespace}}}
spec:
  parentRefs: [{{name: public, namespace: {parent}}}]
  rules:
  - name: bob
    matches: [{{recipient: {{domain: example.net, localPart: {{type: Exact, value: bob}}}}}}]
    delivery: {{backendRefs: [{{name: home}}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: home, namespace: {namespace}}}
spec:
  http: {{service: {{name: home, port: {HOME}}}, path: /inbound}}
"
    ));
}

fn address_of(node: &Node, service: &str, namespace: &str) -> Ipv4Addr {
    let service = node.kubectl().get(&["service", service, "--namespace", namespace]);
    service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap()
}

/// Waits until the page answers with something that is looked for.
fn inbox(node: &Node, page: SocketAddr, path: &str, look: impl Fn(Value) -> Option<Value>) -> Value {
    until(path, || {
        let (status, body) = node.inside().enter(|| get(page, path))?;
        (status == 200).then(|| serde_json::from_slice(&body).ok()).flatten().and_then(&look)
    })
}

fn find(messages: &Value, subject: &str) -> Option<Value> {
    let list = messages.as_array().or_else(|| messages["messages"].as_array())?;
    list.iter().find(|message| message["subject"] == subject).cloned()
}
