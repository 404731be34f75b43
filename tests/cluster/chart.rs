//! The chart's life on a real cluster, with each Helm: it comes up where nothing runs that is not restricted, mail
//! goes in at its Service and comes out at a pod, a route is live on all front-ends once it is applied, its own test
//! passes, it is upgraded, and when it goes nothing is left but the CRDs.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::harness::Node;
use crate::harness::backend::{Backend, RECIPIENT};
use crate::harness::release::Release;
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::until::{until, until_true};

const VALUES: &str = "
gateways:
  public:
    hostname: mx1.example.net
    domains: [{name: example.net, allowedRoutes: {namespaces: {from: All}}}]
    tls: {secretName: mx-tls}
    listeners:
    - {name: mx, port: 2525, allowedRoutes: {namespaces: {from: All}}}
    drain: {delay: 1s, timeout: 20s}
";

#[test]
fn helm_3_brings_it_and_takes_it_away() {
    life("helm3", 33);
}

#[test]
fn helm_4_brings_it_and_takes_it_away() {
    life("helm4", 34);
}

fn life(helm: &'static str, number: u8) {
    let node = Node::shared();
    let (mail, application) = (format!("mail-{helm}"), format!("application-{helm}"));
    node.kubectl().run(&["create", "namespace", &application]);
    let backend = Backend::start(node, &application);
    let release = Release::new(node, helm, &mail);
    until_true("the namespace has what every one has", || left(node, &mail).len() == 2);
    let before = left(node, &mail);
    secret(node, &mail);

    let (address, said) = release.install(number, VALUES);
    let service = SocketAddr::from((address, 25));
    assert!(said.contains("Gateway mail-helm") && said.contains("as mx1.example.net"), "{said}");
    assert_eq!(ready(&release), (2, 3));
    a_route_is_live_on_all_front_ends(node, &release, &backend);
    mail_comes_out(node, service, &backend, &format!("installed by {helm}"));
    let said = release.test();
    assert!(said.contains("Succeeded"), "{said}");

    release.upgrade(&["gateways.public.maxSessions=5000", "controller.log=debug"]);
    until_true("all are new", || ready(&release) == (2, 3));
    mail_comes_out(node, service, &backend, &format!("upgraded by {helm}"));

    release.uninstall();
    node.kubectl().run(&["delete", "secret", "mx-tls", "--namespace", &mail]);
    until_true("nothing is left of it", || left(node, &mail) == before);
    let crds = node.kubectl().run(&["get", "crd", "--output=name"]);
    assert_eq!(crds.matches(".mailchute.dev\n").count(), 4, "{crds}");
    node.kubectl().run(&["delete", "namespace", &mail, &application]);
    // Helm 4 takes CRDs over from nobody: the next release brings its own.
    node.kubectl().run(&["delete", "crd", "--all"]);
}

/// How many controllers and front-ends are ready.
fn ready(release: &Release<'_>) -> (usize, usize) {
    (release.ready("controller").len(), release.ready("front-end").len())
}

/// The certificate that the gateway names.
fn secret(node: &Node, namespace: &str) {
    let folder = TempDir::new().unwrap();
    Authority::new().server(&["mx1.example.net"]).write(folder.path(), "tls");
    let file = |name: &str, key: &str| format!("--{key}={}", folder.path().join(name).display());
    let (certificate, key) = (file("tls.crt", "cert"), file("tls.key", "key"));
    node.kubectl().run(&["create", "secret", "tls", "mx-tls", &certificate, &key, "--namespace", namespace]);
}

fn a_route_is_live_on_all_front_ends(node: &Node, release: &Release<'_>, backend: &Backend<'_>) {
    until_true("front-ends know the gateway", || release.takes(RECIPIENT) == [451; 3]);
    backend.attach(release.namespace());
    until_true("the route is live on all front-ends", || release.takes(RECIPIENT) == [250; 3]);
    assert_eq!(release.takes("nobody@example.net"), [550; 3]);
    let ready = ["wait", "--for=condition=Ready", "mailroute/support", "--timeout=30s"];
    node.kubectl().run(&[&ready[..], &["--namespace", backend.namespace()]].concat());
}

fn mail_comes_out(node: &Node, service: SocketAddr, backend: &Backend<'_>, subject: &str) {
    let message = format!("Subject: {subject}\r\n\r\nHello.\r\n");
    let reply = node.clients().enter(|| {
        let mut client = until("the Service answers", || Client::connect(service).ok());
        assert_eq!(client.reply().code, 220);
        client.expect("EHLO client.example", 250);
        client.send("sender@example.com", &[RECIPIENT], message.as_bytes())
    });
    assert_eq!(reply.code, 250, "{reply:?}");
    // The kubelet's log comes a little later than what it logs.
    // A container's log is lines, and ends them in its own way.
    let message = message.replace("\r\n", "\n");
    until_true("it comes out", || backend.printed().contains(&message));
}

/// Every object of a namespace, and of the cluster those that are named after it; but not events, which go later.
fn left(node: &Node, namespace: &str) -> BTreeSet<String> {
    let kubectl = node.kubectl();
    let kinds = |namespaced: &str| {
        let kinds = kubectl.run(&["api-resources", "--verbs=list", "--output=name", namespaced]);
        kinds
            .lines()
            .filter(|kind| !kind.starts_with("events"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(",")
    };
    let own = kubectl.run(&["get", &kinds("--namespaced=true"), "--output=name", "--namespace", namespace]);
    let of_cluster = kubectl.run(&["get", &kinds("--namespaced=false"), "--output=name"]);
    let of_cluster =
        of_cluster.lines().filter(|name| name.contains(namespace) && !name.starts_with("namespace/"));
    own.lines().chain(of_cluster).map(str::to_owned).collect()
}
