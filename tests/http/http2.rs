//! HTTP/2: many deliveries share a connection, and each has an end of its own.

use super::{PATIENCE, accepted, deliver, failed, hasty, live, one, with_retries};
use crate::support::acceptor::acceptor;
use crate::support::certificates::Authority;
use crate::support::http2::{Act, Streams, Truncation};
use h2::Reason;
use mailchute::backend::{Cause, Delivery, Live};
use mailchute::mail::body::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// More than any window of the server.
const LARGE: usize = 4 << 20;

async fn server(at_once: u32, script: impl Into<Vec<Act>>) -> (Streams, Arc<Live>) {
    let authority = Authority::new();
    let server = Streams::start(acceptor(&authority, "h2", None), at_once, script).await;
    let live = Arc::new(live(server.target(&authority.pem())));
    (server, live)
}

fn large() -> Delivery {
    Delivery { message: Message::from_iter([bytes::Bytes::from(vec![b'x'; LARGE])]), ..one() }
}

/// So many deliveries at once.
fn many(live: &Arc<Live>, count: usize) -> JoinSet<super::Short> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let live = Arc::clone(live);
        all.spawn(async move { deliver(&live, &one()).await });
    }
    all
}

fn connections(server: &Streams) -> Vec<usize> {
    server.heard().iter().map(|heard| heard.connection).collect()
}

#[tokio::test]
async fn one_connection_carries_many_at_once_from_the_first_on() {
    let release = Arc::new(Notify::new());
    let (server, live) = server(100, [Act::AnswerWhen(Arc::clone(&release), 200)]).await;
    let deliveries = many(&live, 50);
    server.wait_heard(50).await;
    // Those that have been heard may still be on their way to the wait.
    let released = async {
        loop {
            release.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        all = deliveries.join_all() => assert_eq!(all, vec![accepted(); 50]),
        () = released => {}
    }
    assert_eq!(server.connections(), 1);
    for heard in server.heard() {
        assert!(heard.whole);
        assert_eq!(heard.body, b"Received: by test\r\nSubject: x\r\n\r\ntext\r\n");
        assert!(heard.uri.starts_with("https://127.0.0.1:") && heard.uri.ends_with("/inbound"), "{heard:?}");
        assert_eq!(heard.headers["content-length"], heard.body.len().to_string());
        assert_eq!(heard.headers["idempotency-key"], "\"mc1-key\"");
        assert!(!heard.headers.contains_key("host"));
    }
}

#[tokio::test]
async fn another_connection_opens_where_one_is_full() {
    let release = Arc::new(Notify::new());
    let (server, live) = server(2, [Act::AnswerWhen(Arc::clone(&release), 200)]).await;
    let deliveries = many(&live, 5);
    server.wait_heard(5).await;
    let mut by = connections(&server);
    by.sort_unstable();
    assert_eq!(by, [0, 0, 1, 1, 2]);
    let released = async {
        loop {
            release.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        all = deliveries.join_all() => assert_eq!(all, vec![accepted(); 5]),
        () = released => {}
    }
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_with_the_same_key() {
    let (server, live) = server(100, [Act::Refuse, Act::Answer(200, "")]).await;
    assert_eq!(deliver(&live, &with_retries(1)).await, accepted());
    let heard = server.heard();
    assert_eq!(heard[0].headers, heard[1].headers);
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn refused_for_ever_is_tried_twice_more_and_no_more() {
    let (server, live) = server(100, [Act::Refuse]).await;
    assert_eq!(deliver(&live, &with_retries(9)).await, failed(Cause::Reset));
    assert_eq!(server.heard().len(), 3);
}

#[tokio::test]
async fn what_goaway_leaves_out_is_sent_again_on_another_connection() {
    let (server, live) = server(100, [Act::Answer(200, ""), Act::GoAwayBefore, Act::Answer(404, "")]).await;
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &with_retries(1)).await, failed(Cause::Misconfigured));
    assert_eq!(connections(&server), [0, 1]);
}

#[tokio::test]
async fn what_goaway_leaves_in_gets_its_answer_and_nothing_more_is_sent_there() {
    let (server, live) = server(100, [Act::GoAwayAfter, Act::Answer(404, "")]).await;
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(connections(&server), [0, 1]);
}

#[tokio::test]
async fn a_stream_that_is_reset_is_not_sent_again_and_harms_no_other() {
    let (server, live) = server(100, [Act::Answer(200, ""), Act::Reset, Act::Answer(200, "")]).await;
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Reset));
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(connections(&server), [0, 0, 0]);
}

