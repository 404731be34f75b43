//! Verdicts: each form that is understood, each form that is not.

use super::*;
use crate::mail::{BodyType, ForwardPath, Recipient, ReversePath};

fn envelope(addresses: &[&str], smtputf8: bool) -> Envelope {
    let recipient = |address: &&str| {
        let mailbox = Mailbox::parse(address.as_bytes(), true).unwrap();
        Recipient {
            original: ForwardPath::Mailbox(mailbox.clone()),
            rewritten: mailbox,
            dsn: Default::default(),
        }
    };
    Envelope {
        reverse_path: ReversePath::Null,
        recipients: addresses.iter().map(recipient).collect(),
        body_type: BodyType::default(),
        smtputf8,
        dsn: Default::default(),
    }
}

fn two() -> Envelope {
    envelope(&["a@example.org", "b@example.org"], false)
}

fn read(json: &str) -> Result<Verdict, Unreadable> {
    document(json.as_bytes(), &two())
}

fn refuse(line: &str) -> Option<Word> {
    let (code, rest) = line.split_once(' ').unwrap();
    let (codes, text) = rest.split_once(' ').unwrap();
    Some(Word::Refuse(
        Reply::from_parts(code.parse().unwrap(), enhanced(codes).map(|(_, e)| e), text).unwrap(),
    ))
}

fn accept(queue_id: Option<&str>, text: Option<&str>) -> Option<Word> {
    Some(Word::Accept(Receipt { queue_id: queue_id.map(str::to_owned), text: text.map(str::to_owned) }))
}

#[test]
fn the_document_of_the_design() {
    let verdict = read(
        r#"{"version":1,
 "reply":{"code":550,"enhancedCode":"5.7.1","text":"Not accepted here"},
 "recipients":[{"address":"a@example.org","action":"accept"},
               {"address":"b@example.org","action":"reject","code":550,"enhancedCode":"5.1.1","text":"No such user"}],
 "queueId":"shop-123"}"#,
    )
    .unwrap();
    assert_eq!(verdict.words, [accept(Some("shop-123"), None), refuse("550 5.1.1 No such user")]);
    assert_eq!(verdict.queue_id.as_deref(), Some("shop-123"));
}

