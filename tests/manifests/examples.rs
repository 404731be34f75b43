//! The examples: nothing is wrong with them, nothing is missing from them, and a front-end takes and refuses with them
//! what their comments say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mailchute::api::Object;
use mailchute::api::status::Time;
use mailchute::commands::Exit;
use mailchute::commands::check::{self, CheckArgs};
use mailchute::compile::{Origin, compile};
use mailchute::plan::ObjectName;
use mailchute::source::parse;
use mailchute::status::{Offer, Outcome, merge, wanted};
use serde_json::Value;

use crate::support::front_end::FrontEnd;
use crate::support::manifests::free_port;
use crate::support::program::program;

/// Where the chart is installed.
const RELEASE: &str = "mail-system";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), ASKED.len(), "{files:?}");
    files
}

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn check_finds_nothing_but_what_it_does_not_read() {
    for file in files() {
        let mut out = Vec::new();
        let exit = check::run(&CheckArgs { files: vec![file.clone()], strict: false }, &mut out).unwrap();
        let told = String::from_utf8(out).unwrap();
        assert_eq!(exit, Exit::Ok, "{}: {told}", file.display());
        let explained = |line: &str| line.starts_with("warning: Deployment ") && line.contains(": Unused: ");
        let warnings: Vec<&str> =
            told.lines().filter(|line| line.starts_with("warning: ") && !explained(line)).collect();
        assert!(warnings.is_empty(), "{}: {warnings:?}", file.display());
    }
}

/// The chart's front-ends are those of its gateway; then every object is ready.
#[test]
fn a_cluster_finds_nothing_either_and_all_are_ready() {
    let now = Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let front_ends = "\n  frontEnds: {serviceAccountName: mailchute-public}\n  listeners:\n";
        let snapshot = parse("example", &text.replace("\n  listeners:\n", front_ends)).unwrap().snapshot;
        let gateways: Vec<_> = snapshot.gateways().cloned().collect();
        let [gateway] = gateways.as_slice() else { panic!("{gateways:?}") };
        let compiled = compile(&snapshot, gateway, Origin::Cluster);
        assert!(compiled.plan.is_some());
        assert_eq!(compiled.findings, [], "{}", file.display());
        let outcome = Outcome::new(compiled, Offer::Current { version: "1".to_owned() });
        let all = wanted(&snapshot, &BTreeMap::from([(gateway.clone(), outcome)]));
        assert!(all.len() >= 3, "{all:?}");
        for wanted in all {
            let its = |(name, object): &(&ObjectName, &Object)| {
                **name == wanted.name && object.kind() == wanted.kind
            };
            let (_, object) = snapshot.objects().find(its).unwrap();
            let status = serde_json::to_value(merge(object, &wanted, &now).unwrap()).unwrap();
            let conditions = status["conditions"].as_array().unwrap();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
            assert_eq!(ready["status"], "True", "{object:?}: {ready}");
        }
    }
}

#[test]
fn they_are_whole() {
    for file in files() {
        let documents = documents(&file);
        let mut namespaces = BTreeSet::from([RELEASE]);
        let deployments: Vec<&Value> = documents.iter().filter(|it| it["kind"] == "Deployment").collect();
        for document in &documents {
            if document["kind"] == "Namespace" {
                namespaces.insert(text(document, "/metadata/name"));
            } else {
                let namespace = text(document, "/metadata/namespace");
                assert!(namespaces.contains(namespace), "{}: {namespace} comes too late", file.display());
            }
            if document["kind"] == "Service" {
                let here = |it: &&&Value| it["metadata"]["namespace"] == document["metadata"]["namespace"];
                let pod = |it: &&Value| it.pointer("/spec/template").cloned().unwrap();
                let pod = deployments.iter().filter(here).map(pod).next().unwrap();
                assert_eq!(pod["metadata"]["labels"], document["spec"]["selector"], "{}", file.display());
                let ports = &pod["spec"]["containers"][0]["ports"];
                assert_eq!(
                    ports[0]["name"],
                    document["spec"]["ports"][0]["targetPort"],
                    "{}",
                    file.display()
                );
            }
        }
    }
}

/// An example, the port it listens on, how to probe it, and what becomes of recipients.
type Asked = (&'static str, u16, &'static [&'static str], &'static [(&'static str, i32)]);

const ASKED: &[Asked] = &[
    (
        "lmtp-behind-postfix.yaml",
        2424,
        &["--lmtp"],
        &[("ann@example.net", 0), ("postmaster", 0), ("carl@example.net", 1), ("ann@example.org", 1)],
    ),
    // Nobody is there to be asked about them.
    (
        "mailboxes.yaml",
        5870,
        &["--tls", "starttls", "--insecure", "--user", "ann", "--password-file"],
        &[("ann@example.net", 75), ("someone@example.org", 75)],
    ),
    (
        "quickstart.yaml",
        2525,
        &[],
        &[
            ("support@example.net", 0),
            ("support+42@example.net", 0),
            ("postmaster@example.net", 0),
            ("nobody@example.net", 1),
            ("support@example.org", 1),
        ],
    ),
    (
        "stream.yaml",
        2525,
        &[],
        &[
            ("orders@example.net", 0),
            ("order-7@example.net", 0),
            ("postmaster@example.net", 0),
            ("nobody@example.net", 1),
        ],
    ),
    (
        "submission.yaml",
        5870,
        &["--tls", "starttls", "--insecure", "--user", "scanner", "--password-file"],
        &[("archive@example.net", 0), ("nobody@example.net", 1)],
    ),
    (
        "tenants.yaml",
        2525,
        &[],
        &[
            ("ops@example.net", 0),
            ("orders@red.example", 0),
            ("ann@red.example", 0),
            ("info@red.example", 0),
            ("carl@red.example", 1),
            ("ticket-7@blue.tenants.example.net", 0),
            ("other@blue.tenants.example.net", 1),
            ("postmaster@red.example", 0),
            ("a@green.tenants.example.net", 1),
        ],
    ),
];

#[test]
fn a_front_end_does_with_them_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    fs::write(&password, "change-me").unwrap();
    for ((name, port, arguments, recipients), file) in ASKED.iter().zip(files()) {
        assert!(file.ends_with(name), "{}", file.display());
        let free = free_port();
        let yaml =
            fs::read_to_string(&file).unwrap().replace(&format!("port: {port}"), &format!("port: {free}"));
        let front_end = FrontEnd::start_with(free, &yaml, &[]);
        for (recipient, code) in *recipients {
            let mut probe = program();
            probe.args(["probe", "--to", &front_end.smtp.to_string()]).args(*arguments);
            if arguments.last() == Some(&"--password-file") {
                probe.arg(&password);
            }
            let output = probe.args(["--rcpt", recipient]).output().unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(*code), "{name}: {recipient}\n{told}");
        }
    }
}
