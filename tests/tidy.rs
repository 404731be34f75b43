//! What the code promises about itself, held by reading it as text: who imports whom, what pure rooms
//! do without, how long files and functions are, which words stand nowhere, where replies are made.
//!
//! Each rule is a function from a source to its faults, and has a test that shows it finding one.
//! Not here: what the compiler, clippy and rustfmt hold already.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

#[path = "tidy/budget.rs"]
mod budget;
#[path = "tidy/cluster.rs"]
mod cluster;
#[path = "tidy/import.rs"]
mod import;
#[path = "tidy/pure.rs"]
mod pure;
#[path = "tidy/readme.rs"]
mod readme;
#[path = "tidy/reply.rs"]
mod reply;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/word.rs"]
mod word;

use source::Source;

/// A rule broken: where, and how.
type Fault = String;

/// Applies a rule to every Rust file of the tree; a panic lists what it found.
fn hold(rule: impl Fn(&Source) -> Vec<Fault>) {
    let sources = tree::sources();
    assert!(sources.len() > 50, "the tree was not found: {} files", sources.len());
    none(&sources.iter().flat_map(rule).collect::<Vec<_>>());
}

fn none(faults: &[Fault]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    hold(import::check);
}

#[test]
fn every_room_stands_in_the_table() {
    none(&import::missing(tree::sources()));
}

#[test]
fn pure_rooms_have_no_world() {
    hold(pure::check);
}

#[test]
fn a_front_end_has_no_client_of_the_cluster() {
    hold(cluster::check);
}

#[test]
fn files_and_functions_keep_their_budgets() {
    hold(budget::check);
}

#[test]
fn files_begin_by_saying_what_they_are() {
    hold(word::head);
}

#[test]
fn nothing_is_left_over() {
    hold(word::left_over);
}

#[test]
fn no_room_is_a_drawer() {
    hold(word::drawer);
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    none(&tree::texts().iter().flat_map(|(path, text)| word::places(path, text)).collect::<Vec<_>>());
}

#[test]
fn the_readme_is_true() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let [told, metrics] =
        ["README.md", "src/metrics.rs"].map(|path| std::fs::read_to_string(root.join(path)).unwrap());
    none(&readme::families(&told, &metrics));
    none(&readme::links(&told, root));
}

#[test]
fn replies_are_made_in_the_catalogue() {
    hold(reply::literals);
}

#[test]
fn delivered_is_said_at_one_place() {
    let sources = tree::sources();
    none(&sources.iter().flat_map(reply::delivered).collect::<Vec<_>>());
    none(&sources.iter().flat_map(reply::confirmed).collect::<Vec<_>>());
    assert!(
        sources.iter().any(|source| source.path == reply::OUTCOME && source.production.contains("DELIVERED")),
        "{} does not say it, so this rule looks at the wrong place",
        reply::OUTCOME
    );
}
