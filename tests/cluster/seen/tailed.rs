//! `mailchute tail` beside `kubectl port-forward`, as people run it in a cluster.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::send;
use crate::harness::Node;
use crate::harness::release::{Pod, Release};
use crate::support::get::get;
use crate::support::program::{Running, program};
use crate::support::until::until;

/// It shows what a front-end does, to those who may forward ports of pods, and to nobody who just reaches the pod.
pub(super) fn shows_a_message(node: &Node, release: &Release<'_>, pod: &Pod) {
    let admin = SocketAddr::from((pod.address, 9464));
    let (status, said) = node.inside().enter(|| get(admin, "/v1/transactions")).unwrap();
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&said));

    let folder = TempDir::new().unwrap();
    let mut forward = node.kubectl().command("kubectl");
    forward.args(["port-forward", &pod.name, ":9464", "--namespace", release.namespace()]);
    let forward = Running::start(&mut forward, &folder.path().join("forward.log"));
    let admin = until("kubectl forwards", || forwarded(&forward.log()));

    let mut tail = Command::new("nsenter");
    tail.arg(format!("--net={}", node.inside().path().display())).arg("--").arg(program().get_program());
    tail.args(["tail", "--json", "--rcpt=@example.net", "--count=1", "--admin", &admin]);
    let mut tail = Running::start(&mut tail, &folder.path().join("tail.log"));
    // What happened before it has asked is not shown.
    let shown = until("a message is shown", || {
        node.inside().enter(|| send(SocketAddr::from((pod.address, 2525))));
        tail.log().lines().next().map(|line| serde_json::from_str::<Value>(line).unwrap())
    });
    assert!(tail.wait().success(), "{}", tail.log());
    for (key, value) in [
        ("outcome", "delivered"),
        ("listener", "mx"),
        ("route", "application-collected/support"),
        ("backend", "application-collected/tickets"),
        ("sender", "s…@example.com"),
    ] {
        assert_eq!(shown[key], value, "{key}: {shown}");
    }
    assert_eq!(shown["recipients"], serde_json::json!(["s…@example.net"]), "{shown}");
}

/// Where kubectl says that it listens.
fn forwarded(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("Forwarding from 127.0.0.1:")?;
    let (port, _) = rest.split_once(" -> ")?;
    Some(format!("127.0.0.1:{port}"))
}
