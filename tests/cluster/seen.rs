//! What operators see of the chart in a cluster, by what they have there: the operator of Prometheus, an OpenTelemetry
//! collector, and `kubectl port-forward`.

use std::net::SocketAddr;

use crate::harness::Node;
use crate::harness::backend::{Backend, RECIPIENT};
use crate::harness::release::Release;
use crate::support::client::Client;
use crate::support::until::{until, until_true};

mod collected;
mod scraped;
mod tailed;

/// A gateway of two front-ends.
const GATEWAY: &str = "
gateways:
  public:
    hostname: mx1.example.net
    replicas: 2
    drain: {delay: 1s, timeout: 20s}
    domains: [{name: example.net, allowedRoutes: {namespaces: {from: All}}}]
";

/// Lets mail come to a backend, and waits until both front-ends know.
fn route(release: &Release<'_>, backend: &Backend<'_>) {
    backend.attach(release.namespace());
    until_true("the route is live on both front-ends", || release.takes(RECIPIENT) == [250; 2]);
}

/// Sends a message to one front-end, or through the Service, in a session that ends in order.
fn send(address: SocketAddr) {
    let mut client = until("it answers", || Client::connect(address).ok());
    assert_eq!(client.reply().code, 220);
    client.expect("EHLO client.example", 250);
    let reply = client.send("sender@example.com", &[RECIPIENT], b"Subject: seen\r\n\r\nHello.\r\n");
    assert_eq!(reply.code, 250, "{reply:?}");
    client.expect("QUIT", 221);
}

/// Takes away a release, and the namespaces that belong to a test.
fn remove(node: &Node, release: &Release<'_>, namespaces: &[&str]) {
    release.uninstall();
    node.kubectl().run(&[&["delete", "namespace", release.namespace()], namespaces].concat());
    node.kubectl().run(&["delete", "crd", "--all"]);
}
