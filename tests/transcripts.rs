//! The transcripts of `tests/smtp`, each played whole, octet by octet, and at every cut in two.
//!
//! Not here: sockets and deadlines, which the engine does not know.

use std::path::Path;

mod outside;
mod play;
mod script;
mod words;

use play::{Cut, Telling, play};
use script::Script;

/// So many failures are shown; the rest is counted.
const SHOWN: usize = 12;

fn scripts() -> Vec<Script> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "smtp"));
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts in {}", folder.display());
    paths.iter().map(|path| Script::read(path)).collect()
}

/// Each script with all cuts that `cuts` names: no difference, and questions and lines of the whole run.
fn play_all(cuts: impl Fn(&Script) -> Vec<Cut>) {
    let scripts = scripts();
    let mut failures = Vec::new();
    let mut plays = 0;
    for script in &scripts {
        let whole = play(script, Cut::Whole, Telling::On).ok();
        let different = |cut| match (play(script, cut, Telling::On), &whole) {
            (Err(difference), _) => Some(difference),
            (Ok(cut_up), Some(whole)) if cut_up != *whole => Some(format!(
                "{}, {cut:?}: not as in one piece\n  want {whole:?}\n  have {cut_up:?}\n",
                script.name
            )),
            _ => None,
        };
        let cuts = cuts(script);
        plays += cuts.len();
        // One failure of a file is enough to see what is wrong with it.
        failures.extend(cuts.into_iter().find_map(different));
    }
    println!("{} transcripts, {plays} plays", scripts.len());
    let shown = failures.iter().take(SHOWN).map(String::as_str).collect::<String>();
    assert!(failures.is_empty(), "{} of {} transcripts differ:\n{shown}", failures.len(), scripts.len());
}

#[test]
fn in_one_piece() {
    play_all(|_| vec![Cut::Whole]);
}

#[test]
fn telling_what_is_said_changes_nothing() {
    for script in scripts() {
        play(&script, Cut::Whole, Telling::Off).unwrap();
    }
}

#[test]
fn octet_by_octet() {
    play_all(|_| vec![Cut::Octets]);
}

#[test]
fn at_every_cut_in_two() {
    play_all(|script| script.cuts().into_iter().map(Cut::Before).collect());
}
