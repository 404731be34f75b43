//! The alerts: that they name metrics that there are, say what is wrong and what to do, and have a place in the README.
//! What they make of series is shown by the crate `seen`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::documents::{documents, kind};
use super::expression::{asked, words};
use super::helm::Helm;

/// The rules, with values that are set.
fn rules(sets: &[&str]) -> Vec<Value> {
    let sets = sets.iter().map(|set| format!("--set={set}"));
    let sets: Vec<String> =
        ["--set=prometheusRule.enabled=true".to_owned()].into_iter().chain(sets).collect();
    let render = Helm::V4.template(&sets.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let objects = documents(&render);
    let rule = objects.iter().find(|object| kind(object) == "PrometheusRule").unwrap();
    rule["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

/// What is recorded, with the labels that are left.
pub(crate) fn recorded() -> BTreeMap<String, BTreeSet<String>> {
    let labels = |rule: &Value| {
        let (_, by) = rule["expr"].as_str().unwrap().split_once("by (").unwrap();
        words(by.split_once(')').unwrap().0).map(str::to_owned).collect()
    };
    let name = |rule: &Value| rule["record"].as_str().map(str::to_owned);
    rules(&[]).iter().filter_map(|rule| Some((name(rule)?, labels(rule)))).collect()
}

fn alert(rule: &Value) -> Option<&str> {
    rule["alert"].as_str()
}

#[test]
fn ask_for_metrics_that_there_are() {
    let recorded = recorded();
    for rule in rules(&[]) {
        let asked = asked(rule["expr"].as_str().unwrap(), &recorded);
        asked.unwrap_or_else(|fault| panic!("{rule}: {fault}"));
    }
}

#[test]
fn say_what_is_wrong_and_what_to_do() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for rule in rules(&[]).iter().filter(|rule| alert(rule).is_some()) {
        for field in ["summary", "description", "runbook"] {
            let text = rule["annotations"][field].as_str().unwrap();
            assert!(text.ends_with('.') && !text.contains("{{ \""), "{rule}");
        }
        let name = alert(rule).unwrap();
        assert!(readme.contains(&format!("| `{name}` |")), "README.md says nothing of {name}");
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("warning" | "critical")), "{rule}");
    }
}

#[test]
fn fire_from_where_the_values_say() {
    let expression = |sets: &[&str], name: &str| {
        let rule = rules(sets).into_iter().find(|rule| alert(rule) == Some(name)).unwrap();
        rule["expr"].as_str().unwrap().to_owned()
    };
    for (set, says, name) in [
        ("deferredPercent=2", "> 2 / 100", "MailchuteMailDeferred"),
        ("deferredPercent=2", "> 2 / 100", "MailchuteRecipientsDeferred"),
        ("failingPercent=2", "> 2 / 100", "MailchuteBackendFailing"),
        ("messageSeconds=3", "> 3", "MailchuteMailSlow"),
        ("memoryPercent=2", "> 2 / 100", "MailchuteMemoryShort"),
        ("certificateDays=21", "< 21 * 86400", "MailchuteCertificateExpires"),
    ] {
        let expression = expression(&[&format!("prometheusRule.thresholds.{set}")], name);
        assert!(expression.ends_with(says), "{expression}");
    }
}

#[test]
fn without_a_gateway_nobody_misses_front_ends() {
    let rules = rules(&["gateways.public=null"]);
    assert!(!rules.iter().any(|rule| alert(rule) == Some("MailchuteNoFrontEnd")));
}
