//! What stays, what goes, and what is told of it.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::*;
use crate::mail::{Body, Client, ForwardPath, ReversePath, TransactionId};
use crate::metrics::MessageOutcome;
use crate::pipeline::account::{Account, Attempt, DeliveryAccount, RecipientAccount};
use crate::pipeline::feed::{Event, Stage};

fn mail(id: &str, key: &'static str, octets: usize) -> Mail {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "t"),
        ("ce-source", "/s"),
        ("ce-id", id),
        ("ce-dedupekey", key),
        ("ce-mailfrom", "Sender@example.org"),
    ] {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    Mail::read(&headers, Bytes::from(vec![b'x'; octets]), SystemTime::UNIX_EPOCH).unwrap()
}

fn all() -> Query {
    Query { limit: usize::MAX, ..Query::default() }
}

fn ids<'a>(entries: impl IntoIterator<Item = &'a Arc<Entry>>) -> Vec<&'a str> {
    entries.into_iter().map(|entry| &*entry.id).collect()
}

#[track_caller]
fn holds(store: &Store, expected: &[&str]) {
    assert_eq!(ids(&store.list(&all()).entries), expected);
}

/// What is told after a revision; nothing where one has to begin anew.
fn changed(store: &Store, revision: u64) -> Option<(Vec<String>, u64)> {
    match store.changes(revision, 3) {
        Changes::Entries { entries, revision, .. } => {
            Some((ids(&entries).into_iter().map(str::to_owned).collect(), revision))
        }
        Changes::Anew { .. } => None,
    }
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let store = Store::new(2, usize::MAX);
    for id in ["a", "b", "c"] {
        store.push(mail(id, id, 1));
    }
    holds(&store, &["c", "b"]);
    assert!(store.find("a").is_none() && store.find("b").is_some());
    assert_eq!(store.list(&all()).count, 2);
}

#[test]
fn the_oldest_go_when_they_are_too_large() {
    let store = Store::new(100, 120_000);
    for id in ["a", "b", "c"] {
        store.push(mail(id, id, 45_000));
    }
    holds(&store, &["c", "b"]);
    store.push(mail("d", "d", 120_000));
    holds(&store, &["d"]);
    store.push(mail("e", "e", 1));
    holds(&store, &["e"]);
    store.push(mail("f", "f", 90_000));
    holds(&store, &["f", "e"]);
}

#[test]
fn the_same_event_is_one_entry() {
    let store = Store::new(10, usize::MAX);
    store.push(mail("a", "k", 1));
    store.push(mail("b", "l", 1));
    let again = store.push(mail("a", "k", 1));
    holds(&store, &["a", "b"]);
    assert_eq!((again.deliveries, again.repeat), (2, false));
}

#[test]
fn another_event_with_a_known_key_is_a_repeat() {
    let store = Store::new(2, usize::MAX);
    assert!(!store.push(mail("a", "k", 1)).repeat);
    assert!(store.push(mail("b", "k", 1)).repeat);
    assert!(!store.push(mail("c", "l", 1)).repeat);
    assert!(!store.push(mail("d", "m", 1)).repeat);
    assert!(!store.push(mail("e", "k", 1)).repeat, "both that had the key have gone");
}

#[test]
fn a_list_goes_on_where_it_ended() {
    let store = Store::new(10, usize::MAX);
    for id in ["a", "b", "c", "d"] {
        store.push(mail(id, id, 1));
    }
    let first = store.list(&Query { limit: 2, ..Query::default() });
    assert_eq!((ids(&first.entries), first.more, first.count), (vec!["d", "c"], true, 4));
    let before = first.entries.last().map(|entry| entry.place);
    store.push(mail("e", "e", 1));
    let second = store.list(&Query { limit: 2, before, ..Query::default() });
    assert_eq!((ids(&second.entries), second.more), (vec!["b", "a"], false));
}

#[test]
fn a_search_wants_every_word() {
    let store = Store::new(10, usize::MAX);
    store.push(mail("a", "a", 1));
    for (text, found) in [("sender", 1), ("SENDER example", 1), ("sender nobody", 0), ("", 1)] {
        let query = Query { words: Query::words(text), ..all() };
        assert_eq!(store.list(&query).entries.len(), found, "{text}");
    }
}

