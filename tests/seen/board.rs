//! The chart's dashboards, as Grafana asks what they hold.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// One question of a panel or of a variable.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Who asks, for people.
    pub(crate) of: String,
    /// PromQL.
    pub(crate) expression: String,
}

/// Each dashboard, by its name.
pub(crate) fn boards() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/mailchute/dashboards");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |file: &Path| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    files.map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), read(&file))).collect()
}

/// All that the dashboards ask, with everything chosen that there is to choose.
pub(crate) fn questions() -> Vec<Question> {
    boards().values().flat_map(asked).collect()
}

fn asked(board: &Value) -> Vec<Question> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let question = |of: &Value, expression: &str| {
        let of = format!("{} / {}", board["title"].as_str().unwrap(), of.as_str().unwrap());
        Question { of, expression: chosen(expression) }
    };
    let mut questions = Vec::new();
    for panel in list(&board["panels"]) {
        for target in list(&panel["targets"]) {
            questions.push(question(&panel["title"], target["expr"].as_str().unwrap()));
        }
    }
    for variable in list(&board["templating"]["list"]) {
        let Some(definition) = variable["definition"].as_str() else { continue };
        let inner = definition.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
        let (series, label) = inner.rsplit_once(", ").unwrap();
        questions.push(question(&variable["label"], &format!("count by ({label}) ({series})")));
    }
    questions
}

/// Puts what Grafana puts for its variables.
pub(crate) fn chosen(expression: &str) -> String {
    let mut chosen = expression.replace("$__rate_interval", "30s");
    for variable in ["namespace", "gateway", "listener", "backend", "route"] {
        chosen = chosen.replace(&format!("${variable}"), ".*");
    }
    assert!(!chosen.contains('$'), "{chosen}");
    chosen
}
