//! Every fuzz target over its committed corpus, and over changes of it that a seed makes.
//!
//! `MAILCHUTE_FUZZ_CHANGES` says how many changes of each target's corpus are tried, `MAILCHUTE_FUZZ_SEED`
//! with which seed: the same numbers are the same run. What libFuzzer does longer and better is
//! `tests/fuzz/run`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use mailchute::fuzz::TARGETS;

/// Changes of one corpus in the short form.
const CHANGES: u64 = 2000;
const SEED: u64 = 1;
/// Octets of an input that is made.
const LONGEST: usize = 4096;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |value| value.parse().expect("a number"))
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a target over inputs until one fails: that one, as it can be written in a test.
fn failure(target: &str, body: fn(&[u8]), inputs: impl IntoIterator<Item = Vec<u8>>) -> Option<String> {
    let mut inputs = inputs.into_iter();
    let failed = inputs.find(|input| catch_unwind(AssertUnwindSafe(|| body(input))).is_err());
    failed.map(|input| format!("{target} fails with b\"{}\"\n", input.escape_ascii()))
}

#[test]
fn every_target_holds_over_its_corpus() {
    let failures: String =
        TARGETS.iter().filter_map(|(target, body)| failure(target, *body, corpus(target))).collect();
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_target_holds_over_changes_of_its_corpus() {
    let changes = number("MAILCHUTE_FUZZ_CHANGES", CHANGES);
    let seed = number("MAILCHUTE_FUZZ_SEED", SEED);
    let failures: String = TARGETS
        .iter()
        .filter_map(|(target, body)| {
            let corpus = corpus(target);
            let mut random = StdRng::seed_from_u64(seed);
            failure(target, *body, (0..changes).map(|_| changed(&corpus, &mut random)))
        })
        .collect();
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_target_has_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

/// An input of the corpus with a few changes.
fn changed(corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = corpus.choose(random).unwrap().clone();
    for _ in 0..random.random_range(1..5) {
        change(&mut input, corpus, random);
    }
    input.truncate(LONGEST);
    input
}

/// One change: octets flipped, put in, taken out, doubled, or taken from another input.
fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut StdRng) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(0..16)).min(input.len());
    match random.random_range(0..6) {
        0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
        1 if at < input.len() => input[at] = random.random(),
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = *b"\r\n..\n\r\0 \xff@<>[]()*?:;,=\"\\'{}&-".choose(random).unwrap();
            input.insert(at, piece);
        }
        4 => {
            let doubled = input[at..end].to_vec();
            input.splice(at..at, doubled);
        }
        _ => {
            let other = corpus.choose(random).unwrap();
            let from = random.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}
