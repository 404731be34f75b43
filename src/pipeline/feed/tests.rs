//! Who reads gets all, in order, or learns how many are missing; who tells never waits.

use std::net::Ipv4Addr;

use super::*;

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
    assert_eq!(feed.read(None, NO_PATIENCE).await, Batch { events: Vec::new(), next: 0, missed: 0 });
    feed.tell(|| event(1));
    let batch = feed.read(Some(0), NO_PATIENCE).await;
    assert_eq!((sizes(&batch), batch.next, batch.missed), (vec![1], 1, 0));
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
async fn what_nobody_watches_any_more_is_not_held() {
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
    assert_eq!((sizes(&batch), batch.next, batch.missed), (Vec::new(), 1, 1));
}
