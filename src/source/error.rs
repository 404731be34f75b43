//! Why files can't be used: where, what, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::plan::shown;

/// One thing that is wrong with a file. Never holds a value of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SourceError {
    /// The file or folder.
    pub file: PathBuf,
    /// Line and column, from 1, where they are known.
    pub place: Option<(u64, u64)>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl SourceError {
    /// What is quoted of a file may hold anything: a control character is shown, not written.
    pub(super) fn new(file: &Path, place: Option<(u64, u64)>, problem: &str) -> Self {
        Self { file: file.to_owned(), place, problem: shown(problem) }
    }
}

/// `file:line:column: problem`.
impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// All that is wrong with files that can't be used; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unreadable(pub Vec<SourceError>);

/// One thing a line.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}
