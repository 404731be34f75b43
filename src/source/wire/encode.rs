//! Objects → body, version and compressed body.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use serde::Serialize;

use super::written::{Fingerprint, Written};
use super::{SCHEMA, gzip};
use crate::compile::{Inspected, Snapshot};
use crate::plan::ObjectName;

/// Octets of the hash that stand in a version: enough that no two contents ever share one.
const VERSION: usize = 16;

/// A snapshot that can be sent.
#[derive(Clone, PartialEq)]
pub struct Encoded {
    /// Names the contents: hexadecimal digits.
    pub version: String,
    /// JSON. Holds Secrets.
    pub body: Bytes,
    /// The same, compressed.
    pub gzip: Bytes,
}

/// Version and sizes only: the body holds Secrets.
impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, body, gzip } = self;
        write!(f, "snapshot {version} of {} octets, {} compressed", body.len(), gzip.len())
    }
}

/// Writes the snapshots of one gateway, one after the other: the text of an object that stood in the last
/// one, this very object, is copied from there.
#[derive(Clone, Default)]
pub struct Encoder {
    /// The last body.
    body: Bytes,
    /// Where each object stands in it, by its address, which is its own for as long as it is held.
    places: Arc<HashMap<usize, Place>>,
}

/// An object, and where it stands.
struct Place {
    object: Arc<Inspected>,
    octets: Range<usize>,
}

/// The number of objects only: the body holds Secrets.
impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the texts of {} objects", self.places.len())
    }
}

/// Writes the objects of one gateway: all that `snapshot` holds, which was selected before.
pub fn encode(snapshot: &Snapshot, gateway: &ObjectName) -> Encoded {
    Encoder::default().encode(snapshot, gateway)
}

impl Encoder {
    /// The same as [`encode()`], with less effort.
    pub fn encode(&mut self, snapshot: &Snapshot, gateway: &ObjectName) -> Encoded {
        let mut body = Body::new(self.body.len());
        let mut places = HashMap::with_capacity(self.places.len());
        body.text(&format!("{{\"schema\":{SCHEMA},\"gateway\":"));
        body.json(&gateway.to_string());
        body.text(",\"objects\":[");
        for (index, (.., object)) in snapshot.shared_objects().enumerate() {
            body.text(if index == 0 { "" } else { "," });
            if let Some(fingerprint) = Fingerprint::of(object) {
                body.json_as(&Written(object), &fingerprint);
                continue;
            }
            let begin = body.octets.len();
            match self.text(object) {
                Some(text) => body.octets.extend_from_slice(text),
                None => body.json(&Written(object)),
            }
            let place = Place { object: Arc::clone(object), octets: begin..body.octets.len() };
            places.insert(address(object), place);
        }
        body.text("],\"unreadable\":[");
        for (index, (kind, name, problem)) in snapshot.unreadable().enumerate() {
            body.text(if index == 0 { "" } else { "," });
            let ObjectName { namespace, name } = name;
            body.json(&Unreadable { kind: kind.name(), namespace, name, problem });
        }
        body.text("]");
        let (version, mut octets) = body.finish();
        octets.extend_from_slice(format!(",\"version\":\"{version}\"}}").as_bytes());
        let gzip = gzip::deflate(&octets).into();
        let body = Bytes::from(octets);
        *self = Self { body: body.clone(), places: Arc::new(places) };
        Encoded { version, body, gzip }
    }

    /// The text of an object, if this very one stands in the last body.
    fn text(&self, object: &Arc<Inspected>) -> Option<&[u8]> {
        let place = self.places.get(&address(object))?;
        self.body.get(place.octets.clone())
    }
}

fn address(object: &Arc<Inspected>) -> usize {
    Arc::as_ptr(object).addr()
}

#[derive(Serialize)]
struct Unreadable<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    problem: &'a str,
}

/// A body being written, and the hash of it.
struct Body {
    octets: Vec<u8>,
    digest: Context,
    /// How many of the octets stand in the hash, or in place of which something else does.
    hashed: usize,
}

impl Body {
    /// A body that will probably be as long as the one before.
    fn new(length: usize) -> Self {
        let octets = Vec::with_capacity(length + length / 16);
        Self { octets, digest: Context::new(&SHA256), hashed: 0 }
    }

    fn text(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
    }

    fn json(&mut self, value: &impl Serialize) {
        serde_json::to_writer(&mut self.octets, value)
            .expect("the keys of API objects are text, and a vector takes what is written to it");
    }

    /// Writes `value`, and into the hash `stand_in`.
    fn json_as(&mut self, value: &impl Serialize, stand_in: &impl Serialize) {
        self.digest.update(&self.octets[self.hashed..]);
        self.hashed = self.octets.len();
        self.json(stand_in);
        self.digest.update(&self.octets[self.hashed..]);
        self.octets.truncate(self.hashed);
        self.json(value);
        self.hashed = self.octets.len();
    }

    fn finish(mut self) -> (String, Vec<u8>) {
        self.digest.update(&self.octets[self.hashed..]);
        let digest = self.digest.finish();
        let version = digest.as_ref()[..VERSION].iter().map(|octet| format!("{octet:02x}")).collect();
        (version, self.octets)
    }
}
