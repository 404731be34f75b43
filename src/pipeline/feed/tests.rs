//! Who reads gets all, in order, or learns how many are missing; who tells never waits.

use std::net::Ipv4Addr;

use bytes::Bytes;

use super::*;
use crate::mail::Client;
use crate::mail::body::Message;
use crate::pipeline::account::{DeliveryAccount, Line, Who};

/// One that can be told from others by its size.
fn event(size: usize) -> Report {
    let event = Event {
        at: SystemTime::UNIX_EPOCH,
        stage: Stage::Message,
        id: None,
        listener: "mx".into(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        login: None,
        sender: ReversePath::Null,
        recipients: vec![ForwardPath::Postmaster],
        unnamed: 0,
        route: None,
        backend: None,
        size: Some(size),
        outcome: MessageOutcome::Delivered,
        code: Some(250),
        took: None,
    };
    event.into()
}

fn sizes(batch: &Batch) -> Vec<usize> {
    batch.events.iter().filter_map(|event| event.size).collect()
}

const NO_PATIENCE: Duration = Duration::ZERO;

#[tokio::test]
async fn nothing_is_built_before_somebody_watches() {
    let feed = Feed::default();
    feed.tell(|| panic!("nobody watches"));
    assert_eq!(feed.read(None, NO_PATIENCE).await, Batch { events: Vec::new(), next: 1, missed: 0 });
    feed.tell(|| event(1));
    let batch = feed.read(Some(1), NO_PATIENCE).await;
    assert_eq!((sizes(&batch), batch.next, batch.missed), (vec![1], 2, 0));
}

#[tokio::test]
async fn who_waits_is_woken_and_who_comes_anew_sees_what_comes() {
    let feed = Feed::default();
    feed.read(None, NO_PATIENCE).await;
    feed.tell(|| event(1));
    let waiting = tokio::spawn({
        let feed = feed.clone();
        async move { feed.read(None, Duration::from_secs(60)).await }
    });
    while feed.0.last.receiver_count() == 0 {
        tokio::task::yield_now().await;
    }
    feed.tell(|| event(2));
    assert_eq!(sizes(&waiting.await.unwrap()), [2]);
    assert_eq!(sizes(&feed.read(Some(0), NO_PATIENCE).await), [1, 2]);
}

#[tokio::test]
async fn what_does_not_fit_is_counted() {
    let feed = Feed::default();
    let mut next = feed.read(None, NO_PATIENCE).await.next;
    (0..HELD + 10).for_each(|size| feed.tell(|| event(size)));
    let (mut read, mut missed) = (Vec::new(), 0);
    while let Batch { events, next: after, missed: more } = feed.read(Some(next), NO_PATIENCE).await
        && !events.is_empty()
    {
        assert!(events.len() <= MOST);
        read.extend(events.iter().filter_map(|event| event.size));
        (next, missed) = (after, missed + more);
    }
    assert_eq!(missed, 10);
    assert_eq!(read, (10..HELD + 10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_number_of_another_process_begins_anew() {
    let feed = Feed::default();
    feed.read(None, NO_PATIENCE).await;
    feed.tell(|| event(1));
    let batch = feed.read(Some(1000), NO_PATIENCE).await;
    assert_eq!((sizes(&batch), batch.next, batch.missed), (vec![1], 1, 0));
}

#[tokio::test]
async fn what_nobody_watches_any_more_is_not_held_and_counted() {
    let feed = Feed::default();
    feed.read(None, NO_PATIENCE).await;
    feed.tell(|| event(1));
    // The last reading was long ago.
    while feed.now() < 2 {
        tokio::task::yield_now().await;
    }
    feed.0.watched_until.store(1, Ordering::Relaxed);
    feed.tell(|| panic!("nobody watches"));
    assert!(feed.ring().is_empty());
    let batch = feed.read(Some(0), NO_PATIENCE).await;
    assert_eq!((sizes(&batch), batch.next, batch.missed), (Vec::new(), 2, 2));
    feed.tell(|| event(2));
    let batch = feed.read(Some(batch.next), NO_PATIENCE).await;
    assert_eq!((sizes(&batch), batch.next, batch.missed), (vec![2], 3, 0));
}

/// With an account that holds a message of so many octets.
fn report(size: usize) -> Report {
    let Report { event, .. } = event(size);
    let delivery = DeliveryAccount {
        kind: "http",
        target: String::new(),
        attempts: Vec::new(),
        took: Duration::ZERO,
        prefix: Bytes::from(vec![0; size]),
        message: Message::default(),
        trace_id: String::new(),
    };
    let account = Account {
        gateway: "n/g".into(),
        client: Client { address: event.client, port: 0 },
        client_name: None,
        greeting: None,
        tls: None,
        recipients: Vec::new(),
        delivery: Some(delivery),
        replies: Vec::new(),
        began: SystemTime::UNIX_EPOCH,
        transcript: Vec::new(),
    };
    Report { event, account: Some(Box::new(account)) }
}

#[tokio::test]
async fn a_reader_of_accounts_may_lag_a_burst_behind() {
    let (feed, mut accounts) = Feed::with_accounts();
    (0..10_000).for_each(|size| feed.tell(|| report(size % 100)));
    for size in 0..10_000 {
        let told = accounts.next().await.unwrap();
        assert_eq!((told.event.size, told.missed), (Some(size % 100), 0));
    }
    assert_eq!(accounts.waiting.load(Ordering::Relaxed), 0);
    assert!(feed.ring().is_empty(), "nobody reads the ring");
    drop(feed);
    assert!(accounts.next().await.is_none());
}

#[tokio::test]
async fn what_its_reader_misses_is_counted() {
    let (feed, mut accounts) = Feed::with_accounts();
    (0..WAITING + 3).for_each(|_| feed.tell(|| report(1)));
    for _ in 0..WAITING {
        assert_eq!(accounts.next().await.unwrap().missed, 0);
    }
    // Two whole messages fit, since the first of them leaves room.
    (0..3).for_each(|_| feed.tell(|| report(WAITING_OCTETS)));
    assert_eq!(accounts.next().await.unwrap().missed, 3);
    assert_eq!(accounts.next().await.unwrap().missed, 0);
    feed.tell(|| report(1));
    assert_eq!(accounts.next().await.unwrap().missed, 1);
    assert_eq!(accounts.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_waits_is_bounded_by_its_texts_too() {
    let (feed, mut accounts) = Feed::with_accounts();
    let text: Arc<str> = "x".repeat(WAITING_OCTETS / 8).into();
    for _ in 0..10 {
        feed.tell(|| {
            let mut report = report(0);
            let line = Line { at: Duration::ZERO, who: Who::Note, text: Arc::clone(&text) };
            report.account.as_mut().unwrap().transcript.push(line);
            report
        });
    }
    drop(feed);
    let mut told = 0;
    while accounts.next().await.is_some() {
        told += 1;
    }
    assert_eq!(told, 8);
    assert_eq!(accounts.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn without_its_reader_nothing_is_built() {
    let (feed, accounts) = Feed::with_accounts();
    assert!(feed.is_watched());
    drop(accounts);
    assert!(!feed.is_watched());
    feed.tell(|| panic!("nobody watches"));
}

#[tokio::test]
async fn both_kinds_of_readers_hear_the_same() {
    let (feed, mut accounts) = Feed::with_accounts();
    feed.read(None, NO_PATIENCE).await;
    feed.tell(|| report(7));
    assert_eq!(sizes(&feed.read(Some(0), NO_PATIENCE).await), [7]);
    assert_eq!(accounts.next().await.unwrap().event.size, Some(7));
}
