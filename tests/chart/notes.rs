//! What is said after an installation.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::helm::{Helm, OLDEST, RELEASE, chart};

/// An object that has the notes in it: Helm shows them by themselves only with a cluster.
const OBJECT: &str = "kind: Notes\nnotes: |\n{{ tpl (.Files.Get \"notes\") . | indent 2 }}\n";

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// NOTES with these values.
fn notes(helm: Helm, sets: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let copied = folder.path().join("mailchute");
    copy(&chart(), &copied);
    fs::rename(copied.join("templates/NOTES.txt"), copied.join("notes")).unwrap();
    fs::write(copied.join("templates/notes.yaml"), OBJECT).unwrap();
    let version = format!("--kube-version={OLDEST}");
    let shown = [copied.to_str().unwrap(), &version, "--show-only=templates/notes.yaml"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set-json", set]).collect();
    let printed = helm.run(&[&["template"], &RELEASE[..], &shown, &sets].concat());
    printed.unwrap_or_else(|error| panic!("{helm:?}: {error}"))
}

#[test]
fn say_what_is_missing() {
    for helm in Helm::BOTH {
        let bare = notes(helm, &["podMonitor.enabled=true"]);
        for said in [
            "Gateway mail-system/public as mailchute-public.mail-system.svc",
            "! It has no domains",
            "! It has no certificate",
            "! A NetworkPolicy keeps Prometheus from the metrics",
            "kind: MailRoute",
            "helm test mailchute -n mail-system",
            "mailchute crd | kubectl apply --server-side -f -",
        ] {
            assert!(bare.contains(said), "{helm:?}: no {said:?} in:\n{bare}");
        }
        let whole = notes(
            helm,
            &[
                r#"gateways.public={"hostname":"mx1.example.net","domains":[{"name":"example.net"}],"tls":{"secretName":"mx"}}"#,
            ],
        );
        assert!(!whole.contains('!'), "{helm:?}: {whole}");
        let notifying =
            r#"gateways.public.bounces={"relay":{"host":"a.example"},"sealSecretRef":{"name":"seal"}}"#;
        let service = "get service mailchute-public-bounces";
        assert!(notes(helm, &[notifying]).contains(service) && !bare.contains(service), "{helm:?}");
        let none = notes(helm, &["gateways.public=null"]);
        assert!(none.contains("There is no gateway yet"), "{helm:?}: {none}");
    }
}
