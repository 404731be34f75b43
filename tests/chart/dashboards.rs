//! Grafana's dashboards: that each is whole and reads well, asks for metrics that there are, and leaves none out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::alerts::recorded;
use super::documents::{documents, name};
use super::expression::{asked, families};
use super::helm::{Helm, chart};
use super::tools;

/// Grafana's own count of the format; it has said that this one is the last.
const SCHEMA: u64 = 42;
/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// Name of the file → dashboard.
fn boards() -> BTreeMap<String, Value> {
    let files = fs::read_dir(chart().join("dashboards")).unwrap().map(|entry| entry.unwrap().path());
    let read = |file: PathBuf| {
        let board = serde_json::from_slice(&fs::read(&file).unwrap());
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name.clone(), board.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    files.map(read).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn are_these_four() {
    let titles: Vec<(String, Value)> =
        boards().into_iter().map(|(file, board)| (file, board["title"].clone())).collect();
    let expected = ["Control", "Delivery", "Overview", "SMTP"]
        .map(|title| (format!("{}.json", title.to_lowercase()), json!(format!("Mailchute / {title}"))));
    assert_eq!(titles, expected);
    for (file, board) in boards() {
        assert_eq!(text(&board["uid"]), format!("mailchute-{}", file.trim_end_matches(".json")));
        assert_eq!((&board["schemaVersion"], &board["tags"]), (&json!(SCHEMA), &json!(["mailchute"])));
        assert_eq!(board.get("id"), None, "{file}: Grafana gives one");
    }
}

/// What Grafana's own SDK says of some files.
fn held_to_the_schema(files: &[PathBuf]) -> Result<(), String> {
    let output = Command::new(tools::path("grafana-schema")).args(files).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn hold_to_the_schema_of_grafana() {
    let folder = chart().join("dashboards");
    let files: Vec<PathBuf> = boards().keys().map(|file| folder.join(file)).collect();
    held_to_the_schema(&files).unwrap_or_else(|said| panic!("{said}"));
    let wrong = tempfile::NamedTempFile::new().unwrap();
    let text = fs::read_to_string(&files[0]).unwrap().replace("\"gridPos\"", "\"gridPlace\"");
    fs::write(wrong.path(), text).unwrap();
    let said = held_to_the_schema(&[wrong.path().to_owned()]).unwrap_err();
    assert!(said.contains("unexpected field 'gridPlace'"), "{said}");
}

#[test]
fn every_panel_is_named_placed_and_explained() {
    for (file, board) in boards() {
        let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for panel in list(&board["panels"]) {
            let title = text(&panel["title"]);
            let what = format!("{file}: {title}");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{what}: its id is another's");
            assert!(!title.is_empty() && titles.insert(title), "{what}: its title is another's");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().unwrap());
            assert!(w > 0 && x + w <= COLUMNS, "{what}: is not within the grid");
            let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
            assert!(cells.into_iter().all(|cell| taken.insert(cell)), "{what}: lies on another");
            if panel["type"] == "row" {
                continue;
            }
            assert!(text(&panel["description"]).ends_with('.'), "{what}");
            assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{what}");
            let references: BTreeSet<&str> =
                list(&panel["targets"]).iter().map(|target| text(&target["refId"])).collect();
            assert!(!references.is_empty() && references.len() == list(&panel["targets"]).len(), "{what}");
        }
    }
}

#[test]
fn ask_the_source_that_is_chosen() {
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    for (file, board) in boards() {
        let variables = list(&board["templating"]["list"]);
        let panels = list(&board["panels"]).iter().filter(|panel| panel["type"] != "row");
        let targets = panels.clone().flat_map(|panel| list(&panel["targets"]));
        let queries = variables.iter().filter(|variable| variable["type"] == "query");
        for asking in panels.clone().chain(targets).chain(queries) {
            assert_eq!(asking["datasource"], source, "{file}: {asking}");
        }
        assert_eq!(
            (&variables[0]["name"], &variables[0]["type"]),
            (&json!("datasource"), &json!("datasource"))
        );
        let whole = board.to_string();
        for variable in variables {
            let name = text(&variable["name"]);
            let uses =
                whole.matches(&format!("${name}")).count() + whole.matches(&format!("${{{name}}}")).count();
            assert!(uses > 0, "{file}: nothing depends on {name}");
        }
        let known: BTreeSet<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
        for used in whole.split('$').skip(1) {
            let name: String = used
                .trim_start_matches('{')
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            assert!(
                known.contains(name.as_str()) || name == "__rate_interval" || name == "__all",
                "{file}: {name}"
            );
        }
    }
}

#[test]
fn ask_for_metrics_that_there_are_and_for_all_of_them() {
    let recorded = recorded();
    let mut shown = BTreeSet::new();
    for (file, board) in boards() {
        for panel in list(&board["panels"]).iter().filter(|panel| panel["type"] != "row") {
            for target in list(&panel["targets"]) {
                let asked = asked(text(&target["expr"]), &recorded);
                shown.extend(asked.unwrap_or_else(|fault| panic!("{file}: {}: {fault}", panel["title"])));
            }
        }
    }
    let hidden: Vec<String> = families().into_keys().filter(|family| !shown.contains(family)).collect();
    assert_eq!(hidden, Vec::<String>::new(), "no dashboard shows these");
}

#[test]
fn come_as_they_are_where_the_sidecar_looks() {
    let sets = ["--set=dashboards.enabled=true", "--set=dashboards.namespace=monitoring"];
    for helm in Helm::BOTH {
        let objects = documents(&helm.template(&sets).unwrap());
        let map = objects.iter().find(|object| name(object) == "ConfigMap mailchute-dashboards").unwrap();
        assert_eq!(map["metadata"]["namespace"], "monitoring");
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        let data = map["data"].as_object().unwrap();
        let come = data.iter().map(|(file, text)| {
            let file = file.strip_prefix("mailchute-").unwrap().to_owned();
            (file, serde_json::from_str(text.as_str().unwrap()).unwrap())
        });
        assert_eq!(come.collect::<BTreeMap<String, Value>>(), boards(), "{helm:?}");
    }
}
