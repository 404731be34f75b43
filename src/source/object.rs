//! A YAML tree → an API object, with every unknown field told.

use serde_path_to_error::{Segment, Track};

use super::yaml::Node;
use crate::api::bounds::Step;
use crate::api::{ApiKind, GROUP, Object, VERSION};
use crate::plan::{ObjectName, ObjectRef, shown};

/// What a document is.
pub(super) enum Document {
    /// An object of a kind that is read.
    Object(Box<Object>),
    /// An object of another kind, such as a Deployment.
    Other {
        /// Its kind and name, fit to be told.
        object: ObjectRef,
        /// What stands in `apiVersion`.
        api_version: String,
    },
}

/// What is wrong with a document, and where.
pub(super) type Problem = ((u64, u64), String);

/// The objects of a document: itself, or the items of a `List`.
pub(super) fn flatten(document: Node) -> Vec<Node> {
    let is_list = document.field("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
    match document.field("items").and_then(Node::list) {
        Some(items) if is_list => items.iter().cloned().flat_map(flatten).collect(),
        _ => vec![document],
    }
}

/// Reads a document.
pub(super) fn read(node: Node) -> Result<Document, Vec<Problem>> {
    let required = |name: &str| {
        let field = node.field(name);
        field.and_then(Node::text).map(str::to_owned).ok_or_else(|| {
            let place = field.map_or(node.place, |field| field.place);
            vec![(place, format!("a Kubernetes object needs {name}: write it as text"))]
        })
    };
    let (api_version, kind) = (required("apiVersion")?, required("kind")?);
    match ApiKind::find(&api_version, &kind) {
        Some(kind) => typed(kind, node).map(|object| Document::Object(Box::new(object))),
        None => match mistaken(&api_version, &kind) {
            Some(problem) => {
                let place = node.place_of(&[Step::Field("apiVersion".to_owned())]);
                Err(vec![(place, problem)])
            }
            None => {
                let text = |name: &str| {
                    let field = node.field("metadata").and_then(|metadata| metadata.field(name));
                    field.and_then(Node::text)
                };
                let namespace = shown(text("namespace").unwrap_or("default"));
                let name = ObjectName::new(&namespace, &shown(text("name").unwrap_or_default()));
                let object = ObjectRef { kind: shown(&kind).into(), name };
                Ok(Document::Other { object, api_version })
            }
        },
    }
}

/// Why a kind that is not read was probably meant to be.
fn mistaken(api_version: &str, kind: &str) -> Option<String> {
    let expected = ApiKind::ALL.into_iter().find(|each| each.name() == kind);
    let ours = api_version.split('/').next() == Some(GROUP);
    match expected {
        Some(expected) if ours || expected.is_ours() || !api_version.contains('/') => {
            Some(format!("{kind} is not of {api_version}: write apiVersion: {}", expected.api_version()))
        }
        None if ours => {
            let kinds: Vec<_> =
                ApiKind::ALL.into_iter().filter(|kind| kind.is_ours()).map(ApiKind::name).collect();
            Some(format!("{GROUP}/{VERSION} has no kind {kind}: it has {}", kinds.join(", ")))
        }
        _ => None,
    }
}

fn typed(kind: ApiKind, node: Node) -> Result<Object, Vec<Problem>> {
    let tree = node.clone();
    let value = node.into_value();
    let mut unknown = Vec::new();
    let mut track = Track::new();
    let read = {
        let mut note = |path: serde_ignored::Path<'_>| unknown.push(steps(&path));
        let ignoring = serde_ignored::Deserializer::new(&value, &mut note);
        kind.deserialize(serde_path_to_error::Deserializer::new(ignoring, &mut track))
    };
    let mut problems: Vec<Problem> = unknown
        .into_iter()
        .filter(|path| matters(kind, path))
        .map(|path| {
            let message = format!("unknown field {}: correct its name or remove it", display(&path));
            (tree.place_of(&path), message)
        })
        .collect();
    let object = match read {
        Ok(object) => {
            problems.extend(misnamed(&object, &tree));
            Some(object)
        }
        Err(error) => {
            problems.push(failure(kind, &tree, &track.path(), &error));
            None
        }
    };
    problems.sort();
    object.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Metadata is free-form, `apiVersion` and `kind` have been read, status is not ours to read. Of the
/// kinds of Kubernetes we read a few fields only and may be older than the others.
pub(super) fn matters(kind: ApiKind, path: &[Step]) -> bool {
    let first = match path.first() {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    let free = matches!(first, "apiVersion" | "kind" | "metadata" | "status");
    !free && (kind.is_ours() || path.len() == 1)
}

/// What an apiserver would say of the object's name and namespace.
fn misnamed(object: &Object, tree: &Node) -> Option<Problem> {
    let place = |field: &str| tree.place_of(&["metadata", field].map(|step| Step::Field(step.to_owned())));
    if object.name().is_empty() {
        return Some((place(""), format!("{} needs metadata.name", object.kind().name())));
    }
    if !is_subdomain(object.name()) {
        let problem =
            "metadata.name: lower-case letters, digits, `-` and `.`, a letter or digit at both ends";
        return Some((place("name"), problem.to_owned()));
    }
    let is_label = is_subdomain(object.namespace()) && !object.namespace().contains('.');
    let namespaced = object.kind() != ApiKind::Namespace;
    (namespaced && !is_label).then(|| {
        let problem =
            "metadata.namespace: lower-case letters, digits and `-`, a letter or digit at both ends";
        (place("namespace"), problem.to_owned())
    })
}

/// RFC 1123 §2.1, in lower case, as Kubernetes has it.
pub(super) fn is_subdomain(name: &str) -> bool {
    let alphanumeric = |octet: &u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let label = |label: &str| {
        let octets = label.as_bytes();
        let ends = octets.first().is_some_and(alphanumeric) && octets.last().is_some_and(alphanumeric);
        ends && octets.iter().all(|octet| alphanumeric(octet) || *octet == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn failure(
    kind: ApiKind,
    tree: &Node,
    path: &serde_path_to_error::Path,
    error: &serde_json::Error,
) -> Problem {
    let (path, what) = explained(kind, path, error);
    let field = display(&path);
    (tree.place_of(&path), if field.is_empty() { what } else { format!("{field}: {what}") })
}

/// Where a value stands that its field does not take, and why, without the value where that is secret.
pub(super) fn explained(
    kind: ApiKind,
    path: &serde_path_to_error::Path,
    error: &serde_json::Error,
) -> (Vec<Step>, String) {
    let path: Vec<Step> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Field(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    // The error may quote the value that it does not like.
    let what = match kind {
        ApiKind::Secret => {
            "not a value that a Secret takes here: data is base64, stringData is text".to_owned()
        }
        _ => in_words(&error.to_string()),
    };
    (path, what)
}

/// The message, less names that are Rust's and not the writer's.
fn in_words(message: &str) -> String {
    let words = [
        // What serde says of one word of a list.
        ("expected string or map", "expected text; numbers, true and false are text in quotes only"),
        ("expected u8", "expected a whole number from 0 to 255"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected i32", "expected a whole number"),
    ];
    let found = words
        .iter()
        .find_map(|(rust, words)| message.strip_suffix(rust).map(|before| format!("{before}{words}")));
    found.unwrap_or_else(|| message.to_owned())
}

pub(super) fn steps(path: &serde_ignored::Path<'_>) -> Vec<Step> {
    use serde_ignored::Path;
    match path {
        Path::Root => Vec::new(),
        Path::Seq { parent, index } => joined(parent, Step::Index(*index)),
        Path::Map { parent, key } => joined(parent, Step::Field(key.clone())),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            steps(parent)
        }
    }
}

fn joined(parent: &serde_ignored::Path<'_>, step: Step) -> Vec<Step> {
    let mut path = steps(parent);
    path.push(step);
    path
}

pub(super) fn display(path: &[Step]) -> String {
    crate::api::bounds::Violation { path: path.to_vec(), message: String::new() }.field()
}
