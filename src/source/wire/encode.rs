//! Objects → body, version and compressed body.

use std::fmt;

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use serde::Serialize;

use super::written::{Fingerprint, Written};
use super::{SCHEMA, gzip};
use crate::compile::Snapshot;
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

/// Writes the objects of one gateway: all that `snapshot` holds, which was selected before.
pub fn encode(snapshot: &Snapshot, gateway: &ObjectName) -> Encoded {
    let mut body = Body { octets: Vec::new(), digest: Context::new(&SHA256), hashed: 0 };
    body.text(&format!("{{\"schema\":{SCHEMA},\"gateway\":"));
    body.json(&gateway.to_string());
    body.text(",\"objects\":[");
    for (index, (_, object)) in snapshot.objects().enumerate() {
        body.text(if index == 0 { "" } else { "," });
        match Fingerprint::of(object) {
            Some(fingerprint) => body.json_as(&Written(object), &fingerprint),
            None => body.json(&Written(object)),
        }
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
    Encoded { version, body: octets.into(), gzip }
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
