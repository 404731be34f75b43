//! What answers mean, without a connection: rows that a server can't be made to send at will.

use super::*;
use crate::mail::{BodyType, ForwardPath, Mailbox, Recipient, ReversePath};

fn envelope() -> Envelope {
    let mailbox = Mailbox::parse(b"a@example.org", false).unwrap();
    let recipient = Recipient {
        original: ForwardPath::Mailbox(mailbox.clone()),
        rewritten: mailbox,
        dsn: Default::default(),
    };
    let body_type = BodyType::default();
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: vec![recipient],
        body_type,
        smtputf8: false,
        dsn: Default::default(),
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str, end: End) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    let headers =
        headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
    Answer { status, headers: headers.collect(), body: body.into(), end }
}

fn meaning(answer: &Answer) -> Meaning {
    answer.meaning(&envelope(), &BTreeMap::new(), SystemTime::UNIX_EPOCH)
}

fn cause(answer: &Answer) -> Cause {
    meaning(answer).outcomes[0].clone().unwrap_err().cause
}

fn down(retry_after: Option<u64>) -> Health {
    Health::Down { retry_after: retry_after.map(Duration::from_secs) }
}

#[test]
fn every_status_there_can_be() {
    for status in 100..=999 {
        let meaning = meaning(&answer(status, &[], "", End::Framed));
        let cause = meaning.outcomes[0].as_ref().map_err(|failure| failure.cause);
        let (expected, health) = match status {
            200..300 => (Ok(&Receipt::default()), Health::Alive),
            429 => (Err(Cause::Busy), Health::Alive),
            300..500 => (Err(Cause::Misconfigured), Health::Alive),
            503 => (Err(Cause::Busy), down(None)),
            500..600 => (Err(Cause::Failed), down(None)),
            _ => (Err(Cause::Failed), Health::Alive),
        };
        assert_eq!((cause, meaning.health), (expected, health), "{status}");
        assert_eq!(meaning.again, matches!(status, 502 | 503), "{status}");
    }
}

#[test]
fn a_success_counts_only_when_complete() {
    let broken = || End::Broken("reset".to_owned());
    for (end, cause) in [(broken(), Cause::Reset), (End::TooLate, Cause::Timeout)] {
        for headers in [&[][..], &[(REPLY_HEADER, "250 2.0.0 ok")], &[(REPLY_HEADER, "550 5.7.1 no")]] {
            let meaning = meaning(&answer(200, headers, "", end.clone()));
            assert_eq!(meaning.outcomes[0].clone().unwrap_err().cause, cause, "{end:?} {headers:?}");
            assert_eq!(meaning.health, down(None));
        }
    }
    assert!(meaning(&answer(200, &[], "", End::Enough)).outcomes[0].is_ok());
    assert_eq!(cause(&answer(500, &[(REPLY_HEADER, "250 ok")], "", broken())), Cause::Reset);
    assert_eq!(cause(&answer(500, &[(REPLY_HEADER, "550 no")], "", broken())), Cause::Verdict);
    assert_eq!(cause(&answer(503, &[], "", broken())), Cause::Busy);
    assert_eq!(cause(&answer(404, &[], "", End::TooLate)), Cause::Misconfigured);
}

#[test]
fn a_broken_verdict_is_no_sign_against_a_backend_that_answers_otherwise_well() {
    let document = ("content-type", verdict::CONTENT_TYPE);
    for (status, health) in [(200, Health::Alive), (404, Health::Alive), (500, down(None)), (503, down(None))]
    {
        for headers in [&[document][..], &[(REPLY_HEADER, "nonsense")]] {
            let meaning = meaning(&answer(status, headers, "{", End::Framed));
            assert_eq!(meaning.outcomes[0].clone().unwrap_err().cause, Cause::Failed);
            assert_eq!((meaning.health, meaning.again), (health, false), "{status}");
        }
    }
    let late = meaning(&answer(200, &[document], "{\"version\":1}", End::TooLate));
    assert_eq!(late.outcomes[0].clone().unwrap_err().cause, Cause::Timeout);
    assert_eq!(late.health, down(None));
    let broken = answer(200, &[document], "{\"version\":1}", End::Broken(String::new()));
    assert_eq!(cause(&broken), Cause::Failed);
}

#[test]
fn two_reply_headers_are_malformed() {
    let twice = [(REPLY_HEADER, "550 5.7.1 no"), (REPLY_HEADER, "550 5.7.1 no")];
    let mut answer = answer(200, &twice[..1], "", End::Framed);
    answer.headers.append(REPLY_HEADER, twice[1].1.parse().unwrap());
    assert_eq!(cause(&answer), Cause::Failed);
}

#[test]
fn responses_map_what_is_no_success_and_can_not_confirm() {
    let map = |code: u16, text: &str| Reply::from_parts(code, None, text.to_owned()).unwrap();
    let responses = BTreeMap::from([
        (406, map(550, "not wanted")),
        (404, map(250, "dropped")),
        (200, map(550, "never")),
        (503, map(421, "later")),
    ]);
    let meaning = |status| {
        let meaning =
            answer(status, &[], "", End::Framed).meaning(&envelope(), &responses, SystemTime::UNIX_EPOCH);
        meaning.outcomes[0].clone().map_err(|failure| (failure.cause, failure.reply))
    };
    assert_eq!(meaning(406), Err((Cause::Misconfigured, Some(map(550, "not wanted")))));
    assert_eq!(meaning(503), Err((Cause::Busy, Some(map(421, "later")))));
    assert_eq!(meaning(404), Err((Cause::Misconfigured, None)));
    assert_eq!(meaning(200), Ok(Receipt::default()));
    assert_eq!(meaning(405), Err((Cause::Misconfigured, None)));
}

#[test]
fn retry_after_in_seconds_and_as_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
    for (value, seconds) in [
        ("120", Some(120)),
        ("0", Some(0)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
        ("Sun, 06 Nov 1994 08:47:37 GMT", None),
        ("-1", None),
        ("soon", None),
    ] {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
    }
    let busy = answer(503, &[("retry-after", "7")], "", End::Framed);
    assert_eq!(meaning(&busy).health, down(Some(7)));
}
