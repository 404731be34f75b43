//! The API as users meet it: the example of the documentation, the CRDs as YAML, bounds held against objects.

mod crd;
mod example;
mod held;

use super::{ApiKind, Object};

/// Reads one YAML document as an object, with the paths that nothing took.
fn read(yaml: &str) -> (Object, Vec<String>) {
    let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let kind = ApiKind::find(&text("apiVersion"), &text("kind")).unwrap();
    let mut ignored = Vec::new();
    let object = serde_saphyr::with_deserializer_from_str(yaml, |deserializer| {
        kind.deserialize(serde_ignored::Deserializer::new(deserializer, &mut |path: serde_ignored::Path<
            '_,
        >| {
            ignored.push(path.to_string());
        }))
    })
    .unwrap();
    ignored.retain(|path| path != "apiVersion" && path != "kind");
    (object, ignored)
}

/// The same for one of our kinds, from its spec alone.
fn read_spec(kind: ApiKind, spec: &str) -> Object {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let yaml = format!(
        "apiVersion: {}\nkind: {}\nmetadata: {{name: x}}\nspec:\n{spec}",
        kind.api_version(),
        kind.name()
    );
    let (object, ignored) = read(&yaml);
    assert_eq!(ignored, Vec::<String>::new());
    object
}
