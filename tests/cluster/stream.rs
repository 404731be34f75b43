//! Mail comes in at the chart's Service and ends up in a stream: front-ends find nats-server by the name of its
//! Service, sign in by a Secret, and whichever of them a sender comes to, the stream keeps its message once.

use std::net::SocketAddr;

use crate::harness::Node;
use crate::harness::broker::Broker;
use crate::harness::release::Release;
use crate::support::client::Client;
use crate::support::consumer::{Taken, config};
use crate::support::until::{until, until_true};

/// Backends are Services of their own namespace, and nothing else.
const VALUES: &str = "
gateways:
  public:
    hostname: mx1.example.net
    domains: [{name: example.net, allowedRoutes: {namespaces: {from: All}}}]
    backends: {allow: [Service]}
";
const RELEASE: &str = "mail-stream";
const APPLICATION: &str = "orders";
const RECIPIENT: &str = "order-7@example.net";
/// Dots at line starts, octets that are no ASCII.
const MESSAGE: &[u8] = b"Message-ID: <7@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    From: <a@client.example>\r\nSubject: order\r\n\r\n.one\r\n..two\r\n\xe9\xff\r\n";

#[test]
fn mail_comes_into_a_stream_and_is_kept_once() {
    let node = Node::shared();
    node.kubectl().run(&["create", "namespace", APPLICATION]);
    let broker = Broker::start(node, APPLICATION);
    let release = Release::new(node, "helm4", RELEASE);
    let (address, _) = release.install(36, VALUES);
    let service = SocketAddr::from((address, 25));
    route(node, &release);

    let early = from_outside(node, service);
    assert!(early.starts_with("451 4.3.5"), "there is no stream yet: {early}");
    let mut consumer = broker.consumer();
    consumer.create(&config());
    let reply = from_outside(node, service);
    assert!(reply.starts_with("250 2.0.0 Ok"), "{reply}");
    let front_ends = release.ready("front-end");
    assert_eq!(front_ends.len(), 3);
    for front_end in front_ends {
        let again = node.inside().enter(|| send(SocketAddr::from((front_end, 2525))));
        assert!(again.starts_with("250 2.0.0 Ok"), "{front_end}: {again}");
    }
    let messages = consumer.messages();
    let [message] = &messages[..] else { panic!("it is not kept once: {messages:?}") };
    holds(message, &reply);

    release.uninstall();
    node.kubectl().run(&["delete", "namespace", RELEASE, APPLICATION]);
    node.kubectl().run(&["delete", "crd", "--all"]);
}

/// What is kept is what was sent, and says where it comes from.
fn holds(message: &Taken, reply: &str) {
    message.received.assert_carries(MESSAGE);
    assert_eq!(message.subject, "mail.example%2Enet.order-7");
    for (name, value) in [
        ("ce-source", format!("/mailchute/{RELEASE}/public/mx")),
        ("ce-route", format!("{APPLICATION}/orders")),
        ("ce-mailfrom", "a@client.example".to_owned()),
        ("ce-rcptto", RECIPIENT.to_owned()),
        ("ce-datacontenttype", "message/rfc822".to_owned()),
        ("Nats-Msg-Id", message.header("ce-dedupekey").to_owned()),
    ] {
        assert_eq!(message.header(name), value, "{name}");
    }
    assert!(message.header("traceparent").starts_with("00-"), "{message:?}");
    assert!(reply.contains(message.header("ce-id")), "{reply}");
}

/// Lets orders go to the stream, and waits until all front-ends know, and the route says so.
fn route(node: &Node, release: &Release<'_>) {
    node.kubectl().apply(&format!(
        "apiVersion: mailchute.dev/v1alpha1
kind: MailRoute
metadata: {{name: orders, namespace: {APPLICATION}}}
spec:
  parentRefs: [{{name: public, namespace: {RELEASE}}}]
  rules:
  - name: orders
    matches: [{{recipient: {{domain: example.net, localPart: {{type: Wildcard, value: 'order-*'}}}}}}]
    delivery: {{backendRefs: [{{name: orders}}]}}
---
apiVersion: mailchute.dev/v1alpha1
kind: MailBackend
metadata: {{name: orders, namespace: {APPLICATION}}}
spec:
  nats:
    url: nats://nats.{APPLICATION}.svc
    stream: MAIL
    subject: 'mail.{{rcpt.domain}}.{{rcpt.local}}'
    credentialsSecretRef: {{name: nats}}
"
    ));
    until_true("the route is live on all front-ends", || release.takes(RECIPIENT) == [250; 3]);
    for object in ["mailroute/orders", "mailbackend/orders"] {
        let ready = ["wait", "--for=condition=Ready", object, "--timeout=30s", "--namespace", APPLICATION];
        node.kubectl().run(&ready);
    }
}

/// What is said to the message when it comes from outside.
fn from_outside(node: &Node, service: SocketAddr) -> String {
    node.clients().enter(|| send(service))
}

/// What is said to the message at `address`.
fn send(address: SocketAddr) -> String {
    let mut client = until("it answers", || Client::connect(address).ok());
    assert_eq!(client.reply().code, 220);
    client.expect("EHLO client.example", 250);
    let reply = client.send("a@client.example", &[RECIPIENT], MESSAGE);
    format!("{} {}", reply.code, reply.text())
}
