//! Body → objects, with what was left out told.

use std::fmt;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{SCHEMA, WireError};
use crate::api::{ApiKind, Object};
use crate::compile::Snapshot;
use crate::plan::{ObjectName, shown};
use crate::source::lenient::{self, Lenient};
use crate::source::object::is_subdomain;

/// Characters of what is told about an object that can't be read.
const PROBLEM: usize = 500;

/// What a body holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The gateway that it is for.
    pub gateway: ObjectName,
    /// Names the contents.
    pub version: String,
    /// The objects.
    pub snapshot: Snapshot,
    /// What this version of mailchute does not know and has left out: `Kind namespace/name: field`.
    pub ignored: Vec<String>,
}

/// Reads a body.
///
/// # Errors
///
/// It is no snapshot, or in a form that this version does not know.
pub fn decode(body: &[u8]) -> Result<Decoded, WireError> {
    let mut ignored = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_ignored::deserialize(&mut json, |path| ignored.push(shown(&path.to_string())));
    let read = read.and_then(|read: Body| json.end().map(|()| read));
    let read = read.map_err(|error| schema(body).unwrap_or_else(|| malformed(&error)))?;
    if read.schema != u64::from(SCHEMA) {
        return Err(WireError::Schema { found: read.schema });
    }
    let gateway = read.gateway.split_once('/');
    let gateway = gateway
        .and_then(|(namespace, name)| named(ApiKind::Gateway, namespace, name))
        .ok_or_else(|| wrong("it does not name its gateway"))?;
    if read.version.is_empty() || !read.version.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Err(wrong("its version is no version"));
    }
    let mut snapshot = Snapshot::of_gateway();
    for element in read.objects.0 {
        match element {
            Element::Object { object, unknown } => {
                ignored.extend(unknown.iter().map(|field| format!("{object:?}: {field}")));
                snapshot.insert(object).map_err(|duplicate| wrong(&duplicate.to_string()))?;
            }
            Element::Unreadable { kind, name, problem } if kind.is_ours() => {
                snapshot.insert_unreadable(kind, name, problem);
            }
            Element::Unreadable { kind, name, problem } => {
                ignored.push(format!("{} {name}: {problem}", kind.name()));
            }
            Element::Other(kind) => ignored.push(format!("an object of kind {kind}")),
            Element::Nameless => return Err(wrong("an object has no kind or no name")),
        }
    }
    for Entry { kind, namespace, name, problem } in read.unreadable {
        let Some(kind) = ApiKind::ALL.into_iter().find(|each| each.name() == kind) else {
            ignored.push(format!("an object of kind {}", shown(&kind)));
            continue;
        };
        let name = named(kind, &namespace, &name).ok_or_else(|| wrong("an unreadable object has no name"))?;
        snapshot.insert_unreadable(kind, name, shown(&problem));
    }
    Ok(Decoded { gateway, version: read.version, snapshot, ignored })
}

fn wrong(what: &str) -> WireError {
    WireError::Malformed(what.to_owned())
}

/// By place and sort: the error's own words may quote what stands there.
fn malformed(error: &serde_json::Error) -> WireError {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "no JSON",
        Category::Eof => "it ends too early",
        Category::Data | Category::Io => "an unexpected value",
    };
    WireError::Malformed(format!("{what} at octet {} of line {}", error.column(), error.line()))
}

/// The schema of a body whose objects can't be read, if it is another one.
fn schema(body: &[u8]) -> Option<WireError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let found = serde_json::from_slice::<Head>(body).ok()?.schema;
    (found != u64::from(SCHEMA)).then_some(WireError::Schema { found })
}

/// `None` where the API server would not take the name.
fn named(kind: ApiKind, namespace: &str, name: &str) -> Option<ObjectName> {
    let placed = if kind == ApiKind::Namespace { namespace.is_empty() } else { is_subdomain(namespace) };
    (placed && is_subdomain(name)).then(|| ObjectName::new(namespace, name))
}

#[derive(Deserialize)]
struct Body {
    schema: u64,
    gateway: String,
    version: String,
    objects: Objects,
    #[serde(default)]
    unreadable: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    kind: String,
    namespace: String,
    name: String,
    problem: String,
}

/// The objects, read one by one: one that can't be read is no reason to read no other.
struct Objects(Vec<Element>);

enum Element {
    Object { object: Arc<Object>, unknown: Vec<String> },
    Unreadable { kind: ApiKind, name: ObjectName, problem: String },
    Other(String),
    Nameless,
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Vec<Element>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(object) = objects.next_element::<Value>()? {
                    elements.push(element(&object));
                }
                Ok(elements)
            }
        }

        deserializer.deserialize_seq(List).map(Self)
    }
}

fn element(object: &Value) -> Element {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let (Some(api_version), Some(kind)) = (text(object.get("apiVersion")), text(object.get("kind"))) else {
        return Element::Nameless;
    };
    let Some(kind) = ApiKind::find(&api_version, &kind) else { return Element::Other(shown(&kind)) };
    let metadata = object.get("metadata");
    let field = |name: &str| text(metadata.and_then(|metadata| metadata.get(name))).unwrap_or_default();
    let Some(name) = named(kind, &field("namespace"), &field("name")) else { return Element::Nameless };
    let Lenient { object, unknown } = lenient::read(kind, object);
    match object {
        Ok(object) if (object.namespace(), object.name()) == (&*name.namespace, &*name.name) => {
            let unknown = unknown.iter().map(|field| shown(field)).collect();
            Element::Object { object: Arc::new(object), unknown }
        }
        Ok(_) => Element::Nameless,
        Err(problem) => {
            Element::Unreadable { kind, name, problem: shown(&problem).chars().take(PROBLEM).collect() }
        }
    }
}
