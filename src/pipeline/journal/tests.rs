//! What is kept of a session, and for which of its transactions.

use super::*;
use crate::smtp::reply;

fn heard(journal: &mut Journal, text: &str, part: Part) {
    journal.heard(Heard { text: text.to_owned().into(), part });
}

fn texts(journal: &Journal) -> Vec<String> {
    journal.transcript().iter().map(|line| line.text.to_string()).collect()
}

#[test]
fn a_transaction_has_the_beginning_and_none_of_the_others() {
    let mut journal = Journal::default();
    journal.said(&reply::greeting("mx ESMTP".to_owned()));
    heard(&mut journal, "EHLO c", Part::Session);
    journal.said(&reply::hello("mx\nPIPELINING".to_owned()));
    for (sender, then) in [("one", "RSET"), ("two", "QUIT")] {
        heard(&mut journal, sender, Part::Beginning);
        journal.said(&reply::SENDER_OK);
        journal.noted("it goes on");
        let beginning = ["220 mx ESMTP", "EHLO c", "250-mx\n250 PIPELINING"];
        let told = texts(&journal);
        assert_eq!(told[..3], beginning);
        assert_eq!(told[told.len() - 3..], [sender, "250 2.1.0 Sender ok", "it goes on"]);
        assert!(!told.contains(&"one".to_owned()) || sender == "one");
        heard(&mut journal, then, Part::Session);
    }
    let at: Vec<_> = journal.transcript().iter().map(|line| line.at).collect();
    assert!(at.is_sorted());
}

#[test]
fn a_challenge_is_withheld() {
    let mut journal = Journal::default();
    journal.said(&reply::challenge("cj1hYmM=".to_owned()));
    assert_eq!(texts(&journal), ["334 (withheld)"]);
}

#[test]
fn a_session_without_end_is_cut() {
    let mut journal = Journal::default();
    for _ in 0..MAX_LINES + 10 {
        heard(&mut journal, "NOOP", Part::Session);
    }
    assert_eq!(journal.transcript().len(), MAX_LINES);
    heard(&mut journal, "MAIL", Part::Beginning);
    for _ in 0..200 {
        heard(&mut journal, &"x".repeat(1000), Part::Transaction);
    }
    let told = texts(&journal);
    assert_eq!(told.iter().filter(|text| *text == MORE).count(), 2);
    let octets: usize = told.iter().map(String::len).sum();
    assert!(octets < 2 * MAX_OCTETS, "{octets}");
}
