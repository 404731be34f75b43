//! The examples of `manifests/` are taken as they are, by kubectl that refuses what it does not know.

use std::fs;
use std::path::Path;

use crate::harness::ControlPlane;
use crate::support::until::until_true;

#[test]
fn the_examples_apply() {
    let plane = ControlPlane::start();
    plane.install_crds();
    let kubectl = plane.kubectl();
    kubectl.run(&["create", "namespace", "mail-system"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let file = file.to_str().unwrap();
        let apply = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "--filename", file];
        let told = kubectl.run(&apply);
        assert!(told.contains("mailgateway.mailchute.dev/public serverside-applied"), "{told}");
        // Twice is the same as once.
        let before = kubectl.get(&["mailchute", "--all-namespaces"]);
        kubectl.run(&apply);
        assert_eq!(kubectl.get(&["mailchute", "--all-namespaces"]), before, "{file}");
        kubectl.run(&["delete", "--wait=false", "--filename", file]);
        until_true("the objects are gone", || {
            kubectl.run(&["get", "mailchute", "--all-namespaces", "--output=name"]).is_empty()
        });
        seen += 1;
    }
    assert!(seen > 4, "the examples were not found: {seen} files");
}
