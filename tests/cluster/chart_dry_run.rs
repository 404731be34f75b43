//! Everything that the chart renders is what kube-apiserver takes: known fields, values in range, CEL, and for
//! pods what the Pod Security Standard `restricted` asks for. The renders are the golden ones of `tests/chart`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{ControlPlane, tools};

fn renders() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/renders");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let renders = files.filter(|file| file.to_string_lossy().ends_with(".out.yaml"));
    renders.map(|file| (file.display().to_string(), fs::read_to_string(&file).unwrap())).collect()
}

/// The namespaces that a render puts objects into.
fn namespaces(render: &str) -> BTreeSet<String> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(render).unwrap();
    objects.iter().filter_map(|object| Some(object["metadata"]["namespace"].as_str()?.to_owned())).collect()
}

#[test]
fn every_render_is_taken() {
    let plane = ControlPlane::shared();
    plane.install_crds();
    let crds = tools::path("schemas").join("crds");
    let kubectl = plane.kubectl();
    kubectl.run(&["apply", "--server-side", "--filename", crds.to_str().unwrap()]);
    kubectl.run(&["wait", "--for=condition=Established", "--all", "crd"]);
    let renders = renders();
    assert!(renders.len() >= 12);
    let namespaces: BTreeSet<String> = renders.iter().flat_map(|(_, render)| namespaces(render)).collect();
    for namespace in &namespaces {
        kubectl.run(&["create", "namespace", namespace]);
        // A Deployment is let in whatever its pods are: of these only a warning tells.
        let restricted =
            ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
        kubectl.run(&["label", "namespace", namespace, &restricted[0], &restricted[1]]);
        // Pods of helm test run as it, and nobody makes it here.
        kubectl.run(&["create", "serviceaccount", "default", "--namespace", namespace]);
    }
    let dry = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
    for (file, render) in &renders {
        let (taken, said) = kubectl.with_input(&dry, render);
        assert!(taken, "{file}: {said}");
        assert!(!said.to_lowercase().contains("warning"), "{file}: {said}");
        let (_, said) =
            kubectl.with_input(&dry, &render.replace("runAsNonRoot: true", "runAsNonRoot: false"));
        assert!(said.contains("would violate PodSecurity"), "{file}: {said}");
    }
    for namespace in &namespaces {
        kubectl.run(&["delete", "namespace", namespace, "--wait=false"]);
    }
}
