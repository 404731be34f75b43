//! What files are compiled to: golden pairs `tests/compile/*.in.yaml → *.out.yaml`, and the commands
//! and the source that read files.
//!
//! Comments in an input say what is asked: `# gateway: namespace/name` where there are several,
//! `# origin: cluster`, `# unreadable: kind namespace/name problem`, and `# ask: recipient [from sender] [at listener] [by tls] [by auth]`. `MAILCHUTE_BLESS=1`
//! rewrites the outputs.

mod again;
mod commands;
mod render;
mod select;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mailchute::api::{ApiKind, rules};
use mailchute::compile::{Origin, Snapshot, compile};
use mailchute::plan::{ObjectName, Reason};
use mailchute::source::read;

use crate::support::golden::golden;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile")
}

fn inputs() -> Vec<PathBuf> {
    inputs_of(&folder())
}

pub(crate) fn inputs_of(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut inputs: Vec<PathBuf> =
        files.filter(|file| file.to_string_lossy().ends_with(".in.yaml")).collect();
    inputs.sort();
    inputs
}

/// What the comments of an input say of `name`.
pub(crate) fn directives<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let prefix = format!("# {name}: ");
    text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect()
}

/// The objects of an input, with those that its comments say can't be read.
pub(crate) fn snapshot(input: &Path) -> Snapshot {
    let loaded = read(&[input.to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    let mut snapshot = loaded.snapshot;
    for unreadable in directives(&fs::read_to_string(input).unwrap(), "unreadable") {
        let [kind, name, problem] = unreadable.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{unreadable}")
        };
        let kind = ApiKind::ALL.into_iter().find(|each| each.name() == kind).unwrap();
        snapshot.insert_unreadable(kind, object_name(name), problem.to_owned());
    }
    snapshot
}

/// From `namespace/name`.
pub(crate) fn object_name(text: &str) -> ObjectName {
    let (namespace, name) = text.split_once('/').unwrap();
    ObjectName::new(namespace, name)
}

fn compile_input(input: &Path) -> String {
    let text = fs::read_to_string(input).unwrap();
    let snapshot = snapshot(input);
    let gateway = match directives(&text, "gateway").first() {
        Some(name) => object_name(name),
        None => snapshot.gateways().next().unwrap().clone(),
    };
    let origin = match directives(&text, "origin").first() {
        Some(&"cluster") => Origin::Cluster,
        _ => Origin::Files,
    };
    let compiled = compile(&snapshot, &gateway, origin);
    render::render(&compiled, &directives(&text, "ask"))
}

#[test]
fn compiles_to_the_golden_plans_and_findings() {
    let inputs = inputs();
    assert!(inputs.len() > 10);
    for input in inputs {
        let output = input.to_string_lossy().replace(".in.yaml", ".out.yaml");
        golden(Path::new(&output), &compile_input(&input));
    }
}

#[test]
fn every_reason_has_a_golden_pair() {
    let found: BTreeSet<Reason> = inputs()
        .iter()
        .flat_map(|input| {
            let text = compile_input(input);
            Reason::ALL
                .iter()
                .filter(|reason| text.contains(&format!(": {reason:?}: ")))
                .copied()
                .collect::<Vec<_>>()
        })
        .collect();
    // What files refuse at the source never comes to compile; a cluster tells it.
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !found.contains(reason) && **reason != Reason::UnknownField)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_cel_rule_has_a_twin() {
    let all: String = inputs().iter().map(|input| compile_input(input)).collect();
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    let rules = rules::ALL.iter().flat_map(|(_, rules)| rules.iter());
    let missing: Vec<_> = rules.filter(|rule| !all.contains(rule.message)).map(|rule| rule.name).collect();
    assert!(missing.is_empty(), "no golden pair breaks {missing:?}");
}
