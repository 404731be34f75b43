//! The alerts name metrics that there are, with labels that these have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::documents::{documents, kind};
use super::helm::Helm;

/// What Prometheus and its operator add.
const ADDED: [&str; 4] = ["namespace", "pod", "mailchute_dev_gateway", "le"];

fn expressions() -> Vec<(String, String)> {
    let render = Helm::V3.template(&["--set=prometheusRule.enabled=true"]).unwrap();
    let objects = documents(&render);
    let rule = objects.iter().find(|object| kind(object) == "PrometheusRule").unwrap();
    let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules.iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

/// Each family with its labels, as the table in the sources declares them.
fn families() -> BTreeMap<String, BTreeSet<String>> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/metrics.rs")).unwrap();
    let mut families = BTreeMap::new();
    for declared in source.split(" = \"mailchute_").skip(1) {
        let (name, rest) = declared.split_once("\",").unwrap();
        let labels = rest.split_once('[').unwrap().1.split_once(']').unwrap().0;
        let labels = labels.split(',').map(|label| label.trim().trim_matches('"').to_owned());
        families.insert(format!("mailchute_{name}"), labels.filter(|label| !label.is_empty()).collect());
    }
    families
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn ask_for_metrics_that_there_are() {
    let families = families();
    assert!(families.len() > 20);
    for (alert, expression) in expressions() {
        let mut known: BTreeSet<&str> = ADDED.into();
        let metrics =
            words(&expression).filter(|word| word.starts_with("mailchute_") && !ADDED.contains(word));
        for metric in metrics {
            let family = families.get(metric.trim_end_matches("_bucket"));
            let labels = family.unwrap_or_else(|| panic!("{alert}: there is no {metric}"));
            known.extend(labels.iter().map(String::as_str));
        }
        for by in expression.split(" by (").skip(1) {
            for label in words(by.split_once(')').unwrap().0) {
                assert!(known.contains(label), "{alert}: no metric has the label {label}");
            }
        }
        for selector in expression.split('{').skip(1) {
            for matcher in selector.split_once('}').unwrap().0.split(',') {
                let label = words(matcher).next().unwrap();
                assert!(known.contains(label), "{alert}: no metric has the label {label}");
            }
        }
    }
}

#[test]
fn say_what_is_wrong_and_what_to_do() {
    let render = Helm::V4.template(&["--set=prometheusRule.enabled=true"]).unwrap();
    let objects = documents(&render);
    let rule = objects.iter().find(|object| kind(object) == "PrometheusRule").unwrap();
    for rule in rule["spec"]["groups"][0]["rules"].as_array().unwrap() {
        for field in ["summary", "description"] {
            let text = rule["annotations"][field].as_str().unwrap();
            assert!(text.ends_with('.') && !text.contains("{{ \""), "{rule}");
        }
    }
}
