//! README's first route: the quickstart as it is shipped, beside the chart as it is, and a message to it.

use std::net::SocketAddr;

use crate::harness::Node;
use crate::harness::release::Release;
use crate::support::client::Client;
use crate::support::until::until_true;

const QUICKSTART: &str = include_str!("../../manifests/examples/quickstart.yaml");
/// The image that it names, to be replaced by one's own.
const IMAGE: &str = "mailchute:0.1.0";

#[test]
fn a_message_to_the_first_route_is_in_its_inbox() {
    let node = Node::shared();
    let release = Release::new(node, "helm4", "mail-system");
    let (address, _) = release.install(40, "");
    let quickstart = QUICKSTART.replace(IMAGE, node.image());
    assert_ne!(quickstart, QUICKSTART);
    let apply = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
    let (applied, said) = node.kubectl().with_input(&apply, &quickstart);
    assert!(applied, "{said}");
    let available = ["wait", "--namespace=support", "--for=condition=Available", "deployment/inbox"];
    node.kubectl().run(&[&available[..], &["--timeout=120s"]].concat());
    until_true("the route is live on all front-ends", || {
        let taken = release.takes("support+42@example.net");
        !taken.is_empty() && taken.iter().all(|code| *code == 250)
    });
    let send = || {
        Client::greeted(SocketAddr::from((address, 25))).send(
            "alice@client.example",
            &["support@example.net"],
            b"Subject: the first\r\n\r\nHello.\r\n",
        )
    };
    // A pod may be ready before its Service leads to it, and a sender tries again.
    until_true("the message is delivered", || {
        let reply = node.clients().enter(send);
        assert!(matches!(reply.code, 250 | 451), "{reply:?}");
        reply.code == 250
    });
    until_true("the inbox says so", || {
        let log = node.kubectl().run(&["logs", "--namespace=support", "deployment/inbox"]);
        log.contains("alice@client.example → support@example.net  “the first”")
    });
    release.uninstall();
    node.kubectl().run(&["delete", "namespace", "mail-system", "support"]);
    node.kubectl().run(&["delete", "crd", "--all"]);
}
