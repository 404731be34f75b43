//! What is tried again within one delivery, how often, and with the very same request.

use super::{accepted, backend, deliver, failed, live, one, with_retries};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use mailchute::backend::{Cause, Delivery, Live};
use mailchute::metrics::Metrics;
use mailchute::plan::{Http, Retry, Secret};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn busy_twice_then_well() {
    for line in ["503 Busy", "502 Bad Gateway"] {
        let server = Misbehaving::start([status(line), status(line), status("200 OK")]).await;
        let http = Http { signing: vec![Secret::new(b"key")], ..server.target() };
        assert_eq!(deliver(&live(http), &with_retries(2)).await, accepted(), "{line}");
        let heard = server.heard();
        assert_eq!(heard.len(), 3);
        assert!(heard.iter().all(|again| again.head == heard[0].head && again.body == heard[0].body));
        assert_eq!(heard[0].header("idempotency-key"), Some("\"mc1-key\""));
    }
}

#[tokio::test]
async fn never_more_often_than_asked_and_never_more_than_twice() {
    for (asked, requests) in [(0, 1), (1, 2), (2, 3), (9, 3)] {
        let server = Misbehaving::start([status("503 Busy")]).await;
        assert_eq!(deliver(&live(server.target()), &with_retries(asked)).await, failed(Cause::Busy));
        assert_eq!(server.heard().len(), requests, "{asked}");
    }
}

#[tokio::test]
async fn other_answers_are_final() {
    for line in ["200 OK", "302 Found", "404 Not Found", "429 Slow Down", "500 Error", "504 Timeout"] {
        let server = Misbehaving::start([status(line)]).await;
        drop(deliver(&live(server.target()), &with_retries(2)).await);
        assert_eq!(server.heard().len(), 1, "{line}");
    }
    for act in [Act::ResetBeforeBody, Act::ResetAfterBody, Act::Close, Act::AnswerAndClose(b"HTTP".to_vec())]
    {
        let server = Misbehaving::start([act, status("200 OK")]).await;
        assert_eq!(deliver(&live(server.target()), &with_retries(2)).await, failed(Cause::Reset));
        assert_eq!(server.heard().len(), 1);
    }
}

#[tokio::test]
async fn a_verdict_with_503_is_final() {
    let verdict = answer("503 Busy", &["mailchute-reply: 550 5.7.1 no"], "");
    let server = Misbehaving::start([Act::Answer(verdict), status("200 OK")]).await;
    let refused = Err((Cause::Verdict, Some("550 5.7.1 no".to_owned())));
    assert_eq!(deliver(&live(server.target()), &with_retries(2)).await, refused);
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let metrics = Metrics::new();
    let address = Misbehaving::start([status("200 OK")]).await.address;
    let http = Misbehaving::start([status("200 OK")]).await.target();
    let plan = backend(Http { port: address.port(), ..http });
    let live = Live::new(Arc::new(plan), &metrics);
    let mut delivery = with_retries(1);
    delivery.retry = Retry { attempts: 1, base: Duration::from_secs(2), max: Duration::from_secs(2) };
    // Once the first attempt has failed the server comes up, well before the second.
    let server = async {
        while !metrics.render().contains("outcome=\"unreachable\"} 1") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Misbehaving::start_at(address, [status("200 OK")]).await
    };
    let (outcome, server) = tokio::join!(deliver(&live, &delivery), server);
    assert_eq!(outcome, accepted());
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn pauses_double_up_to_the_longest() {
    let server = Misbehaving::start([status("503 Busy")]).await;
    let mut delivery = with_retries(2);
    delivery.retry = Retry { attempts: 2, base: Duration::from_millis(100), max: Duration::from_millis(150) };
    let began = Instant::now();
    assert_eq!(deliver(&live(server.target()), &delivery).await, failed(Cause::Busy));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_pause_that_would_pass_the_deadline_is_not_begun() {
    let server = Misbehaving::start([status("503 Busy")]).await;
    let hour = Duration::from_secs(3600);
    let delivery = Delivery { retry: Retry { attempts: 2, base: hour, max: hour }, ..one() };
    let began = Instant::now();
    assert_eq!(deliver(&live(server.target()), &delivery).await, failed(Cause::Busy));
    assert!(began.elapsed() < super::PATIENCE / 2);
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn all_attempts_share_one_deadline() {
    let server = Misbehaving::start([status("503 Busy"), Act::Hang]).await;
    let mut delivery = super::hasty();
    delivery.retry.attempts = 2;
    let began = Instant::now();
    assert_eq!(deliver(&live(server.target()), &delivery).await, failed(Cause::Timeout));
    assert!(began.elapsed() < super::PATIENCE / 2);
    assert_eq!(server.heard().len(), 2);
}
