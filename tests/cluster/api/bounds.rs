//! Each bound of each field is broken once: the apiserver refuses it at that field, and so do we where files meet none.

use std::collections::BTreeSet;

use mailchute::api::{ApiKind, bounds, crds};
use serde_json::{Map, Value, json};

use super::{Asking, causes, whole};

/// A field's schema by its path, as `spec.listeners[].port`, and one of its bounds.
type Bound = (String, String, &'static str);

/// What may be broken of a value.
const KEYWORDS: [&str; 11] = [
    "enum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "required",
    "x-kubernetes-list-map-keys",
];

fn schema(kind: &str) -> Value {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let version = serde_json::to_value(&crd.spec.versions[0]).unwrap();
    version.pointer("/schema/openAPIV3Schema/properties/spec").unwrap().clone()
}

fn collect(kind: &str, path: &str, schema: &Value, into: &mut BTreeSet<Bound>) {
    let there = KEYWORDS.into_iter().filter(|keyword| schema.get(keyword).is_some());
    into.extend(there.map(|keyword| (kind.to_owned(), path.to_owned(), keyword)));
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        collect(kind, &format!("{path}.{name}"), inner, into);
    }
    for (keyword, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(keyword) {
            collect(kind, &format!("{path}{suffix}"), inner, into);
        }
    }
}

/// A value that breaks one bound of its schema and, where that can be, nothing else.
fn broken(schema: &Value, keyword: &str, value: &Value) -> Vec<Value> {
    let number = |keyword: &str| schema[keyword].as_f64().unwrap() as i64;
    let count = |keyword: &str| usize::try_from(number(keyword)).unwrap();
    let first = || value.as_array().and_then(|items| items.first()).cloned();
    match keyword {
        "enum" if schema["enum"] == json!([true]) => vec![json!(false)],
        "enum" => vec![json!("Nonsense")],
        "maxItems" => vec![Value::Array(vec![first().unwrap(); count("maxItems") + 1])],
        "minItems" => vec![json!([])],
        "x-kubernetes-list-map-keys" => vec![json!([first(), first()])],
        "maxLength" => vec![json!("a".repeat(count("maxLength") + 1))],
        "minLength" => vec![json!("")],
        "maxProperties" => {
            let one = value.as_object().and_then(|fields| fields.values().next()).unwrap();
            let many = (0..=count("maxProperties")).map(|at| (format!("k{at}"), one.clone()));
            vec![Value::Object(many.collect())]
        }
        "maximum" => vec![json!(number("maximum") + 1)],
        "minimum" => vec![json!(number("minimum") - 1)],
        "pattern" => {
            let pattern = regex_automata::meta::Regex::new(schema["pattern"].as_str().unwrap()).unwrap();
            let text = ["\u{1}", "a b", "~"].into_iter().find(|text| !pattern.is_match(*text)).unwrap();
            vec![json!(text)]
        }
        "required" => {
            let names = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            let without = |name: &str| {
                let mut fields: Map<String, Value> = value.as_object().unwrap().clone();
                fields.remove(name).unwrap();
                Value::Object(fields)
            };
            names.map(without).collect()
        }
        other => panic!("{other}"),
    }
}

struct Walk<'a> {
    apiserver: &'a Asking,
    kind: &'a str,
    root: &'a Value,
    done: &'a mut BTreeSet<Bound>,
}

impl Walk<'_> {
    /// Breaks what can be broken of the value at a JSON pointer.
    async fn value(&mut self, schema: &Value, pointer: &str, path: &str, field: &str) {
        let value = self.root.pointer(pointer).unwrap();
        let mut bounds = BTreeSet::new();
        collect(self.kind, path, schema, &mut bounds);
        for bound in bounds.into_iter().filter(|(_, at, _)| at == path) {
            if self.done.insert(bound.clone()) {
                for broken in broken(schema, bound.2, value) {
                    let mut spec = self.root.clone();
                    *spec.pointer_mut(pointer).unwrap() = broken;
                    self.refused(&spec, field, bound.2).await;
                }
            }
        }
        match value {
            Value::Object(fields) => {
                for name in fields.keys() {
                    let (inner, suffix) = match schema["properties"].get(name) {
                        Some(inner) => (inner, format!(".{name}")),
                        None => (&schema["additionalProperties"], "{}".to_owned()),
                    };
                    let (pointer, path) = (format!("{pointer}/{name}"), format!("{path}{suffix}"));
                    Box::pin(self.value(inner, &pointer, &path, &format!("{field}.{name}"))).await;
                }
            }
            Value::Array(items) => {
                for at in 0..items.len() {
                    let (pointer, path) = (format!("{pointer}/{at}"), format!("{path}[]"));
                    let field = format!("{field}[{at}]");
                    Box::pin(self.value(&schema["items"], &pointer, &path, &field)).await;
                }
            }
            _ => {}
        }
    }

    async fn refused(&self, spec: &Value, field: &str, keyword: &str) {
        let what = format!("{} {field}: {keyword}", self.kind);
        let Err(refusal) = self.apiserver.strictly(self.kind, spec).await else { panic!("{what} is taken") };
        let causes = causes(&refusal);
        assert!(causes.iter().any(|(at, _)| at.starts_with(field)), "{what}: {causes:?}");
        // Files meet no apiserver: either the types don't take it, or the bounds find it.
        let object = json!({
            "apiVersion": "mailchute.dev/v1alpha1", "kind": self.kind, "metadata": {"name": "a"}, "spec": spec,
        });
        let kind = ApiKind::ALL.into_iter().find(|kind| kind.name() == self.kind).unwrap();
        if let Ok(object) = kind.deserialize(object) {
            let found: Vec<String> = bounds::check(&object).iter().map(ToString::to_string).collect();
            assert!(found.iter().any(|found| found.starts_with(field)), "{what}: {found:?}");
        }
    }
}

#[tokio::test]
async fn each_bound_is_held_by_the_apiserver_and_by_us() {
    let apiserver = Asking::start().await;
    let (mut all, mut done) = (BTreeSet::new(), BTreeSet::new());
    for crd in crds() {
        let kind = &crd.spec.names.kind;
        collect(kind, "spec", &schema(kind), &mut all);
    }
    for seed in whole() {
        let admitted = apiserver.strictly(&seed.kind, &seed.spec).await;
        assert!(admitted.is_ok(), "{}: {admitted:?}", seed.kind);
        let schema = schema(&seed.kind);
        let mut walk = Walk { apiserver: &apiserver, kind: &seed.kind, root: &seed.spec, done: &mut done };
        walk.value(&schema, "", "spec", "spec").await;
    }
    assert!(done.len() > 500, "{}", done.len());
    let missing: Vec<_> = all.difference(&done).collect();
    assert!(missing.is_empty(), "whole.yaml has no such field: {missing:?}");
}
