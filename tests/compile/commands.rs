//! `check` and `explain`: golden outputs and exit codes.

use std::fs;
use std::path::PathBuf;

use mailchute::commands::Exit;
use mailchute::commands::check::{self, CheckArgs};
use mailchute::commands::explain::{self, ExplainArgs};

use super::{directives, folder, inputs};
use crate::support::golden::golden;

fn run_check(files: Vec<PathBuf>, strict: bool) -> (Exit, String) {
    let mut out = Vec::new();
    let exit = check::run(&CheckArgs { files, strict }, &mut out).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

fn run_explain(input: &str, rcpt: &str, sender: Option<&str>) -> (Exit, String) {
    let args = ExplainArgs {
        manifests: vec![folder().join(format!("{input}.in.yaml"))],
        gateway: None,
        rcpt: rcpt.to_owned(),
        sender: sender.map(str::to_owned),
        client: None,
    };
    let mut out = Vec::new();
    let exit = explain::run(&args, &mut out).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn explain_names_the_gateways_there_are() {
    let args = ExplainArgs {
        manifests: vec![folder().join("parents.in.yaml")],
        gateway: Some("nowhere".to_owned()),
        rcpt: "a@example.org".to_owned(),
        sender: None,
        client: None,
    };
    let mut out = Vec::new();
    assert_eq!(explain::run(&args, &mut out).unwrap(), Exit::Usage);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("error: --gateway nowhere: there is no such MailGateway; there are: "),
        "{text}"
    );
    assert!(text.contains("public"), "{text}");
}

#[test]
fn check_prints_the_golden_findings() {
    for name in ["references", "tls", "parents", "everything_that_is_supported", "advice"] {
        let (exit, text) = run_check(vec![folder().join(format!("{name}.in.yaml"))], false);
        golden(&folder().join(format!("{name}.check.txt")), &format!("{text}exit {}\n", exit.code()));
    }
}

#[test]
fn check_fails_on_errors_and_strictly_on_warnings() {
    let file = |name: &str| vec![folder().join(format!("{name}.in.yaml"))];
    assert_eq!(run_check(file("references"), false).0, Exit::Data);
    assert_eq!(run_check(file("advice"), false).0, Exit::Ok);
    assert_eq!(run_check(file("advice"), true).0, Exit::Data);
    assert_eq!(run_check(file("precedence"), true).0, Exit::Data);
    assert_eq!(run_check(Vec::new(), false).0, Exit::Usage);
}

#[test]
fn check_takes_an_absent_secret_as_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backend.yaml");
    let backend = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: a}\n\
                   spec: {http: {url: \"http://x.test/\", auth: {bearer: {secretRef: {name: t, key: k}}}}}\n";
    fs::write(&file, backend).unwrap();
    let (exit, text) = run_check(vec![file], false);
    assert_eq!(exit, Exit::Ok, "{text}");
    assert!(
        text.contains("warning: MailBackend default/a: spec.http.auth.bearer.secretRef: SecretNotFound"),
        "{text}"
    );
    assert!(text.contains("no MailGateway in these files"), "{text}");
}

#[test]
fn check_tells_the_place_of_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.yaml");
    fs::write(&file, "apiVersion: v1\nkind: [\n").unwrap();
    let (exit, text) = run_check(vec![file.clone()], false);
    assert_eq!(exit, Exit::Data);
    assert!(text.starts_with(&format!("error: {}:", file.display())), "{text}");
}

#[test]
fn explain_prints_the_golden_reasons() {
    let asked = [
        ("everything_that_is_supported", "support+urgent@example.net", None),
        ("everything_that_is_supported", "nobody@example.net", None),
        ("everything_that_is_supported", "postmaster@example.net", Some("<>")),
        ("precedence", "support+billing@example.net", None),
        ("precedence", "other@example.net", Some("a@partner.example")),
        ("delegation", "a@vip.tenant.example.net", None),
        ("delegation", "a@example.net", None),
        ("references", "absent@example.net", None),
        ("policies_that_hold", "other@example.net", None),
        ("unknown", "wild@example.net", None),
        ("ties", "section@example.net", None),
        ("require", "listed@example.net", None),
        ("require", "lax@example.net", None),
        ("parents", "a@example.net", None),
        ("verification", "any@example.net", None),
        ("verification", "url@example.net", None),
        ("verification", "postmaster@example.net", None),
        ("precedence", "x@elsewhere.test", None),
        ("broken_gateway", "x@example.net", None),
        ("filters", "support+urgent@example.net", None),
        ("filters", "someone@bad.example.net", None),
    ];
    let mut told = String::new();
    for (input, rcpt, sender) in asked {
        let (exit, text) = run_explain(input, rcpt, sender);
        assert_eq!(exit, Exit::Ok);
        let sender = sender.map(|sender| format!(" --sender {sender}")).unwrap_or_default();
        told.push_str(&format!("$ explain --manifests {input}.in.yaml --rcpt {rcpt}{sender}\n{text}\n"));
    }
    golden(&folder().join("explain.txt"), &told);
}

#[test]
fn explain_tells_which_listeners_turn_a_client_away() {
    for (client, told) in [
        ("10.0.0.2", "10.0.0.2, who may connect"),
        ("10.0.0.1", "10.0.0.1, whom access turns away: 554 5.7.1 Access denied for your address"),
        ("192.0.2.1", "192.0.2.1, whom access turns away: 554 5.7.1 Access denied for your address"),
    ] {
        let args = ExplainArgs {
            manifests: vec![folder().join("connection.in.yaml")],
            gateway: None,
            rcpt: "a@example.org".to_owned(),
            sender: None,
            client: Some(client.parse().unwrap()),
        };
        let mut out = Vec::new();
        assert_eq!(explain::run(&args, &mut out).unwrap(), Exit::Ok);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(&format!("\n  client     {told}\n")), "{text}");
    }
}

/// The order that `explain` tells is the order that decides.
#[test]
fn explain_names_the_rule_that_takes_it_as_the_strongest() {
    let mut compared = 0;
    for input in inputs() {
        let name = input.file_name().unwrap().to_string_lossy().replace(".in.yaml", "");
        let text = fs::read_to_string(&input).unwrap();
        for ask in directives(&text, "ask") {
            let words: Vec<&str> = ask.split_whitespace().collect();
            let sender = words.iter().position(|word| *word == "from").map(|at| words[at + 1]);
            let told = run_explain(&name, words[0], sender).1;
            let mut taker = None;
            for line in told.lines() {
                if let Some(route) = line.strip_prefix("  route      ") {
                    taker = Some(route.split_once(", rule ").unwrap());
                } else if line.ends_with(": takes it") {
                    let (route, rule) = taker.take().unwrap();
                    assert!(
                        line.contains(&format!("{route} ")) && line.contains(&format!("(rule {rule})")),
                        "{told}"
                    );
                    compared += 1;
                }
            }
            assert_eq!(taker, None, "{told}");
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn explain_refuses_what_is_no_address_or_no_gateway() {
    assert_eq!(run_explain("precedence", "no address", None).0, Exit::Usage);
    let args = ExplainArgs {
        manifests: inputs(),
        gateway: Some("nowhere".to_owned()),
        rcpt: "a@b.c".to_owned(),
        sender: None,
        client: None,
    };
    // Read together the inputs hold the same objects twice.
    assert_eq!(explain::run(&args, &mut Vec::new()).unwrap(), Exit::Data);
    let args = ExplainArgs { manifests: vec![folder().join("precedence.in.yaml")], ..args };
    assert_eq!(explain::run(&args, &mut Vec::new()).unwrap(), Exit::Usage);
}
