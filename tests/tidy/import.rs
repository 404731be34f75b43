//! Who may import whom. The table is the law; when the code teaches better, change both.

use super::source::{line_of, words};
use super::{Fault, Source};

/// What a room may import of ours, beside itself: a room, or one module of a room.
const TABLE: &[(&str, &[&str])] = &[
    ("mail", &[]),
    ("smtp", &["mail"]),
    ("route", &["mail"]),
    ("stamp", &["mail"]),
    ("sasl", &[]),
    ("policy", &["mail", "smtp::reply", "route"]),
    ("plan", &["mail", "smtp::reply", "smtp::limits", "route", "sasl", "policy", "stamp"]),
    ("api", &[]),
    ("compile", &["api", "plan", "mail", "smtp::reply", "smtp::limits", "route", "sasl", "policy", "stamp"]),
    ("status", &["api", "compile", "plan"]),
    ("metrics", &["smtp", "backend"]),
    ("telemetry", &["backend", "mail", "plan"]),
    ("client", &["mail", "smtp::reply", "plan", "metrics", "telemetry"]),
    ("backend", &["mail", "smtp::reply", "policy", "stamp", "plan", "client", "metrics", "telemetry"]),
    ("lookup", &["mail", "policy", "plan", "client", "metrics", "telemetry"]),
    (
        "pipeline",
        &[
            "mail",
            "smtp",
            "route",
            "sasl",
            "policy",
            "stamp",
            "plan",
            "backend",
            "lookup",
            "metrics",
            "telemetry",
        ],
    ),
    ("server", &["mail", "smtp", "policy", "plan", "pipeline", "metrics", "telemetry"]),
    ("source", &["api", "client", "compile", "plan", "metrics", "telemetry"]),
    ("controller", &["api", "compile", "plan", "status", "source", "metrics", "telemetry"]),
    // Looks at others from outside, in tests only.
    (
        "fuzz",
        &[
            "api", "backend", "compile", "inbox", "mail", "pipeline", "plan", "route", "server", "smtp",
            "source", "stamp",
        ],
    ),
    ("export", &["client", "metrics", "plan", "telemetry"]),
    ("admin", &["mail", "plan", "pipeline", "metrics", "telemetry"]),
    // The page of the dev command is served as the admin port is.
    ("inbox", &["admin", "mail", "pipeline", "metrics", "telemetry"]),
];

/// These put everything together, so they may import all.
const FREE: &[&str] = &["lib", "main", "cli", "commands"];

/// What a room's root exports of a module that others may import.
const EXPORTS: &[(&str, &str)] = &[
    ("smtp::Reply", "smtp::reply"),
    ("smtp::Limits", "smtp::limits"),
    ("smtp::BareNewlines", "smtp::limits"),
];

/// Imports that the table does not allow.
pub(super) fn check(source: &Source) -> Vec<Fault> {
    let Some(room) = room(&source.path) else { return Vec::new() };
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == room) else { return Vec::new() };
    let ours = |path: &str| path == room || is_within(path, room);
    let may = |path: &str| ours(path) || allowed.iter().any(|module| is_within(&resolved(path), module));
    let imports = imports(source).into_iter().filter(|(_, path)| !path.is_empty() && !may(path));
    imports.map(|(line, path)| format!("{}:{line}: {room} may not import {path}", source.path)).collect()
}

/// Rooms that nobody put in the table.
pub(super) fn missing(sources: &[Source]) -> Vec<Fault> {
    let known = |room: &str| FREE.contains(&room) || TABLE.iter().any(|(name, _)| *name == room);
    let mut rooms: Vec<&str> = sources.iter().filter_map(|source| room(&source.path)).collect();
    rooms.sort_unstable();
    rooms.dedup();
    rooms
        .into_iter()
        .filter(|room| !known(room))
        .map(|room| format!("src/{room} is not in the table"))
        .collect()
}

/// The folder or file under `src`.
fn room(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split(['/', '.']).next()
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn resolved(path: &str) -> String {
    let export = EXPORTS.iter().find(|(name, _)| is_within(path, name));
    export.map_or(path, |(_, module)| module).to_owned()
}

/// Line and path of all that is named from the crate's root.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code = &source.production;
    let rooted = words(code, "crate").map(|at| (at, at + "crate".len()));
    let climbed =
        words(code, "super").filter_map(|at| climb(code, at, depth(&source.path)).map(|end| (at, end)));
    let mut found = Vec::new();
    for (at, end) in rooted.chain(climbed) {
        if let Some(rest) = code[end..].strip_prefix("::") {
            let mut paths = Vec::new();
            tree(rest, "", &mut paths);
            found.extend(paths.into_iter().map(|path| (line_of(code, at), path)));
        }
    }
    found
}

/// How many modules deep a file is: so many `super` lead to the crate's root.
fn depth(path: &str) -> usize {
    path.strip_prefix("src/").map_or(0, |rest| rest.trim_end_matches("/mod.rs").split('/').count())
}

/// Where the last `super` of a chain ends that leads to the crate's root.
fn climb(code: &str, at: usize, depth: usize) -> Option<usize> {
    if code[..at].ends_with("super::") {
        return None;
    }
    let rest = &code[at..];
    let chain = rest.len() - rest.trim_start_matches("super::").len();
    (chain / "super::".len() >= depth).then(|| at + chain - "::".len())
}

/// Reads a use tree: adds its paths below `prefix` and gives what is behind it.
fn tree<'a>(text: &'a str, prefix: &str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = tree(rest, prefix, paths).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(more),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = if text.starts_with('*') { text.split_at(1) } else { text.split_at(end) };
    let path = match name {
        "self" | "*" => prefix.to_owned(),
        _ if prefix.is_empty() => name.to_owned(),
        _ => format!("{prefix}::{name}"),
    };
    if let Some(below) = rest.strip_prefix("::") {
        return tree(below, &path, paths);
    }
    paths.push(path);
    match rest.trim_start().strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn an_import_outside_the_table_is_found() {
        assert_eq!(faults("src/mail/body.rs", "use crate::smtp::Session;"), 1);
        assert_eq!(faults("src/mail/body.rs", "fn a() -> crate::plan::Plan {}"), 1);
        assert_eq!(faults("src/policy/mod.rs", "use crate::smtp::{Session, reply::{self, Reply}};"), 1);
        assert_eq!(faults("src/route/mod.rs", "use crate::{mail::Mailbox, smtp as s, plan};"), 2);
        assert_eq!(faults("src/route/table.rs", "use super::super::smtp::Session;"), 1);
        assert_eq!(faults("src/route/mod.rs", "use super::{smtp::Session, mail};"), 1);
    }

    #[test]
    fn an_import_of_the_table_is_none() {
        assert_eq!(faults("src/policy/mod.rs", "use crate::smtp::{Reply, reply};\nuse crate::mail;"), 0);
        assert_eq!(
            faults("src/route/table.rs", "use super::pattern::{A, B};\nuse super::super::mail::Mailbox;"),
            0
        );
        assert_eq!(faults("src/mail/body.rs", "// crate::smtp\nuse crate::mail::{self, *};"), 0);
        assert_eq!(faults("src/mail/body.rs", "#[cfg(test)]\nmod tests { use crate::smtp; }"), 0);
        assert_eq!(faults("src/commands/dev.rs", "use crate::server;"), 0);
    }

    #[test]
    fn a_room_without_a_row_is_found() {
        let sources = ["src/mail/mod.rs", "src/shed/mod.rs", "src/main.rs"].map(|path| Source::new(path, ""));
        assert_eq!(missing(&sources), ["src/shed is not in the table"]);
    }
}
