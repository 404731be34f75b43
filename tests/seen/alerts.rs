//! The alerts over series that are written down: each fires where what it watches is broken, and all are silent where
//! nothing is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::rule;

/// The series, and what is to come of them.
const CASES: &str = "tests/seen/alerts.test.yaml";

/// Runs promtool, and gives what it says.
fn promtool(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("promtool").args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("promtool: {error}; `tests/run` installs it"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}

fn cases() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES)).unwrap()
}

#[test]
fn promtool_finds_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    rule::write(&file, &rule::rules());
    promtool(&["check", "rules", file.to_str().unwrap()]).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn fire_where_something_is_broken_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut rules = rule::rules();
    for rule in &mut rules {
        // promtool compares all that there are; these are prose, the summary has the labels in it.
        let annotations = rule.get_mut("annotations").and_then(Value::as_object_mut);
        annotations.into_iter().for_each(|annotations| annotations.retain(|name, _| name == "summary"));
    }
    rule::write(&folder.path().join("rules.yaml"), &rules);
    let file = folder.path().join("test.yaml");
    std::fs::write(&file, cases()).unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()]).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn each_has_a_case_where_it_fires_and_one_where_it_is_silent() {
    let cases: Value = serde_saphyr::from_str(&cases()).unwrap();
    let tests = cases["tests"].as_array().unwrap();
    let checks = tests.iter().flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let of = |fires: bool| -> BTreeSet<&str> {
        let is = |check: &&Value| check["exp_alerts"].as_array().is_some_and(|all| !all.is_empty()) == fires;
        checks.clone().filter(is).map(|check| check["alertname"].as_str().unwrap()).collect()
    };
    let rules = rule::rules();
    let alerts: BTreeSet<&str> = rules.iter().filter_map(rule::name).collect();
    assert_eq!(of(true), alerts);
    assert_eq!(of(false), alerts);
}
