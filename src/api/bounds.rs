//! Holds an object against the bounds of its own schema, as the API server would: lengths, ranges, patterns, enums,
//! unique keys.
//!
//! Files meet no API server, and a CRD in a cluster may be older than the binary. This is the twin of every bound at
//! once, read from the very schema that the CRD has, so the two can't drift apart. It is not the twin of CEL rules
//! ([`super::rules`]), and it does not look for unknown fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::OnceLock,
};

use regex_automata::meta::Regex;
use serde_json::{Map, Value};

use super::{ApiKind, Object, crds};

/// One bound that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub path: Vec<Step>,
    /// What is wrong, without the value: it may be a credential that someone put in the wrong field.
    pub message: String,
}

/// One step of a path into an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field of an object or a key of a map.
    Field(String),
    /// An element of a list.
    Index(usize),
}

impl Violation {
    /// The path as people write it: `spec.rules[0].matches[1].recipient.domain`.
    #[must_use]
    pub fn field(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.extend([".", name]),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field(), self.message)
    }
}

/// Every bound that the spec of an object of ours breaks, in the order of its fields. Kinds of Kubernetes have none.
#[must_use]
pub fn check(object: &Object) -> Vec<Violation> {
    let mut walk = Walk { path: vec![Step::Field("spec".into())], found: Vec::new() };
    if let Some(schema) = spec_schema(object.kind())
        && let Ok(value) = serde_json::to_value(object)
        && let Some(spec) = value.get("spec")
    {
        walk.value(schema, spec);
    }
    walk.found
}

fn spec_schema(kind: ApiKind) -> Option<&'static Value> {
    static SCHEMAS: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let specs = crds().into_iter().filter_map(|crd| {
            let version = serde_json::to_value(crd.spec.versions.first()?).ok()?;
            Some((crd.spec.names.kind, version.pointer("/schema/openAPIV3Schema/properties/spec")?.clone()))
        });
        specs.collect()
    });
    schemas.get(kind.name())
}

/// The patterns of all schemas, compiled once. One that does not compile would be a mistake of ours: a test walks them.
fn pattern(text: &str) -> Option<&'static Regex> {
    static PATTERNS: OnceLock<BTreeMap<String, Regex>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        let mut texts = BTreeSet::new();
        ApiKind::ALL
            .into_iter()
            .filter_map(spec_schema)
            .for_each(|schema| collect_patterns(schema, &mut texts));
        texts.into_iter().filter_map(|text| Some((text.to_owned(), Regex::new(text).ok()?))).collect()
    });
    patterns.get(text)
}

fn collect_patterns<'schema>(schema: &'schema Value, into: &mut BTreeSet<&'schema str>) {
    match schema {
        Value::Object(object) => {
            into.extend(object.get("pattern").and_then(Value::as_str));
            object.values().for_each(|value| collect_patterns(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_patterns(value, into)),
        _ => {}
    }
}

struct Walk {
    path: Vec<Step>,
    found: Vec<Violation>,
}

impl Walk {
    fn report(&mut self, message: impl Into<String>) {
        self.found.push(Violation { path: self.path.clone(), message: message.into() });
    }

    fn value(&mut self, schema: &Value, value: &Value) {
        if let Some(values) = schema.get("enum").and_then(Value::as_array)
            && !values.contains(value)
        {
            let known: Vec<String> = values.iter().map(ToString::to_string).collect();
            self.report(format!("must be one of {}", known.join(", ")));
        }
        match value {
            Value::String(text) => self.text(schema, text),
            Value::Number(number) => self.number(schema, number),
            Value::Array(items) => self.list(schema, items),
            Value::Object(fields) => self.object(schema, fields),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn text(&mut self, schema: &Value, text: &str) {
        let length = text.chars().count() as u64;
        if let Some(min) = bound(schema, "minLength").filter(|min| length < *min) {
            self.report(if min == 1 {
                "must not be empty".into()
            } else {
                format!("must have at least {min} characters")
            });
        } else if let Some(max) = bound(schema, "maxLength").filter(|max| length > *max) {
            self.report(format!("must have at most {max} characters"));
        } else if let Some(shape) = schema.get("pattern").and_then(Value::as_str)
            && !pattern(shape).is_some_and(|regex| regex.is_match(text))
        {
            self.report(format!("must match {shape}"));
        }
    }

    fn number(&mut self, schema: &Value, number: &serde_json::Number) {
        let Some(number) = number.as_f64() else { return };
        let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
        if let Some(min) = limit("minimum").filter(|min| number < *min) {
            self.report(format!("must be at least {min}"));
        }
        if let Some(max) = limit("maximum").filter(|max| number > *max) {
            self.report(format!("must be at most {max}"));
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value]) {
        if let Some(min) = bound(schema, "minItems").filter(|min| (items.len() as u64) < *min) {
            self.report(format!("needs at least {min} {}", plural(min, "entry", "entries")));
        }
        if let Some(max) = bound(schema, "maxItems").filter(|max| items.len() as u64 > *max) {
            self.report(format!("takes at most {max} {}", plural(max, "entry", "entries")));
        }
        let kind = schema.get("x-kubernetes-list-type").and_then(Value::as_str).unwrap_or_default();
        let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            let key = match (kind, keys) {
                ("map", Some(keys)) => Some(
                    keys.iter()
                        .filter_map(Value::as_str)
                        .map(|key| item[key].to_string())
                        .collect::<String>(),
                ),
                ("set", _) => Some(item.to_string()),
                _ => None,
            };
            if key.is_some_and(|key| !seen.insert(key)) {
                self.report("is there twice");
            }
            if let Some(schema) = schema.get("items") {
                self.value(schema, item);
            }
            self.path.pop();
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>) {
        if let Some(max) = bound(schema, "maxProperties").filter(|max| fields.len() as u64 > *max) {
            self.report(format!("takes at most {max} {}", plural(max, "key", "keys")));
        }
        for (name, value) in fields {
            let inner = schema.pointer("/properties").and_then(|properties| properties.get(name));
            if let Some(inner) = inner.or_else(|| schema.get("additionalProperties")) {
                self.path.push(Step::Field(name.clone()));
                self.value(inner, value);
                self.path.pop();
            }
        }
    }
}

fn bound(schema: &Value, key: &str) -> Option<u64> {
    schema.get(key).and_then(Value::as_u64)
}

const fn plural(number: u64, one: &'static str, many: &'static str) -> &'static str {
    if number == 1 { one } else { many }
}
