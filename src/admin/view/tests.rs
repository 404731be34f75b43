//! What is asked for is shown, and of addresses no more than that.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn event() -> Event {
    Event {
        at: SystemTime::UNIX_EPOCH,
        stage: Stage::Message,
        id: None,
        listener: "mx".into(),
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        login: Some("alice@example.net".into()),
        sender: ReversePath::Mailbox(mailbox("Ann@Client.example")),
        recipients: vec![ForwardPath::Postmaster, ForwardPath::Mailbox(mailbox("Bob.Builder@Example.org"))],
        unnamed: 3,
        route: Some("support/tickets".into()),
        backend: None,
        size: Some(10),
        outcome: MessageOutcome::Delivered,
        code: Some(250),
        took: Some(Duration::from_millis(12)),
    }
}

fn shown(query: &str) -> Value {
    let batch = Batch { events: vec![Arc::new(event())], next: 7, missed: 2 };
    View::parse(query).unwrap().show(&batch)
}

#[test]
fn addresses_are_redacted_unless_asked() {
    let answer = shown("");
    assert_eq!((&answer["next"], &answer["missed"]), (&json!(7), &json!(2)));
    let transaction = &answer["transactions"][0];
    assert_eq!(transaction["at"], "1970-01-01T00:00:00.000Z");
    assert_eq!(transaction["sender"], "A…@Client.example");
    assert_eq!(transaction["recipients"], json!(["postmaster", "B…@Example.org"]));
    assert_eq!(transaction["user"], "a…@example.net");
    let text = answer.to_string();
    assert!(!["nn@", "Builder", "lice"].iter().any(|hidden| text.contains(hidden)), "{text}");
    let transaction = &shown("addresses=whole")["transactions"][0];
    assert_eq!(transaction["sender"], "Ann@Client.example");
    assert_eq!(transaction["recipients"], json!(["postmaster", "Bob.Builder@Example.org"]));
    assert_eq!(transaction["user"], "alice@example.net");
}

#[test]
fn only_what_is_asked_for_is_shown() {
    for (query, expected) in [
        ("", 1),
        ("recipient=bob.builder%40EXAMPLE.ORG", 1),
        ("recipient=bob@example.org", 0),
        ("recipient=@example.org", 1),
        ("recipient=x@y.test&recipient=@example.org", 1),
        ("sender=ann@client.example", 1),
        ("sender=@example.org", 0),
        ("sender=%3C%3E", 0),
        ("client=192.0.2.7", 1),
        ("client=192.0.2.0/24&outcome=delivered", 1),
        ("client=2001:db8::/32", 0),
        ("outcome=refused&outcome=deferred", 0),
        ("recipient=@example.org&outcome=refused", 0),
    ] {
        assert_eq!(shown(query)["transactions"].as_array().unwrap().len(), expected, "{query}");
    }
}

#[test]
fn what_is_no_question_is_told() {
    for (query, problem) in [
        ("after=x", "after=x: not a number"),
        (
            "outcome=lost",
            "outcome=lost: not one of delivered, partial, deferred, refused, rejected, abandoned",
        ),
        ("client=mx", "client=mx: neither an address nor a network"),
        ("recipient=a", "recipient=a: neither an address nor `@` and a domain"),
        ("addresses=some", "addresses=some: can only be `whole`"),
        ("colour=red", "colour=red: no such parameter"),
        ("sender=%4", "sender=%4: neither an address nor `@` and a domain"),
        ("sender=%ff", "sender: its value is not UTF-8"),
    ] {
        assert_eq!(View::parse(query).unwrap_err(), problem);
    }
    assert_eq!(View::parse("after=12").unwrap().after, Some(12));
}
