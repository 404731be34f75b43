//! Golden renders: `renders/NAME.values.yaml → NAME.out.yaml`, the same by both Helms. `MAILCHUTE_BLESS=1`
//! rewrites the outputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::golden::golden;
use super::helm::Helm;

/// The value sets: name, and file.
pub(crate) fn sets() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/renders");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut sets: Vec<(String, PathBuf)> = files
        .filter_map(|file| {
            let name = file.file_name()?.to_str()?.strip_suffix(".values.yaml")?.to_owned();
            Some((name, file))
        })
        .collect();
    sets.sort();
    assert!(sets.len() >= 12, "{sets:?}");
    sets
}

/// A set, rendered by one Helm.
pub(crate) struct Render {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Every set rendered, once for all tests; without the empty lines behind objects, which only one Helm prints.
pub(crate) fn renders(helm: Helm) -> &'static [Render] {
    static V3: OnceLock<Vec<Render>> = OnceLock::new();
    static V4: OnceLock<Vec<Render>> = OnceLock::new();
    let renders = match helm {
        Helm::V3 => &V3,
        Helm::V4 => &V4,
    };
    renders.get_or_init(|| sets().into_iter().map(|(name, set)| render(helm, name, &set)).collect())
}

fn render(helm: Helm, name: String, set: &Path) -> Render {
    let values = format!("--values={}", set.display());
    let text = helm.template(&[&values]).unwrap_or_else(|error| panic!("{name}: {error}"));
    Render { name, text: text.trim_end().replace("\n\n---\n", "\n---\n") + "\n" }
}

#[test]
fn are_the_golden_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/renders");
    for Render { name, text } in renders(Helm::V3) {
        golden(&folder.join(format!("{name}.out.yaml")), text);
    }
}

#[test]
fn are_the_same_by_both() {
    for (by_3, by_4) in renders(Helm::V3).iter().zip(renders(Helm::V4)) {
        assert_eq!(by_3.text, by_4.text, "{}", by_3.name);
    }
}

#[test]
fn a_version_of_kubernetes_that_is_too_old_is_refused() {
    for helm in Helm::BOTH {
        let refused = helm.template(&["--kube-version=1.30.99"]).unwrap_err();
        assert!(refused.contains("incompatible with Kubernetes v1.30.99"), "{refused}");
        // As some clouds call theirs.
        helm.template(&["--kube-version=v1.31.4-gke.1183000"]).unwrap();
    }
}

#[test]
fn crds_come_with_it_where_they_are_asked_for() {
    for helm in Helm::BOTH {
        let render = helm.template(&["--include-crds"]).unwrap();
        assert_eq!(render.matches("\nkind: CustomResourceDefinition\n").count(), 4, "{helm:?}");
    }
}
