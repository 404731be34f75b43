//! Renders held against schemas by kubeconform: Kubernetes' own, ours, and those of the operators whose objects the
//! chart can make.

use std::fs;
use std::path::Path;
use std::process::Command;

use mailchute::api::crd::crds;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::helm::{Helm, OLDEST};
use super::renders::{Render, renders};
use super::tools;

/// How kubeconform is told to find a schema.
const LOCATION: &str = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json";

#[test]
fn every_render_conforms() {
    let folder = TempDir::new().unwrap();
    write_kubernetes(folder.path());
    for crd in fs::read_dir(tools::path("schemas").join("crds")).unwrap() {
        let text = fs::read_to_string(crd.unwrap().path()).unwrap();
        write_crd(folder.path(), &serde_saphyr::from_str(&text).unwrap());
    }
    crds().iter().for_each(|crd| write_crd(folder.path(), &serde_json::to_value(crd).unwrap()));
    for Render { name, text } in renders(Helm::V4) {
        let file = folder.path().join(format!("{name}.yaml"));
        fs::write(&file, text).unwrap();
        conform(folder.path(), &file).unwrap_or_else(|said| panic!("{name}: {said}"));
    }
}

#[test]
fn what_does_not_conform_is_found() {
    let folder = TempDir::new().unwrap();
    write_kubernetes(folder.path());
    let file = folder.path().join("wrong.yaml");
    fs::write(&file, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {prts: []}\n").unwrap();
    let said = conform(folder.path(), &file).unwrap_err();
    assert!(said.contains("prts"), "{said}");
    fs::write(&file, "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {name: a}\n").unwrap();
    let said = conform(folder.path(), &file).unwrap_err();
    assert!(said.contains("could not find schema for MailGateway"), "{said}");
}

fn conform(schemas: &Path, file: &Path) -> Result<(), String> {
    let mut command = Command::new(tools::path("kubeconform"));
    command.args(["-strict", "-kubernetes-version", OLDEST, "-schema-location"]);
    command.arg(schemas.join(LOCATION)).arg(file);
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn write(folder: &Path, [group, version, kind]: [&str; 3], schema: &Value) {
    // Kubernetes' own first group has no name.
    let group = if group.is_empty() { version } else { group };
    let name = LOCATION
        .replace("{{.ResourceKind}}", &kind.to_lowercase())
        .replace("{{.Group}}", group)
        .replace("{{.ResourceAPIVersion}}", version);
    fs::write(folder.join(name), serde_json::to_vec(schema).unwrap()).unwrap();
}

fn write_crd(folder: &Path, crd: &Value) {
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap();
    let version = &crd["spec"]["versions"][0];
    let mut schema = version["schema"]["openAPIV3Schema"].clone();
    close(&mut schema);
    // What a CRD leaves to the API server.
    for field in ["apiVersion", "kind", "metadata"] {
        schema["properties"][field] =
            json!({ "type": if field == "metadata" { "object" } else { "string" } });
    }
    let names = [text("/spec/group"), version["name"].as_str().unwrap(), text("/spec/names/kind")];
    write(folder, names, &schema);
}

/// A file for each kind, with the definitions that it leads to.
fn write_kubernetes(folder: &Path) {
    let text = fs::read_to_string(tools::path("schemas").join("swagger.json")).unwrap();
    let swagger: Value = serde_json::from_str(&text).unwrap();
    let mut definitions = swagger["definitions"].as_object().unwrap().clone();
    definitions.values_mut().for_each(close);
    // What the specification calls a string may also be a number in YAML.
    let scalar = json!({ "type": ["string", "number", "null"] });
    definitions.insert("io.k8s.apimachinery.pkg.util.intstr.IntOrString".into(), scalar.clone());
    definitions.insert("io.k8s.apimachinery.pkg.api.resource.Quantity".into(), scalar);
    let mut kinds = 0;
    for (name, definition) in swagger["definitions"].as_object().unwrap() {
        // Those of which there are several, as DeleteOptions, are no objects.
        let Some([own]) = definition["x-kubernetes-group-version-kind"].as_array().map(Vec::as_slice) else {
            continue;
        };
        let part = |key: &str| own[key].as_str().unwrap();
        let mut reached = Map::new();
        reach(&definitions, name, &mut reached);
        let schema = json!({ "$ref": format!("#/definitions/{name}"), "definitions": reached });
        write(folder, [part("group"), part("version"), part("kind")], &schema);
        kinds += 1;
    }
    assert!(kinds > 100, "{kinds}");
}

fn reach(definitions: &Map<String, Value>, name: &str, reached: &mut Map<String, Value>) {
    if reached.contains_key(name) {
        return;
    }
    reached.insert(name.to_owned(), definitions[name].clone());
    references(&definitions[name], &mut |name| reach(definitions, name, reached));
}

fn references(schema: &Value, visit: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            name.and_then(|name| name.strip_prefix("#/definitions/")).into_iter().for_each(&mut *visit);
            fields.values().for_each(|inner| references(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, visit)),
        _ => {}
    }
}

/// Lets an object have the fields that it is said to have, and no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let open = fields.contains_key("additionalProperties")
                || fields.contains_key("x-kubernetes-preserve-unknown-fields");
            if fields.get("properties").is_some_and(Value::is_object) && !open {
                fields.insert("additionalProperties".into(), json!(false));
            }
            // Formats of Kubernetes, as int-or-string, are none of JSON Schema.
            fields.retain(|key, value| key != "format" || !value.is_string());
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
