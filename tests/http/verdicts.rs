//! Verdicts: documents and headers, with any status, right and broken.

use super::{Short, accepted, deliver, delivery, failed, live, one, short};
use crate::support::misbehaving::{Act, Misbehaving, answer};
use mailchute::backend::{Cause, Receipt};

const TYPE: &str = "content-type: application/vnd.mailchute.verdict+json; charset=utf-8";

fn document(status: &str, json: &str) -> Act {
    Act::Answer(answer(status, &[TYPE], json))
}

fn refused(line: &str) -> Short {
    Err((Cause::Verdict, Some(line.to_owned())))
}

async fn outcome(act: Act) -> Short {
    let server = Misbehaving::start([act]).await;
    deliver(&live(server.target()), &one()).await
}

#[tokio::test]
async fn a_document_counts_with_any_status() {
    for status in ["200 OK", "302 Found", "404 No", "413 Large", "429 Slow", "500 Error", "503 Busy"] {
        let no = r#"{"version":1,"reply":{"code":550,"enhancedCode":"5.7.1","text":"Not accepted here"}}"#;
        assert_eq!(outcome(document(status, no)).await, refused("550 5.7.1 Not accepted here"), "{status}");
        let yes = r#"{"version":1,"reply":{"code":250,"text":"Mine"},"queueId":"q1"}"#;
        let receipt =
            Receipt { queue_id: Some("q1".to_owned()), text: Some("Mine".to_owned()), notifies: false };
        assert_eq!(outcome(document(status, yes)).await, Ok(receipt), "{status}");
    }
}

#[tokio::test]
async fn each_recipient_has_its_own_word_then_the_reply_then_the_status() {
    let recipients = ["a@example.org", "b@example.org", "c@example.org"];
    let line = r#"{"address":"b@example.org","action":"reject","code":550,"enhancedCode":"5.1.1","text":"No such user"}"#;
    let no_such_user = || refused("550 5.1.1 No such user");
    for (status, reply, others) in [
        ("200 OK", "", accepted()),
        ("404 No", "", failed(Cause::Misconfigured)),
        ("503 Busy", "", failed(Cause::Busy)),
        ("200 OK", r#""reply":{"code":451,"text":"later"},"#, refused("451 4.0.0 later")),
        ("500 Error", r#""reply":{"code":250},"#, accepted()),
    ] {
        let server = Misbehaving::start([document(
            status,
            &format!(r#"{{"version":1,{reply}"recipients":[{line}]}}"#),
        )])
        .await;
        let outcomes = live(server.target()).deliver(&delivery(&recipients)).await;
        let outcomes: Vec<_> = outcomes.iter().map(short).collect();
        assert_eq!(outcomes, [others.clone(), no_such_user(), others], "{status} {reply}");
    }
}

#[tokio::test]
async fn a_document_that_can_not_be_read_is_a_failure_whatever_its_status() {
    let large = format!(r#"{{"version":1,"queueId":"{}"}}"#, "x".repeat(64 * 1024));
    for json in [
        "",
        "<html>",
        "{}",
        r#"{"version":2}"#,
        r#"{"version":1,"reply":{"code":200}}"#,
        r#"{"version":1,"reply":{"code":500}}"#,
        r#"{"version":1,"recipients":[{"address":"z@example.org","action":"accept"}]}"#,
        r#"{"version":1,"recipients":[{"address":"a@example.org","action":"perhaps"}]}"#,
        r#"{"version":1"#,
        &large,
    ] {
        for status in ["200 OK", "404 No", "550 Odd"] {
            let shown = &json[..json.len().min(80)];
            assert_eq!(outcome(document(status, json)).await, failed(Cause::Failed), "{status} {shown}");
        }
    }
}

#[tokio::test]
async fn a_document_of_64_kib_is_read() {
    let (open, close) = (r#"{"version":1,"reply":{"code":550,"text":"no"},"queueId":""#, r#""}"#);
    let fill = "x".repeat(64 * 1024 - open.len() - close.len());
    assert_eq!(outcome(document("200 OK", &format!("{open}{fill}{close}"))).await, refused("550 5.0.0 no"));
    assert_eq!(outcome(document("200 OK", &format!("{open}x{fill}{close}"))).await, failed(Cause::Failed));
}

#[tokio::test]
async fn half_a_document_is_none() {
    let half = format!("HTTP/1.1 200 OK\r\n{TYPE}\r\ncontent-length: 100\r\n\r\n{{\"version\":1}}");
    assert_eq!(outcome(Act::AnswerAndClose(half.into())).await, failed(Cause::Failed));
}

#[tokio::test]
async fn another_type_is_no_document() {
    let json = r#"{"version":1,"reply":{"code":550,"text":"no"}}"#;
    let other = |status: &str| Act::Answer(answer(status, &["content-type: application/json"], json));
    assert_eq!(outcome(other("200 OK")).await, accepted());
    assert_eq!(outcome(other("404 No")).await, failed(Cause::Misconfigured));
}

#[tokio::test]
async fn a_reply_header_counts_with_any_status() {
    for status in ["200 OK", "204 Empty", "302 Found", "404 No", "503 Busy"] {
        let header = |line: &str| Act::Answer(answer(status, &[&format!("Mailchute-Reply: {line}")], ""));
        let no = header("550 5.7.1 Not accepted here");
        assert_eq!(outcome(no).await, refused("550 5.7.1 Not accepted here"), "{status}");
        let yes = Ok(Receipt { queue_id: None, text: Some("Taken".to_owned()), notifies: false });
        assert_eq!(outcome(header("250 2.0.0 Taken")).await, yes, "{status}");
        for broken in ["nonsense", "", "200 2.0.0 Ok", "599 5.0.0 no", "55"] {
            assert_eq!(outcome(header(broken)).await, failed(Cause::Failed), "{status} {broken}");
        }
    }
}

#[tokio::test]
async fn the_document_wins_over_the_header() {
    let header = "mailchute-reply: 550 5.7.1 from the header";
    let with = |json: &str| Act::Answer(answer("200 OK", &[TYPE, header], json));
    let json = r#"{"version":1,"reply":{"code":554,"text":"from the document"}}"#;
    assert_eq!(outcome(with(json)).await, refused("554 5.0.0 from the document"));
    assert_eq!(outcome(with(r#"{"version":1}"#)).await, accepted());
    assert_eq!(outcome(with("{")).await, failed(Cause::Failed));
}

#[tokio::test]
async fn text_of_a_client_without_smtputf8_is_ascii() {
    let json = r#"{"version":1,"reply":{"code":550,"text":"Käse\r\n250 ok"}}"#;
    assert_eq!(outcome(document("200 OK", json)).await, refused("550 5.0.0 K?se250 ok"));
    let server = Misbehaving::start([document("200 OK", json)]).await;
    let mut utf8 = one();
    utf8.envelope.smtputf8 = true;
    assert_eq!(deliver(&live(server.target()), &utf8).await, refused("550 5.0.0 Käse250 ok"));
}
