//! Files → API objects: YAML with any number of documents, JSON, and `List`s of either.
//!
//! Of a folder every `*.yaml`, `*.yml` and `*.json` is read, not those of folders in it (as
//! `kubectl apply -f DIR` does) and not hidden ones; a file that is named is read whatever it is
//! called. No namespace means `default`. Objects of kinds that mailchute does not read (a Deployment
//! beside its MailRoute) are left out with a warning; an unknown field, a wrong apiVersion and an
//! object that is there twice are errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::error::{SourceError, Unreadable};
use super::object::{self, Document};
use super::yaml;
use crate::compile::Snapshot;
use crate::plan::{Finding, ObjectRef, Reason, shown};

/// What files hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The objects.
    pub snapshot: Snapshot,
    /// Names what they hold: a hash of all their octets.
    pub version: String,
    /// What there is to say about the files beside what compile says: objects that are not read.
    pub findings: Vec<Finding>,
}

/// Reads files and folders.
///
/// # Errors
///
/// All that is wrong with them; then nothing of them is used.
pub fn read(paths: &[PathBuf]) -> Result<Loaded, Unreadable> {
    let mut reader = Reader::default();
    for path in paths {
        match list(path) {
            Ok(files) => files.iter().for_each(|file| reader.file(file)),
            Err(error) => reader.errors.push(error),
        }
    }
    reader.finish()
}

/// Reads text that is in no file, e.g. manifests that are built in; `name` stands for the file in
/// errors.
///
/// # Errors
///
/// All that is wrong with it.
pub fn parse(name: &str, text: &str) -> Result<Loaded, Unreadable> {
    let mut reader = Reader::default();
    reader.text(Path::new(name), text);
    reader.finish()
}

/// The files that a path stands for, in the order of their names.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let wrong = |problem: String| SourceError::new(path, None, &problem);
    let unreadable = |error: std::io::Error| wrong(format!("can't be read: {error}"));
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_manifest(&file) && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(wrong("holds no *.yaml, *.yml or *.json".to_owned())) } else { Ok(files) }
}

fn is_manifest(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = file.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml" | "json"))
}

struct Reader {
    loaded: Loaded,
    errors: Vec<SourceError>,
    digest: Context,
}

/// Octets of the hash that stand in a version.
const VERSION: usize = 8;

impl Default for Reader {
    fn default() -> Self {
        Self { loaded: Loaded::default(), errors: Vec::new(), digest: Context::new(&SHA256) }
    }
}

impl Reader {
    fn finish(mut self) -> Result<Loaded, Unreadable> {
        if !self.errors.is_empty() {
            return Err(Unreadable(self.errors));
        }
        let digest = self.digest.finish();
        self.loaded.version = digest.as_ref()[..VERSION].iter().map(|octet| format!("{octet:02x}")).collect();
        Ok(self.loaded)
    }

    fn file(&mut self, file: &Path) {
        let wrong = |place, problem: String| SourceError::new(file, place, &problem);
        match fs::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => self.text(file, &text),
            Ok(Err(_)) => self.errors.push(wrong(None, "is not UTF-8".to_owned())),
            Err(error) => self.errors.push(wrong(None, format!("can't be read: {error}"))),
        }
    }

    fn text(&mut self, file: &Path, text: &str) {
        self.digest.update(text.as_bytes());
        let wrong = |place, problem: String| SourceError::new(file, place, &problem);
        let documents = match yaml::documents(text) {
            Ok(documents) => documents,
            Err(error) => return self.errors.push(wrong(error.place, error.problem)),
        };
        for node in documents.into_iter().flat_map(object::flatten) {
            let place = node.place;
            match object::read(node) {
                Ok(Document::Object(mut object)) => {
                    let kind = object.kind();
                    if kind != crate::api::ApiKind::Namespace {
                        let namespace = object.namespace().to_owned();
                        object.metadata_mut().namespace = Some(namespace);
                    }
                    if let Err(duplicate) = self.loaded.snapshot.insert(Arc::new((*object).into())) {
                        let problem = format!("{duplicate}: remove one of the two");
                        self.errors.push(wrong(Some(place), problem));
                    }
                }
                Ok(Document::Other { object, api_version }) => self.ignore(object, &api_version),
                Err(problems) => {
                    let problems = problems.into_iter().map(|(place, problem)| wrong(Some(place), problem));
                    self.errors.extend(problems);
                }
            }
        }
    }

    fn ignore(&mut self, object: ObjectRef, api_version: &str) {
        self.loaded.findings.push(Finding {
            severity: Reason::Unused.severity(),
            reason: Reason::Unused,
            object,
            field: String::new(),
            message: format!("mailchute reads nothing of this kind ({})", shown(api_version)),
            listeners: BTreeSet::new(),
        });
    }
}
