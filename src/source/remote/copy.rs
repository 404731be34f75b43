//! The last good snapshot on disk, for a process that starts while the controller is away.
//!
//! Compressed as it was sent, so that its own check sum tells damage. It holds Secrets: only its owner
//! may read it (mode 0600), and its place is a memory-backed folder. What is wrong with it is said and
//! does no harm: without it a front-end waits for the controller.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::request::MAX_SENT;
use crate::plan::ObjectName;
use crate::source::wire::{Decoded, MAX_BODY, WireError, decode, inflate};

/// Where the copy is.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    file: PathBuf,
}

/// A snapshot that was good once.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) decoded: Decoded,
    /// When it was written.
    pub(super) written: SystemTime,
}

/// Why a copy can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is damaged: {0}")]
    Damaged(#[from] WireError),
    #[error("it is of gateway {0}")]
    OfAnother(ObjectName),
}

impl Copy {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// `None` where there is none yet.
    pub(super) fn read(&self, gateway: &ObjectName) -> Result<Option<Kept>, CopyError> {
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        let mut octets = Vec::new();
        let bound = u64::try_from(MAX_SENT).unwrap_or(u64::MAX);
        (&mut file).take(bound).read_to_end(&mut octets)?;
        let decoded = decode(&inflate(&octets, MAX_BODY)?)?;
        if decoded.gateway != *gateway {
            return Err(CopyError::OfAnother(decoded.gateway));
        }
        Ok(Some(Kept { decoded, written: metadata.modified()? }))
    }

    /// Puts another in its place, at once or not at all.
    pub(super) fn write(&self, octets: &[u8]) -> io::Result<()> {
        let new = self.unfinished();
        // What a process that was killed has left may have another owner or mode.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = Self::create(&new, octets).and_then(|()| fs::rename(&new, &self.file));
        if written.is_err() {
            // It may be the disk that is full: what is not finished is in the way of others.
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn create(new: &Path, octets: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(new)?;
        file.write_all(octets)?;
        file.sync_all()
    }

    /// In the same folder, so that it can take the other's place.
    fn unfinished(&self) -> PathBuf {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        self.file.with_file_name(name)
    }
}

#[cfg(test)]
mod tests;