#[test]
fn a_recipient_left_out_takes_the_reply_else_nothing_is_said_of_it() {
    let line = r#""recipients":[{"address":"b@example.org","action":"reject","code":452,"enhancedCode":"4.2.2","text":"Full"}]"#;
    let with = read(&format!(r#"{{"version":1,"reply":{{"code":250,"text":"Mine"}},{line}}}"#)).unwrap();
    assert_eq!(with.words, [accept(None, Some("Mine")), refuse("452 4.2.2 Full")]);
    let without = read(&format!(r#"{{"version":1,{line}}}"#)).unwrap();
    assert_eq!(without.words, [None, refuse("452 4.2.2 Full")]);
    assert_eq!(read(r#"{"version":1}"#).unwrap().words, [None, None]);
}

#[test]
fn what_is_no_utf8_is_no_document() {
    let octets = b"{\"version\":1,\"note\":\"b\xfccher\"}";
    assert!(matches!(document(octets, &two()), Err(Unreadable::Json(_))));
}

#[test]
fn every_broken_form_is_refused() {
    let line = |line: &str| format!(r#"{{"version":1,"recipients":[{line}]}}"#);
    for (json, error) in [
        (r#"{"version":2,"reply":{"code":550}}"#.to_owned(), Unreadable::Version),
        (r#"{"version":1,"reply":{"code":200}}"#.to_owned(), Unreadable::Code(200)),
        (r#"{"version":1,"reply":{"code":354}}"#.to_owned(), Unreadable::Code(354)),
        (r#"{"version":1,"reply":{"code":500}}"#.to_owned(), Unreadable::Code(500)),
        (line(r#"{"address":"c@example.org","action":"accept"}"#), Unreadable::Address),
        (line(r#"{"address":"a","action":"accept"}"#), Unreadable::Address),
        (line(r#"{"address":"","action":"accept"}"#), Unreadable::Address),
        (line(r#"{"address":"a@example.org","action":"maybe"}"#), Unreadable::Action),
        (line(r#"{"address":"a@example.org","action":"reject"}"#), Unreadable::Action),
        (line(r#"{"address":"a@example.org","action":"accept","code":550}"#), Unreadable::Contradiction),
        (line(r#"{"address":"a@example.org","action":"reject","code":250}"#), Unreadable::Contradiction),
        (line(r#"{"address":"a@example.org","action":"reject","code":600}"#), Unreadable::Code(600)),
        (
            line(
                r#"{"address":"a@example.org","action":"accept"},{"address":"a@example.org","action":"reject","code":550}"#,
            ),
            Unreadable::Twice,
        ),
    ] {
        assert_eq!(read(&json), Err(error), "{json}");
    }
}

#[test]
fn what_is_no_json_of_a_verdict_is_refused() {
    for json in [
        "",
        "null",
        "[]",
        "<html>",
        "{}",
        r#"{"reply":{"code":550}}"#,
        r#"{"version":"1"}"#,
        r#"{"version":1.5}"#,
        r#"{"version":1,"reply":550}"#,
        r#"{"version":1,"reply":{}}"#,
        r#"{"version":1,"reply":{"code":"550"}}"#,
        r#"{"version":1,"reply":{"code":-550}}"#,
        r#"{"version":1,"recipients":{}}"#,
        r#"{"version":1,"recipients":[{"action":"accept"}]}"#,
        r#"{"version":1,"recipients":[{"address":"a@example.org"}]}"#,
        r#"{"version":1,"queueId":7}"#,
        r#"{"version":1,"version":1}"#,
        r#"{"version":1} trailing"#,
        r#"{"version":1"#,
    ] {
        assert!(matches!(read(json), Err(Unreadable::Json(_))), "{json}: {:?}", read(json));
    }
    assert!(matches!(document(b"{\"version\":1,\"queueId\":\"\xff\"}", &two()), Err(Unreadable::Json(_))));
}

#[test]
fn enhanced_codes_must_agree() {
    for (code, written, shown) in [
        (550, r#""5.7.1""#, "550 5.7.1 x"),
        (550, r#""4.7.1""#, "550 5.0.0 x"),
        (451, r#""5.7.1""#, "451 4.0.0 x"),
        (550, r#""2.0.0""#, "550 5.0.0 x"),
        (550, r#""5.7""#, "550 5.0.0 x"),
        (550, r#""5.7.1.1""#, "550 5.0.0 x"),
        (550, r#""5.7.1000""#, "550 5.0.0 x"),
        (550, r#""5.7.+1""#, "550 5.0.0 x"),
        (550, r#""nonsense""#, "550 5.0.0 x"),
        (550, "null", "550 5.0.0 x"),
    ] {
        let json =
            format!(r#"{{"version":1,"reply":{{"code":{code},"enhancedCode":{written},"text":"x"}}}}"#);
        let words = read(&json).unwrap().words;
        let Some(Word::Refuse(reply)) = &words[0] else { panic!("{json}: {words:?}") };
        assert_eq!(reply.to_string(), shown, "{json}");
    }
}

#[test]
fn every_code_that_is_allowed_comes_out_as_it_is() {
    for code in [421, 450, 451, 452, 550, 551, 552, 553, 554] {
        let words = read(&format!(r#"{{"version":1,"reply":{{"code":{code},"text":"x"}}}}"#)).unwrap().words;
        let class = code / 100;
        assert_eq!(
            words,
            [refuse(&format!("{code} {class}.0.0 x")), refuse(&format!("{code} {class}.0.0 x"))]
        );
    }
    let words = read(r#"{"version":1,"reply":{"code":250}}"#).unwrap().words;
    assert_eq!(words, [accept(None, None), accept(None, None)]);
}

#[test]
fn text_is_made_fit_for_a_reply_line() {
    let json =
        r#"{"version":1,"reply":{"code":550,"text":"a\r\n250 ok\u0000\u0085 é日"},"queueId":"q\r\n1é"}"#;
    let plain = document(json.as_bytes(), &envelope(&["a@example.org"], false)).unwrap();
    assert_eq!(plain.words, [refuse("550 5.0.0 a250 ok ??")]);
    assert_eq!(plain.queue_id.as_deref(), Some("q1?"));
    let utf8 = document(json.as_bytes(), &envelope(&["a@example.org"], true)).unwrap();
    assert_eq!(utf8.words, [refuse("550 5.0.0 a250 ok é日")]);
    let long = format!(r#"{{"version":1,"reply":{{"code":550,"text":"{}"}}}}"#, "é".repeat(2000));
    let cut = document(long.as_bytes(), &envelope(&["a@example.org"], true)).unwrap();
    let Some(Word::Refuse(reply)) = &cut.words[0] else { panic!("{cut:?}") };
    assert_eq!(reply.text(), "é".repeat(MAX_LINE / 2));
}

#[test]
fn addresses_are_matched_as_told_and_else_as_compared() {
    let pair = envelope(&["Support@Example.ORG", "support@example.org"], false);
    let json = r#"{"version":1,"recipients":[{"address":"support@example.org","action":"reject","code":550,"text":"x"}]}"#;
    assert_eq!(document(json.as_bytes(), &pair).unwrap().words, [None, refuse("550 5.0.0 x")]);
    let json = r#"{"version":1,"recipients":[{"address":"SUPPORT@example.org","action":"reject","code":550,"text":"x"}]}"#;
    let both = document(json.as_bytes(), &pair).unwrap().words;
    assert_eq!(both, [refuse("550 5.0.0 x"), refuse("550 5.0.0 x")]);
}

#[test]
fn the_header() {
    let envelope = two();
    for (value, word) in [
        ("550 5.7.1 Not accepted here", refuse("550 5.7.1 Not accepted here")),
        ("  451 4.7.1 Later ", refuse("451 4.7.1 Later")),
        ("550 4.7.1 Wrong class", refuse("550 5.0.0 Wrong class")),
        ("550 No enhanced code", refuse("550 5.0.0 No enhanced code")),
        ("550 5.7.1", refuse("550 5.7.1 Not accepted")),
        ("552", refuse("552 5.0.0 Not accepted")),
        ("250 2.0.0 Got it", accept(None, Some("Got it"))),
        ("250", accept(None, None)),
        ("550 5.7.1 caf\u{e9}", refuse("550 5.7.1 caf?")),
    ] {
        assert_eq!(header(value.as_bytes(), &envelope).ok(), word, "{value}");
    }
    for value in [
        "",
        "5",
        "55",
        "5500 x",
        "550-5.7.1 x",
        "abc x",
        "550\tx",
        "-50 x",
        "55\u{e9} x",
        "\u{85}250 x",
        "\u{a0}250",
    ] {
        assert_eq!(header(value.as_bytes(), &envelope), Err(Unreadable::Header), "{value}");
    }
    for value in ["200 ok", "354 go", "500 x", "599 x"] {
        assert!(matches!(header(value.as_bytes(), &envelope), Err(Unreadable::Code(_))), "{value}");
    }
}

#[test]
fn the_content_type() {
    for yes in [CONTENT_TYPE, "Application/VND.mailchute.verdict+json ; charset=utf-8"] {
        assert!(is_content_type(yes.as_bytes()), "{yes}");
    }
    for no in ["", "application/json", "application/vnd.mailchute.verdict+jsonx", "text/html"] {
        assert!(!is_content_type(no.as_bytes()), "{no}");
    }
}
