//! Body → objects, with what was left out told.
//!
//! Most of a body stands in the one before, word for word. What a text says depends on nothing else, so one
//! that is there again is not read again: the object is the very one of the last snapshot, with all
//! that is known of it.

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{SCHEMA, WireError};
use crate::api::ApiKind;
use crate::compile::{Inspected, Snapshot};
use crate::plan::{ObjectName, shown};
use crate::source::lenient::{self, Lenient};
use crate::source::object::is_subdomain;

/// Characters of what is told about an object that can't be read.
const PROBLEM: usize = 500;

/// Octets of a text that is kept in mind: lists of recipients are read fast, and take much room.
const KEPT: usize = 64 << 10;

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

/// Reads one body after the other.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What each text of the last body says.
    known: HashMap<Fingerprint, Element>,
}

/// SHA-256 of a text: no two texts ever share one, whoever writes them.
type Fingerprint = [u8; SHA256_OUTPUT_LEN];

/// Reads a body.
///
/// # Errors
///
/// It is no snapshot, or in a form that this version does not know.
pub fn decode(body: &[u8]) -> Result<Decoded, WireError> {
    Decoder::default().decode(body)
}

impl Decoder {
    /// The same, without what stands in the body as it stood in the one before.
    ///
    /// # Errors
    ///
    /// Those of [`decode()`].
    pub fn decode(&mut self, body: &[u8]) -> Result<Decoded, WireError> {
        let mut ignored = Vec::new();
        let read = Body::read(body, &mut ignored)?;
        let gateway = read.gateway.split_once('/');
        let gateway = gateway
            .and_then(|(namespace, name)| named(ApiKind::Gateway, namespace, name))
            .ok_or_else(|| wrong("it does not name its gateway"))?;
        if read.version.is_empty() || !read.version.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            return Err(wrong("its version is no version"));
        }
        let mut decoded =
            Decoded { gateway, version: read.version, snapshot: Snapshot::of_gateway(), ignored };
        let mut known = HashMap::with_capacity(read.objects.len());
        for text in read.objects.iter().map(|object| object.get()) {
            if text.len() > KEPT {
                decoded.add(element(text)?)?;
                continue;
            }
            let fingerprint = fingerprint(text);
            let element = self.known.get(&fingerprint).cloned().map_or_else(|| element(text), Ok)?;
            known.insert(fingerprint, element.clone());
            decoded.add(element)?;
        }
        read.unreadable.into_iter().try_for_each(|entry| decoded.add_unreadable(entry))?;
        self.known = known;
        Ok(decoded)
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 is as long as it is")
}

impl Decoded {
    fn add(&mut self, element: Element) -> Result<(), WireError> {
        let Self { snapshot, ignored, .. } = self;
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
        Ok(())
    }

    fn add_unreadable(&mut self, entry: Entry) -> Result<(), WireError> {
        let Entry { kind, namespace, name, problem } = entry;
        let Some(kind) = ApiKind::ALL.into_iter().find(|each| each.name() == kind) else {
            self.ignored.push(format!("an object of kind {}", shown(&kind)));
            return Ok(());
        };
        let name = named(kind, &namespace, &name).ok_or_else(|| wrong("an unreadable object has no name"))?;
        self.snapshot.insert_unreadable(kind, name, shown(&problem));
        Ok(())
    }
}

fn wrong(what: &str) -> WireError {
    WireError::Malformed(what.to_owned())
}

/// By place and sort: the error's own words may quote what stands there.
fn fault(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "no JSON",
        Category::Eof => "it ends too early",
        Category::Data | Category::Io => "an unexpected value",
    };
    format!("{what} at octet {} of line {}", error.column(), error.line())
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
struct Body<'a> {
    schema: u64,
    gateway: String,
    version: String,
    /// Read one by one: one that can't be read is no reason to read no other.
    #[serde(borrow)]
    objects: Vec<&'a RawValue>,
    #[serde(default)]
    unreadable: Vec<Entry>,
}

impl<'a> Body<'a> {
    fn read(body: &'a [u8], ignored: &mut Vec<String>) -> Result<Self, WireError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = serde_ignored::deserialize(&mut json, |path| {
            let path = path.to_string();
            // A field may have no name.
            ignored.push(if path.is_empty() { "\"\"".to_owned() } else { shown(&path) });
        });
        let read = read.and_then(|read: Self| json.end().map(|()| read));
        let read = read.map_err(|error| schema(body).unwrap_or_else(|| wrong(&fault(&error))))?;
        if read.schema != u64::from(SCHEMA) {
            return Err(WireError::Schema { found: read.schema });
        }
        Ok(read)
    }
}

#[derive(Deserialize)]
struct Entry {
    kind: String,
    namespace: String,
    name: String,
    problem: String,
}

/// What the text of one object says.
#[derive(Debug, Clone)]
enum Element {
    Object { object: Arc<Inspected>, unknown: Vec<String> },
    Unreadable { kind: ApiKind, name: ObjectName, problem: String },
    Other(String),
    Nameless,
}

/// Fails where the text is JSON by its form only.
fn element(text: &str) -> Result<Element, WireError> {
    let object: Value =
        serde_json::from_str(text).map_err(|error| wrong(&format!("an object: {}", fault(&error))))?;
    Ok(said(&object))
}

fn said(object: &Value) -> Element {
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
            Element::Object { object: Arc::new(object.into()), unknown }
        }
        Ok(_) => Element::Nameless,
        Err(problem) => {
            Element::Unreadable { kind, name, problem: shown(&problem).chars().take(PROBLEM).collect() }
        }
    }
}
