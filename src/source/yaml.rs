//! YAML (and with it JSON) as a tree that knows its places.
//!
//! What an object is must be known before it can be read, and what is wrong with it must be told with
//! line and column: so documents become trees first, and trees become objects.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Options, Spanned};

use crate::api::bounds::Step;

/// A node and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Line and column, from 1.
    pub(super) place: (u64, u64),
    pub(super) content: Content,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Why a text is no YAML.
pub(super) struct YamlError {
    pub(super) place: Option<(u64, u64)>,
    pub(super) problem: String,
}

/// The documents of a text; those with nothing in them are left out.
pub(super) fn documents(text: &str) -> Result<Vec<Node>, YamlError> {
    let documents = serde_saphyr::from_multiple_with_options::<Spanned<Content>>(text, options());
    let documents = documents.map_err(|error| {
        let place = error.location().map(|location| (location.line(), location.column()));
        YamlError { place, problem: plain(&error.without_snippet().to_string()) }
    })?;
    Ok(documents.into_iter().map(Node::from).filter(|node| !node.is_null()).collect())
}

/// The files are their owner's own, so what bounds them is only there to end a loop of aliases; a
/// million recipients in one ConfigMap are fine. A place is told without the text around it, which may
/// be a Secret's.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 100_000_000,
            max_nodes: 50_000_000,
            max_documents: 10_000_000,
            max_total_scalar_bytes: 1 << 30,
        },
        with_snippet: false,
    }
}

/// One line, without the place, which is told before it, and without what only a programmer can do.
fn plain(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    text.strip_suffix(", set DuplicateKeyPolicy in Options if acceptable").unwrap_or(text).to_owned()
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        let place = (spanned.referenced.line(), spanned.referenced.column());
        Self { place, content: spanned.value }
    }
}

impl Node {
    fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// A field of a map.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        match &self.content {
            Content::Map(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(list) => Some(list),
            _ => None,
        }
    }

    /// The place of what a path leads to, or of the last node on the way that is there.
    pub(super) fn place_of(&self, path: &[Step]) -> (u64, u64) {
        let Some((step, rest)) = path.split_first() else { return self.place };
        let next = match step {
            Step::Field(name) => self.field(name),
            Step::Index(index) => self.list().and_then(|list| list.get(*index)),
        };
        next.map_or(self.place, |next| next.place_of(rest))
    }

    /// The same without places.
    pub(super) fn into_value(self) -> Value {
        match self.content {
            Content::Scalar(value) => value,
            Content::List(list) => Value::Array(list.into_iter().map(Self::into_value).collect()),
            Content::Map(fields) => {
                let fields = fields.into_iter().map(|(key, node)| (key, node.into_value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a number that JSON has"))?;
        Ok(Content::Scalar(number.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element::<Spanned<Content>>()? {
            list.push(node.into());
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, node)) = access.next_entry::<String, Spanned<Content>>()? {
            fields.push((key, node.into()));
        }
        Ok(Content::Map(fields))
    }
}