#[tokio::test]
async fn closed_before_the_first_octet_of_an_answer() {
    let script = [Act::Answer(200, ""), Act::Close, Act::Answer(404, "")];
    let (server, live) = server(100, script).await;
    assert_eq!(deliver(&live, &one()).await, accepted());
    // While it read the request it may have said something of windows: then it was not silent.
    let outcome = deliver(&live, &with_retries(1)).await;
    assert!([failed(Cause::Misconfigured), failed(Cause::Reset)].contains(&outcome), "{outcome:?}");
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(connections(&server)[..2], [0, 0]);
}

#[tokio::test]
async fn a_connection_that_has_answered_nothing_yet_is_no_reused_one() {
    let (server, live) = server(100, [Act::Hang, Act::Close, Act::Answer(200, "")]).await;
    let first = one();
    let second = async {
        server.wait_heard(1).await;
        assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Reset));
    };
    assert_eq!(tokio::join!(deliver(&live, &first), second).0, failed(Cause::Reset));
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn half_an_answer_confirms_nothing() {
    for how in [Truncation::End, Truncation::Reset, Truncation::Close] {
        let (server, live) = server(100, [Act::Truncate(how), Act::Answer(200, "")]).await;
        assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Reset));
        assert_eq!(server.heard().len(), 1);
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_end() {
    let (_server, live) = server(100, [Act::Answer(200, "words that don't matter")]).await;
    for _ in 0..3 {
        assert_eq!(deliver(&live, &one()).await, accepted());
    }
}

#[tokio::test]
async fn a_slow_one_ends_by_its_deadline_and_holds_up_no_other() {
    let release = Arc::new(Notify::new());
    let slow = || Act::AnswerWhen(Arc::clone(&release), 200);
    let (server, live) = server(100, [slow(), slow(), Act::Answer(200, "")]).await;
    let patient = one();
    let others = async {
        server.wait_heard(1).await;
        assert_eq!(deliver(&live, &hasty()).await, failed(Cause::Timeout));
        assert_eq!(server.wait_resets(1).await, [Reason::CANCEL]);
        // It may be the connection that hangs: what is new goes by another.
        assert_eq!(deliver(&live, &one()).await, accepted());
        release.notify_one();
    };
    assert_eq!(tokio::join!(deliver(&live, &patient), others).0, accepted());
    assert_eq!(connections(&server), [0, 0, 1]);
}

#[tokio::test]
async fn a_delivery_that_is_dropped_resets_its_stream_and_sends_no_more() {
    let (server, live) = server(100, [Act::Hang, Act::Answer(200, "")]).await;
    let delivery = large();
    tokio::select! {
        outcome = deliver(&live, &delivery) => panic!("answered: {outcome:?}"),
        () = server.wait_heard(1) => {}
    }
    assert_eq!(server.wait_resets(1).await, [Reason::CANCEL]);
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn a_large_message_goes_through_small_windows() {
    let (server, live) = server(100, [Act::Answer(200, "")]).await;
    assert_eq!(deliver(&live, &large()).await, accepted());
    assert_eq!(server.heard()[0].body.len(), b"Received: by test\r\n".len() + LARGE);
}

#[tokio::test]
async fn an_early_refusal_stops_the_body() {
    let script = [Act::AnswerEarly(413), Act::Answer(200, "")];
    let (server, live) = server(100, script).await;
    assert_eq!(deliver(&live, &large()).await, failed(Cause::Misconfigured));
    server.wait_resets(1).await;
    assert!(!server.heard()[0].whole);
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn an_early_confirmation_still_gets_the_whole_message() {
    let (server, live) = server(100, [Act::AnswerEarly(200)]).await;
    assert_eq!(deliver(&live, &large()).await, accepted());
    let polled = async {
        while !server.heard()[0].whole {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polled).await.unwrap();
    assert_eq!(server.heard()[0].body.len(), b"Received: by test\r\n".len() + LARGE);
}

#[tokio::test]
async fn an_early_confirmation_that_is_withdrawn_confirms_nothing() {
    let (_server, live) = server(100, [Act::AnswerEarlyAndReset(200, Reason::INTERNAL_ERROR)]).await;
    assert_eq!(deliver(&live, &large()).await, failed(Cause::Reset));
}

/// RFC 9113 §8.1: with NO_ERROR a server says that it needs no more of the request.
#[tokio::test]
async fn an_early_confirmation_that_needs_no_more_confirms() {
    let (_server, live) = server(100, [Act::AnswerEarlyAndReset(200, Reason::NO_ERROR)]).await;
    assert_eq!(deliver(&live, &large()).await, accepted());
}

#[tokio::test]
async fn a_connection_on_which_nobody_is_left_is_found_by_pings() {
    let (server, live) = server(100, [Act::Cut, Act::Answer(200, "")]).await;
    let began = Instant::now();
    assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Reset));
    let took = began.elapsed();
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(16), "{took:?}");
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(connections(&server), [0, 1]);
}
