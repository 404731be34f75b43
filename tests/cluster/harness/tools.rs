//! The programs that `tests/tools/build` has built. It is not run from here: it may take minutes, and says
//! so where it is run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder that has all of them.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let build = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/build");
        let output = Command::new(build).arg("where").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
    })
}

/// Where one of them is.
pub(crate) fn path(name: &str) -> PathBuf {
    folder().join(name)
}

/// The search path that begins with them.
pub(crate) fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{}:{own}:/usr/sbin:/sbin", folder().display())
}

/// What a command has printed, that is hoped to succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let (succeeded, text) = outcome(command);
    assert!(succeeded, "{command:?} failed:\n{text}");
    text
}

/// Whether a command has succeeded; and what it printed on its output then, else on both.
pub(crate) fn outcome(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut text = output.stdout;
    if !output.status.success() {
        text.extend_from_slice(&output.stderr);
    }
    (output.status.success(), String::from_utf8(text).unwrap())
}
