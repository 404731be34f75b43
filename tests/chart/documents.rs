//! Rendered YAML as objects.

use serde_json::Value;

/// The objects of a render, in its order.
pub(crate) fn documents(render: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(render).unwrap_or_else(|error| panic!("{error}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// What an object is.
pub(crate) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

/// What it is called, for people.
pub(crate) fn name(object: &Value) -> String {
    format!("{} {}", kind(object), object["metadata"]["name"].as_str().unwrap())
}

/// The pod that an object makes, or is.
pub(crate) fn pod(object: &Value) -> Option<&Value> {
    match kind(object) {
        "Deployment" => Some(&object["spec"]["template"]["spec"]),
        "Pod" => Some(&object["spec"]),
        _ => None,
    }
}
