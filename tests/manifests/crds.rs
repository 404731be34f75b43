//! The CRDs that people and Helm install are those that the program prints. `MAILCHUTE_BLESS=1` rewrites them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mailchute::api::crd::{SCHEMA_REVISION, crds, schema_revision};
use mailchute::commands::{Exit, crd};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::support::golden::golden;
use crate::support::program::program;

/// Where the CRDs stand: for kubectl, and for Helm.
const FOLDERS: [&str; 2] = ["manifests/crds", "charts/mailchute/crds"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed() -> String {
    let mut out = Vec::new();
    assert_eq!(crd::run(&mut out).unwrap(), Exit::Ok);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_program_prints_them() {
    let output = program().arg("crd").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), printed());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn committed_are_those_that_are_printed() {
    let printed = printed();
    let documents: Vec<&str> = printed.split_inclusive('\n').collect();
    let documents = documents.split(|line| *line == "---\n").skip(1).map(<[&str]>::concat);
    let names = crds().map(|crd| format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural));
    let documents: Vec<(&String, String)> = names.iter().zip(documents).collect();
    assert_eq!(documents.len(), 4);
    for folder in FOLDERS.map(|folder| root().join(folder)) {
        for (name, document) in &documents {
            golden(&folder.join(name), document);
        }
        let there =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(there.collect::<BTreeSet<_>>(), names.iter().cloned().collect(), "{}", folder.display());
    }
}

/// A line for each revision there was: its number, and the digest of its schemas without descriptions.
fn revisions() -> PathBuf {
    root().join("tests/manifests/revisions.txt")
}

#[test]
fn the_revision_rises_with_the_schemas() {
    let mut crds: Vec<Value> = crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    crds.iter_mut().for_each(drop_descriptions);
    let digest = digest(&SHA256, serde_json::to_string(&crds).unwrap().as_bytes());
    let digest: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let current = format!("{SCHEMA_REVISION} {digest}");
    let known = fs::read_to_string(revisions()).unwrap_or_default();
    // The line of this revision is written anew, those before it stay.
    let before = known.lines().filter(|line| !line.starts_with(&format!("{SCHEMA_REVISION} ")));
    let lines: Vec<&str> = before.chain([current.as_str()]).collect();
    if known.lines().last() != Some(&current) {
        eprintln!(
            "the schemas are others than those of revision {SCHEMA_REVISION}: where a release had it, raise it"
        );
    }
    golden(&revisions(), &format!("{}\n", lines.join("\n")));
    for (number, line) in (1..).zip(lines) {
        assert!(line.starts_with(&format!("{number} ")), "{line}: revisions rise by one");
    }
}

/// In schemas alone: a field may be called so, too.
fn drop_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, field| name != "description" || !field.is_string());
            fields.values_mut().for_each(drop_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_descriptions),
        _ => {}
    }
}

#[test]
fn a_crd_tells_its_revision() {
    for crd in crds() {
        assert_eq!(schema_revision(&crd.metadata), SCHEMA_REVISION);
    }
    assert_eq!(schema_revision(&Default::default()), 0);
}
