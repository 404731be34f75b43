//! The files of the project: everything below its folder but what git and cargo keep there.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::Source;

/// Every Rust file, read once.
pub(super) fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let rust = texts().into_iter().filter(|(path, _)| path.ends_with(".rs"));
        rust.map(|(path, text)| Source::new(&path, &text)).collect()
    });
    &SOURCES
}

/// Path and contents of every file that is text, in order.
pub(super) fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(root, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = String::from_utf8(std::fs::read(&path).unwrap()).ok()?;
        Some((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text))
    };
    files.into_iter().filter_map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name == ".git" || name == "target" || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
