//! JSON of an API server → an API object. What is not known is told, not refused.
//!
//! A newer CRD must not stop an older replica, so a field that is unknown changes nothing. Files are
//! read otherwise: there it is an error, see `object`.

use serde_json::Value;
use serde_path_to_error::Track;

use super::object::{display, explained, matters, steps};
use crate::api::{ApiKind, Object};

/// What a JSON value is as an object.
pub(super) struct Lenient {
    /// The object, or why it can't be read. Never holds a value of a Secret.
    pub(super) object: Result<Object, String>,
    /// The fields that are not known, as paths.
    pub(super) unknown: Vec<String>,
}

/// Reads a value as an object of a kind.
pub(super) fn read(kind: ApiKind, value: &Value) -> Lenient {
    let mut unknown = Vec::new();
    let mut track = Track::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(steps(&path));
    let ignoring = serde_ignored::Deserializer::new(value, &mut note);
    let object = kind.deserialize(serde_path_to_error::Deserializer::new(ignoring, &mut track));
    let object = object.map_err(|error| {
        let (path, what) = explained(kind, &track.path(), &error);
        let field = display(&path);
        if field.is_empty() { what } else { format!("{field}: {what}") }
    });
    let unknown = unknown.into_iter().filter(|path| matters(kind, path)).map(|path| display(&path));
    Lenient { object, unknown: unknown.collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backend(spec: &Value) -> Lenient {
        let metadata = json!({"name": "a", "namespace": "b", "managedFields": [{"manager": "c"}]});
        let value = json!({
            "apiVersion": "mailchute.dev/v1alpha1", "kind": "MailBackend",
            "metadata": metadata, "spec": spec, "status": {"future": true},
        });
        read(ApiKind::Backend, &value)
    }

    #[test]
    fn an_unknown_field_is_told_and_left_out() {
        let read = backend(&json!({"http": {"service": {"name": "a", "port": 1, "tier": 2}}, "zone": "x"}));
        assert_eq!(read.unknown, ["spec.http.service.tier", "spec.zone"]);
        assert!(read.object.is_ok());
    }

    #[test]
    fn an_unknown_field_of_a_route_is_told() {
        let match_ = json!({"recipient": {"domain": "example.net", "planet": "earth"}});
        let rule = json!({"name": "a", "matches": [match_], "delivery": {"backendRefs": [{"name": "b"}]}});
        let spec = json!({"parentRefs": [{"name": "a"}], "rules": [rule], "tier": "gold"});
        let value = json!({"apiVersion": "x", "kind": "y", "metadata": {"name": "a"}, "spec": spec});
        let read = read(ApiKind::Route, &value);
        assert_eq!(read.unknown, ["spec.rules[0].matches[0].recipient.planet", "spec.tier"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_field() {
        let read = backend(&json!({"http": {"service": {"name": "a", "port": "http"}}}));
        let problem = read.object.unwrap_err();
        assert!(problem.starts_with("spec.http.service.port: "), "{problem}");
    }
}
