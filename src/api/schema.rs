//! What the derived JSON schemas need to become good schemas of a CustomResourceDefinition.
//!
//! One transform, applied to every spec and status, and the bounds that several fields share. Kubernetes takes only
//! "structural" schemas: one `type` per field, enums as plain lists, no formats that it does not know.

use schemars::{
    Schema,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

use super::rules::Rule;

/// An IPv4 or IPv6 network or address; compile reads it, this only keeps nonsense out.
pub(super) const CIDR: &str = "^[0-9a-fA-F:.]{2,39}(/[0-9]{1,3})?$";
/// A name that ends up in a path or a metric label: RFC 1123 label.
pub(super) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// The name of a Kubernetes object: RFC 1123 subdomain.
pub(super) const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The key of a Secret or ConfigMap.
pub(super) const KEY: &str = "^[-._a-zA-Z0-9]+$";
/// A mail domain in ASCII or Unicode; compile makes it A-labels.
pub(super) const DOMAIN: &str = r"^[^\s*@.\[\]]+(\.[^\s*@.\[\]]+)*$";
/// A mail domain, `*.` and a domain (any depth below it), or `*` (any domain).
pub(super) const DOMAIN_PATTERN: &str = r"^(\*|(\*\.)?[^\s*@.\[\]]+(\.[^\s*@.\[\]]+)*)$";
/// A mailbox with its domain.
pub(super) const MAILBOX: &str = r"^[^\x00-\x1f\x7f]+@[^\s*@\[\]]+$";
/// A host name or an IP address, without a port.
pub(super) const HOST: &str = "^[-_.:a-zA-Z0-9]+$";
/// RFC 5322 §3.6.8: printable ASCII without the colon.
pub(super) const FIELD_NAME: &str = "^[!-9;-~]+$";
/// Text of one line.
pub(super) const ONE_LINE: &str = r"^[^\x00-\x1f\x7f]*$";
/// A reply as written in configuration: code, enhanced code (RFC 3463) and text, never `2yz`.
pub(super) const REPLY: &str = "^(421 4|45[0-2] 4|55[0-4] 5)\\.[0-9]{1,3}\\.[0-9]{1,3} [ -~]+$";

/// Makes the schema of a spec or status, with all that is in it, structural.
///
/// kube's own transforms run after this one and find nothing left to do. What it does:
/// - a field that may be left out is just not required, never `nullable`: then the API server drops a null before it
///   fills in defaults, and `has()` in a CEL rule means what it says;
/// - an enum is one list of values, the meaning of each told in the description;
/// - Rust's integer formats go, the bounds stay.
pub(super) fn structural(schema: &mut Schema) {
    transform_subschemas(&mut (structural as fn(&mut Schema)), schema);
    let Some(object) = schema.as_object_mut() else { return };
    drop_null(object);
    flatten_enum(object);
    object.retain(|key, value| key != "format" || !value.as_str().is_some_and(is_rust_format));
}

fn is_rust_format(format: &str) -> bool {
    format.starts_with("uint") || format.starts_with("int")
}

/// `Option<T>` is the same as `T` that is not required.
fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = types.as_slice() {
            let single = single.clone();
            object.insert("type".into(), single);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(mut choices)) = object.remove("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&json!("null")));
        match <[Value; 1]>::try_from(choices) {
            Ok([Value::Object(only)]) => only.into_iter().for_each(|(key, value)| {
                object.entry(key).or_insert(value);
            }),
            Ok([other]) => drop(object.insert("anyOf".into(), json!([other]))),
            Err(choices) => drop(object.insert("anyOf".into(), Value::Array(choices))),
        }
    }
}

/// Unit variants arrive as `oneOf` with a constant and a description each.
fn flatten_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    let mut meanings = String::new();
    for variant in variants {
        let Some(value) = variant.get("const").and_then(Value::as_str) else { return };
        let meaning = variant.get("description").and_then(Value::as_str).unwrap_or_default();
        meanings.push_str(&format!("\n- `{value}`: {meaning}"));
        values.push(json!(value));
    }
    let description = object.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{description}\n{meanings}");
    object.remove("oneOf");
    object.insert("type".into(), json!("string"));
    object.insert("enum".into(), Value::Array(values));
    object.insert("description".into(), json!(description.trim()));
}

/// Attaches CEL rules to a schema.
pub(super) fn cel(rules: &'static [Rule]) -> impl Transform {
    move |schema: &mut Schema| {
        let rules: Vec<Value> =
            rules.iter().map(|rule| json!({ "rule": rule.cel, "message": rule.message })).collect();
        schema.insert("x-kubernetes-validations".into(), Value::Array(rules));
    }
}

/// Makes a list a map by these required keys: the API server refuses duplicates, server-side apply merges by key.
pub(super) fn keyed_by(key: &'static str) -> impl Transform {
    move |schema: &mut Schema| {
        schema.insert("x-kubernetes-list-type".into(), json!("map"));
        schema.insert("x-kubernetes-list-map-keys".into(), json!([key]));
    }
}

/// Makes a list one value for server-side apply: who applies it owns it whole.
pub(super) fn atomic(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".into(), json!("atomic"));
}

/// Makes a list a set: the API server refuses duplicates.
pub(super) fn set(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".into(), json!("set"));
}

/// Bounds a map of strings: at most so many entries, each value of at most so many characters and of this pattern.
pub(super) fn map_of(entries: u32, length: u32, pattern: &'static str) -> impl Transform {
    move |schema: &mut Schema| {
        schema.insert("maxProperties".into(), json!(entries));
        schema.insert(
            "additionalProperties".into(),
            json!({ "type": "string", "maxLength": length, "pattern": pattern }),
        );
    }
}
