//! The node of the tests runs pods.

use crate::harness::Node;

#[test]
fn a_pod_runs() {
    let node = Node::shared();
    node.kubectl().run(&["create", "namespace", "pods"]);
    node.kubectl().run(&["run", "idle", "--image=mailchute.test/pause:1", "--namespace=pods"]);
    node.kubectl().run(&["wait", "--for=condition=Ready", "pod/idle", "--namespace=pods", "--timeout=30s"]);
    node.kubectl().run(&["delete", "pod", "idle", "--namespace=pods", "--wait"]);
}