#[test]
fn who_comes_back_is_told_what_was_missed() {
    let store = Store::new(10, usize::MAX);
    store.push(mail("a", "a", 1));
    let seen = store.list(&all()).revision;
    store.push(mail("b", "b", 1));
    store.push(mail("a", "a", 1));
    let (entries, revision) = changed(&store, seen).unwrap();
    assert_eq!(entries, ["b", "a"]);
    assert_eq!(changed(&store, revision), Some((vec![], revision)));
    for id in ["c", "d", "e", "f"] {
        store.push(mail(id, id, 1));
    }
    assert_eq!(changed(&store, revision), None, "four are more than the three that were asked for");
    assert_eq!(changed(&store, revision + 100), None, "that was never");
}

#[test]
fn who_comes_back_after_all_was_forgotten_begins_anew() {
    let store = Store::new(10, usize::MAX);
    store.push(mail("a", "a", 1));
    let seen = store.list(&all()).revision;
    store.clear();
    holds(&store, &[]);
    assert_eq!(changed(&store, seen), None);
    let seen = store.list(&all()).revision;
    assert!(!store.push(mail("b", "a", 1)).repeat);
    assert_eq!(changed(&store, seen).unwrap().0, ["b"]);
}

#[test]
fn neighbours_are_newer_and_older() {
    let store = Store::new(10, usize::MAX);
    let [a, b, c] = ["a", "b", "c"].map(|id| store.push(mail(id, id, 1)));
    assert_eq!(store.beside(b.place), (Some(c.id.clone()), Some(a.id.clone())));
    assert_eq!(store.beside(c.place), (None, Some(b.id.clone())));
    assert_eq!(store.beside(a.place), (Some(b.id.clone()), None));
}

#[tokio::test]
async fn each_change_wakes_who_waits() {
    let store = Store::new(10, usize::MAX);
    let mut revised = store.revised();
    store.push(mail("a", "a", 1));
    revised.changed().await.unwrap();
    store.clear();
    revised.changed().await.unwrap();
    assert_eq!(*revised.borrow(), 2);
}

/// What a front-end tells: of a transaction with a message, or of one that was refused before there was any.
fn told(id: Option<TransactionId>, message: &[u8]) -> Told {
    let mut body = Body::new();
    body.push(Bytes::copy_from_slice(message));
    let delivery = id.map(|_| DeliveryAccount {
        kind: "http",
        target: String::new(),
        attempts: Vec::new(),
        took: Duration::ZERO,
        prefix: Bytes::from_static(b"Received: x\r\n"),
        message: body.finish(),
        trace_id: String::new(),
    });
    let client = Client { address: Ipv4Addr::LOCALHOST.into(), port: 1 };
    let event = Event {
        at: SystemTime::UNIX_EPOCH,
        stage: if id.is_some() { Stage::Message } else { Stage::Recipient },
        id,
        listener: "mx".into(),
        client: client.address,
        login: None,
        sender: ReversePath::Null,
        recipients: vec![ForwardPath::Postmaster],
        unnamed: 2,
        route: None,
        backend: None,
        size: None,
        outcome: if id.is_some() { MessageOutcome::Delivered } else { MessageOutcome::Rejected },
        code: Some(550),
        took: None,
    };
    let account = Account {
        gateway: "n/g".into(),
        client,
        client_name: None,
        greeting: None,
        tls: None,
        recipients: Vec::new(),
        delivery,
        replies: vec!["550 5.1.1 No\nsuch user".to_owned()],
        began: SystemTime::UNIX_EPOCH,
        transcript: Vec::new(),
    };
    Told { event: Arc::new(event), account: Arc::new(account), missed: 0 }
}

fn id(number: u8) -> TransactionId {
    TransactionId::from_bytes([number; 16])
}

/// Octets of the message that the account has as well.
fn held_twice(entry: &Entry) -> usize {
    let delivery = entry.account().unwrap().delivery.as_ref().unwrap();
    delivery.prefix.len() + delivery.message.len()
}

