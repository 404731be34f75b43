//! The walk of one message, and what only a unit test can see. Transcripts hold the rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Config, Pressure, Session};
use crate::smtp::action::{Action, Answer, Hello, Question};
use crate::smtp::limits::{BareNewlines, Limits};
use crate::smtp::reply;

fn config() -> Arc<Config> {
    let limits = Limits { message_bytes: 1000, recipients: 10, messages: 0, errors: 10 };
    let hostname = "mx.example".into();
    Arc::new(Config {
        hostname,
        limits,
        bare_newlines: BareNewlines::Reject,
        lmtp: false,
        greeting_delay: false,
    })
}

/// Feeds `input`, accepts everything; gives codes of replies and the body.
fn drive(session: &mut Session, input: &'static [u8]) -> (Vec<u16>, Vec<u8>) {
    let (mut codes, mut body) = (Vec::new(), Vec::new());
    session.receive(Bytes::from_static(input));
    while let Some(action) = session.poll() {
        match action {
            Action::Reply { reply, .. } => codes.push(reply.code()),
            Action::Body(octets) => body.extend_from_slice(&octets),
            Action::Ask(Question::Hello(_)) => {
                session.answer(Answer::Capabilities(Hello { starttls: true, ..Hello::default() }));
            }
            Action::Ask(Question::Message) => session.answer(Answer::Delivered(reply::DELIVERED)),
            Action::Ask(_) => session.answer(Answer::Accept),
            _ => {}
        }
    }
    (codes, body)
}

#[test]
fn one_message_walks_through() {
    let mut session = Session::new(config());
    assert_eq!(drive(&mut session, b"").0, [220]);
    assert_eq!(drive(&mut session, b"EHLO c\r\n").0, [250]);
    assert_eq!(drive(&mut session, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n").0, [250, 250, 354]);
    assert!(session.in_data());
    assert_eq!(drive(&mut session, b"x\r\n..y\r\n.\r\nQUIT\r\n"), (vec![250, 221], b"x\r\n.y\r\n".to_vec()));
    assert!(session.is_closed());
}

#[test]
fn starttls_forgets_everything() {
    let mut session = Session::new(config());
    drive(&mut session, b"");
    drive(&mut session, b"EHLO c\r\n");
    drive(&mut session, b"MAIL FROM:<a@b>\r\n");
    assert_eq!(drive(&mut session, b"STARTTLS\r\n").0, [220]);
    session.tls();
    assert_eq!(drive(&mut session, b"RCPT TO:<c@d>\r\n").0, [503]);
}

#[test]
fn tls_before_the_greeting_offers_no_starttls() {
    let mut session = Session::new(config());
    session.tls();
    assert_eq!(drive(&mut session, b"").0, [220]);
    drive(&mut session, b"EHLO c\r\n");
    assert_eq!(drive(&mut session, b"STARTTLS\r\n").0, [503]);
}

#[test]
fn plaintext_behind_starttls_is_never_run() {
    let mut session = Session::new(config());
    drive(&mut session, b"");
    drive(&mut session, b"EHLO c\r\n");
    assert_eq!(drive(&mut session, b"STARTTLS\r\nMAIL FROM:<a@b>\r\n").0, [] as [u16; 0]);
    assert!(session.is_closed());
}

#[test]
fn an_idle_session_is_ended_unasked_and_a_transfer_is_not() {
    let mut session = Session::new(config());
    drive(&mut session, b"");
    drive(&mut session, b"EHLO c\r\n");
    drive(&mut session, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 2\r\nab");
    session.end(reply::SHUTTING_DOWN);
    assert_eq!(drive(&mut session, b"").0, [] as [u16; 0]);
    assert_eq!(drive(&mut session, b"BDAT 0 LAST\r\n").0, [250, 421]);
    assert!(session.is_closed());
}

#[test]
fn patience_follows_state_and_pressure() {
    let mut session = Session::new(config());
    assert_eq!(session.deadline(Pressure::None), Duration::from_secs(300));
    assert_eq!(session.deadline(Pressure::High), Duration::from_secs(10));
    drive(&mut session, b"");
    drive(&mut session, b"EHLO c\r\n");
    drive(&mut session, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    assert_eq!(session.deadline(Pressure::High), Duration::from_secs(30));
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 320, "{}", size_of::<Session>());
}
