//! There are so many sessions and no more; who is too much is told why, and places are given back.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::{until, until_true};

/// The third of three sessions is refused with these codes; once one has gone there is a place again.
fn two_are_served(front_end: &FrontEnd, enhanced: &str) {
    let [first, _second] = [0; 2].map(|_| Client::greeted(front_end.smtp));
    let mut third = Client::connect(front_end.smtp).unwrap();
    let reply = third.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some(enhanced)));
    assert_eq!(third.rest(), "");
    drop(first);
    until_true("a place is given back", || {
        Client::connect(front_end.smtp).is_ok_and(|mut client| client.reply().code == 220)
    });
}

fn with_listener(fields: &str) -> FrontEnd {
    let (backend, port) = (Recorder::start(), free_port());
    FrontEnd::start(port, &Manifests::default().listener("mx", port, fields).all_to(backend.address), &[])
}

#[test]
fn more_than_all_may_be_is_421() {
    let backend = Recorder::start();
    two_are_served(&FrontEnd::to_with(backend.address, &["--max-sessions", "2"]), "4.3.2");
}

#[test]
fn more_than_the_listener_takes_is_421() {
    two_are_served(&with_listener("limits: {sessions: 2}"), "4.3.2");
}

#[test]
fn more_than_one_client_may_have_is_421() {
    two_are_served(&with_listener("connection: {perClient: {sessions: 2}}"), "4.7.0");
}

#[test]
fn a_command_that_comes_octet_by_octet_is_too_slow() {
    let backend = Recorder::start();
    // One session of one is more than 80 %: patience is 10 s.
    let front_end = FrontEnd::to_with(backend.address, &["--max-sessions", "1"]);
    let mut client = Client::greeted(front_end.smtp);
    until("the server gives up", || {
        let written = client.write(b"x");
        (written.is_err() || front_end.metric(&["violations_total", r#"kind="too_slow""#]) > 0.0)
            .then_some(())
    });
    let reply = client.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.4.2")));
    front_end.wait_for_metric(&["mailchute_smtp_sessions_total", r#"outcome="timed_out""#], 1.0);
}

#[test]
fn an_idle_session_loses_patience_when_pressure_comes() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to_with(backend.address, &["--max-sessions", "2"]);
    // One of two sessions is no pressure: it may be idle for five minutes.
    let mut first = Client::greeted(front_end.smtp);
    let _second = Client::greeted(front_end.smtp);
    let reply = first.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.4.2")));
}