#[test]
fn what_is_told_of_a_message_stands_with_what_was_posted() {
    let store = Store::new(10, usize::MAX);
    let posted = store.push(mail(&id(1).to_string(), "k", 7));
    store.push(mail("b", "l", 1));
    let seen = store.list(&all()).revision;
    let entry = store.tell(told(Some(id(1)), b"Subject: other\r\n\r\n"));
    assert_eq!((entry.place, entry.raw.as_deref()), (posted.place, Some(&b"xxxxxxx"[..])));
    assert_eq!(held_twice(&entry), 0, "the message is held once");
    holds(&store, &["b", &id(1).to_string()]);
    let Changes::Entries { entries, .. } = store.changes(seen, 10) else { panic!("too much") };
    assert_eq!(ids(&entries), [id(1).to_string()]);
    // Posted once more, it is still known how it came.
    assert!(store.push(mail(&id(1).to_string(), "k", 7)).account().is_some());
}

#[test]
fn a_message_that_went_elsewhere_is_there_as_its_backend_got_it() {
    let store = Store::new(10, usize::MAX);
    let entry = store.tell(told(Some(id(1)), b"Subject: there\r\n\r\ntext"));
    let raw = b"Received: x\r\nSubject: there\r\n\r\ntext";
    assert_eq!((&*entry.id, entry.raw.as_deref()), (id(1).to_string().as_str(), Some(&raw[..])));
    assert_eq!((entry.subject.as_str(), entry.sender.as_str(), entry.size), ("there", "<>", Some(raw.len())));
    assert_eq!((&entry.recipients[..], entry.unnamed), (&["Postmaster".to_owned()][..], 2));
    assert_eq!(entry.refusal(), None);
    assert_eq!(held_twice(&entry), 0);
}

#[test]
fn what_was_refused_has_an_entry_of_its_own_and_says_why() {
    let store = Store::new(10, usize::MAX);
    let [first, second] = [(); 2].map(|()| store.tell(told(None, b"")));
    assert_ne!(first.id, second.id);
    assert_eq!(first.refusal().unwrap(), "rejected: 550 5.1.1 No such user");
    assert!(first.raw.is_none() && first.size.is_none());
    store.push(mail("a", "a", 1));
    let query = Query { words: Query::words("Rejected postmaster"), ..all() };
    assert_eq!(store.list(&query).entries.len(), 2);
}

#[test]
fn what_is_known_of_a_message_takes_room_as_well() {
    const LARGE: usize = 50_000;
    let large = || "x".repeat(LARGE);
    let told_with = |change: &dyn Fn(&mut Account)| {
        let mut told = told(Some(id(1)), b"");
        change(Arc::make_mut(&mut told.account));
        told
    };
    let costs = |told: Told| Store::new(1, usize::MAX).tell(told).cost();
    let plain = costs(told_with(&|_| {}));
    let attempt = Attempt { took: Duration::ZERO, answer: large() };
    let recipient = RecipientAccount {
        original: ForwardPath::Postmaster,
        rewritten: None,
        route: None,
        rule: None,
        why: Vec::new(),
        policies: Vec::new(),
        outcome: Some(Err(large())),
    };
    for told in [
        told_with(&|account| account.replies.push(large())),
        told_with(&|account| account.recipients.push(recipient.clone())),
        told_with(&|account| account.delivery.as_mut().unwrap().attempts.push(attempt.clone())),
    ] {
        let cost = costs(told);
        assert!((LARGE..LARGE + 1000).contains(&(cost - plain)), "{plain} {cost}");
    }
}

#[test]
fn a_very_long_subject_is_cut() {
    let store = Store::new(1, usize::MAX);
    let message = format!("Subject: {}\r\n\r\n", "ü ".repeat(1_000_000));
    let subject = &store.tell(told(Some(id(1)), message.as_bytes())).subject;
    assert_eq!((subject.chars().count(), subject.ends_with('…')), (1001, true));
}

#[test]
fn no_event_has_the_id_of_what_never_became_a_message() {
    let store = Store::new(2, usize::MAX);
    store.push(mail("early-2", "k", 1));
    let rejected = store.tell(told(None, b""));
    holds(&store, &[&rejected.id, "early-2"]);
    assert!(store.find("early-2").is_some_and(|entry| entry.raw.is_some()));
    store.push(mail("b", "l", 1));
    holds(&store, &["b", &rejected.id]);
}

#[test]
fn what_is_told_makes_room_as_well() {
    let store = Store::new(2, usize::MAX);
    for number in 1..=3 {
        store.tell(told(Some(id(number)), b""));
    }
    holds(&store, &[&id(3).to_string(), &id(2).to_string()]);
    store.tell(told(Some(id(1)), b""));
    holds(&store, &[&id(1).to_string(), &id(3).to_string()]);
}
