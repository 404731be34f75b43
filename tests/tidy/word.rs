//! What every file says first, and what none says.

use super::source::{line_of, words};
use super::{Fault, Source};

/// Marks of work that was not finished. Split, so that this file does not hold them.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Names that say nothing of what is inside.
const DRAWERS: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "misc"];
/// Folders of one machine.
const FOLDERS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
/// Where packages come from is for each machine to say.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("docker", ".io"),
    concat!("ghcr", ".io"),
    concat!("quay", ".io"),
    concat!("gcr", ".io"),
    concat!("registry.k8s", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];
/// How cargo names its registry in a lock file: an identity, not an address.
const LOCK_SOURCE: &str = "source = \"registry+";

/// A file that does not begin by saying what it is.
pub(super) fn head(source: &Source) -> Vec<Fault> {
    let says = source.text.strip_prefix("//! ").is_some_and(|rest| !rest.trim_start().is_empty());
    if says { Vec::new() } else { vec![format!("{}:1: does not begin with `//! `", source.path)] }
}

/// Marks of unfinished work, debugging, code in comments.
pub(super) fn left_over(source: &Source) -> Vec<Fault> {
    let text = &source.text;
    let marks = MARKS.iter().flat_map(|mark| words(text, mark).map(move |at| (line_of(text, at), *mark)));
    let macros = ["dbg!", "todo!", "unimplemented!"]
        .iter()
        .flat_map(|name| source.code.match_indices(name).map(|(at, name)| (line_of(&source.code, at), name)));
    let comments = source.comments.iter().filter(|(_, comment)| is_code(comment));
    let comments = comments.map(|(line, _)| (*line, "code in a comment"));
    marks
        .chain(macros)
        .chain(comments)
        .map(|(line, what)| format!("{}:{line}: {what}", source.path))
        .collect()
}

/// Modules that are named for no noun.
pub(super) fn drawer(source: &Source) -> Vec<Fault> {
    let mut segments = source.path.split(['/', '.']);
    let file = segments.any(|segment| DRAWERS.contains(&segment));
    let mut faults: Vec<Fault> = file.then(|| format!("{}: a drawer", source.path)).into_iter().collect();
    for at in words(&source.code, "mod") {
        let name: String = source.code[at + 3..]
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if DRAWERS.contains(&name.as_str()) {
            faults.push(format!("{}:{}: mod {name} is a drawer", source.path, line_of(&source.code, at)));
        }
    }
    faults
}

/// Places that only one machine has, and hosts that packages come from.
pub(super) fn places(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if path.ends_with("Cargo.lock") && line.starts_with(LOCK_SOURCE) {
            continue;
        }
        let folder = FOLDERS.iter().find(|folder| {
            // Behind a host name it is the path of an address.
            line.match_indices(**folder)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '}'))
        });
        let registry = REGISTRIES.iter().find(|registry| line.contains(**registry));
        if let Some(what) = folder.or(registry) {
            faults.push(format!("{path}:{}: {what}", number + 1));
        }
    }
    faults
}

/// Prose does not end like a statement. Examples in documentation may.
fn is_code(comment: &str) -> bool {
    if comment.starts_with("///") || comment.starts_with("//!") {
        return false;
    }
    let text = comment.trim_start_matches(['/', '*']).trim_end_matches(['/', '*']).trim();
    let begins = ["let ", "use ", "return ", "fn ", "pub ", "if ", "for ", "match ", "#["];
    let of_code = begins.iter().any(|word| text.starts_with(word)) || text.contains(['(', '=', '{']);
    matches!(text, "}" | "};" | "})" | "});") || (of_code && text.ends_with([';', '{', '}']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("src/a.rs", text)
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        assert_eq!(head(&source("use a;\n")).len(), 1);
        assert_eq!(head(&source("//! \nuse a;\n")).len(), 0, "what it says may begin on the next line");
        assert_eq!(head(&source("//! A.\n")).len(), 0);
    }

    #[test]
    fn left_overs_are_found() {
        for mark in MARKS {
            assert_eq!(left_over(&source(&format!("// {mark}: later\n"))).len(), 1);
        }
        assert_eq!(left_over(&source("fn a() { dbg!(1); }")).len(), 1);
        assert_eq!(left_over(&source("// let a = 1;\n// if a {\n// }\n")).len(), 3);
        assert_eq!(
            left_over(&source("// Waits (a while); then goes on.\n/// ```\n/// a();\nfn a() {}")).len(),
            0
        );
    }

    #[test]
    fn drawers_are_found() {
        assert_eq!(drawer(&source("pub(crate) mod helpers;\nmod mail;")).len(), 1);
        assert_eq!(drawer(&Source::new("src/utils/a.rs", "")).len(), 1);
        assert_eq!(drawer(&source("mod mail;")).len(), 0);
    }

    #[test]
    fn machines_and_registries_are_found() {
        for folder in FOLDERS {
            assert_eq!(places("README.md", &format!("cd {folder}x")).len(), 1);
        }
        for registry in REGISTRIES {
            assert_eq!(places("README.md", &format!("see https://{registry}/x")).len(), 1);
        }
        let lock = format!("{LOCK_SOURCE}https://example.org/{}-index\"", REGISTRIES[0]);
        assert_eq!((places("Cargo.lock", &lock).len(), places("README.md", &lock).len()), (0, 1));
        assert_eq!(places("README.md", &format!("see https://example.net{}page", FOLDERS[0])).len(), 0);
    }
}
