//! The rules of the chart, as its golden render has them.

use std::path::Path;

use serde_json::{Value, json};

/// The alerts of the chart's own, and what it records; the render has one more, of somebody else.
pub(crate) fn rules() -> Vec<Value> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/renders/pod_monitor.out.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let rule = objects.iter().find(|object| object["kind"] == "PrometheusRule").unwrap();
    let rules = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    let own = |rule: &&Value| name(rule).is_none_or(|name| name.starts_with("Mailchute"));
    rules.iter().filter(own).cloned().collect()
}

/// What an alert is called; a rule that records has no such name.
pub(crate) fn name(rule: &Value) -> Option<&str> {
    rule["alert"].as_str()
}

/// A file of rules, as Prometheus reads it.
pub(crate) fn write(file: &Path, rules: &[Value]) {
    let groups = json!({ "groups": [{ "name": "mailchute", "rules": rules }] });
    std::fs::write(file, groups.to_string()).unwrap();
}
