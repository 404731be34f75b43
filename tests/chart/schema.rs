//! The part of values.schema.json that is not written by hand: what a gateway's values share with the spec of its
//! MailGateway is taken from the CRD. `MAILCHUTE_BLESS=1` rewrites it.

use std::collections::BTreeSet;
use std::fs;

use mailchute::api::crd::crds;
use serde_json::{Map, Value, json};

use super::golden::golden;
use super::helm::chart;

/// What the chart sets itself.
const OURS: [&str; 1] = ["frontEnds"];

fn spec() -> Value {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == "MailGateway").unwrap();
    let version = serde_json::to_value(&crd.spec.versions[0]).unwrap();
    version.pointer("/schema/openAPIV3Schema/properties/spec/properties").unwrap().clone()
}

/// What of a CRD's schema is plain JSON Schema; and nothing that it doesn't know.
fn strict(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    schema.retain(|key, _| key != "default" && key != "nullable" && !key.starts_with("x-kubernetes-"));
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(strict);
        schema.insert("additionalProperties".into(), json!(false));
    }
    for inner in ["items", "additionalProperties"] {
        schema.get_mut(inner).into_iter().for_each(strict);
    }
}

fn mail_gateway() -> Value {
    let Value::Object(mut properties) = spec() else { panic!("a spec has fields") };
    properties.retain(|name, _| !OURS.contains(&name.as_str()));
    properties.values_mut().for_each(strict);
    let listener = properties["listeners"].pointer_mut("/items/properties").unwrap();
    listener["servicePort"] = json!({
        "description": "The port of the Service. Unset: 2525 → 25, 4650 → 465, 5870 → 587, any other as it is.",
        "type": "integer", "minimum": 1, "maximum": 65535
    });
    listener["nodePort"] = json!({
        "description": "The port of each node, with service.type LoadBalancer or NodePort.",
        "type": "integer", "minimum": 1, "maximum": 65535
    });
    json!({
        "$comment": "Taken from the CRD of MailGateway by a test of the chart.",
        "properties": properties
    })
}

fn committed() -> (std::path::PathBuf, Value) {
    let file = chart().join("values.schema.json");
    let schema = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    (file, schema)
}

#[test]
fn knows_the_fields_of_the_crd() {
    let (file, mut schema) = committed();
    schema["$defs"]["mailGateway"] = mail_gateway();
    golden(&file, &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

#[test]
fn every_field_of_the_spec_can_be_given() {
    let (_, schema) = committed();
    let given = |properties: &Map<String, Value>| properties.keys().cloned().collect::<BTreeSet<_>>();
    let values = given(schema["$defs"]["gateway"]["properties"].as_object().unwrap());
    let fields = given(spec().as_object().unwrap());
    let missing: Vec<_> = fields.difference(&values).collect();
    assert_eq!(missing, OURS);
}

#[test]
fn every_value_is_known_and_every_object_closed() {
    let (_, schema) = committed();
    let mut open = Vec::new();
    walk("", &schema, &mut open);
    assert_eq!(
        open,
        [
            "/$defs/any",
            "/$defs/list/items",
            "/$defs/resources/properties/limits",
            "/$defs/resources/properties/requests",
            "/properties/global",
        ],
        "what passes through as it is, and nothing else, is open"
    );
}

/// Schemas of objects that take any key with any value.
fn walk(path: &str, schema: &Value, open: &mut Vec<String>) {
    let Value::Object(fields) = schema else { return };
    if fields.get("type") == Some(&json!("object")) && !fields.contains_key("additionalProperties") {
        open.push(path.to_owned());
    }
    for (name, inner) in fields {
        walk(&format!("{path}/{name}"), inner, open);
    }
}
