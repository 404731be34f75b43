//! The circuit, as the pipeline sees it: at RCPT and at delivery.

use super::{accepted, backend, deliver, failed, hasty, one, with_retries};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use mailchute::backend::{Cause, Live, Reservation};
use mailchute::metrics::{CircuitState, Metrics};
use mailchute::plan;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn live(server: &Misbehaving, open_for: Duration) -> Live {
    let circuit = plan::Circuit { consecutive_failures: 3, open_for };
    Live::new(Arc::new(plan::Backend { circuit, ..backend(server.target()) }), &Metrics::new())
}

fn refused(live: &Live) -> bool {
    matches!(live.reserve(), Reservation::Open)
}

async fn granted(live: &Live) -> mailchute::backend::Slot {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match live.reserve() {
            Reservation::Granted(slot) => return slot,
            Reservation::Open => assert!(Instant::now() < deadline, "stays open"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn opens_after_a_run_of_messages_and_sends_none() {
    for act in [status("500 Error"), status("503 Busy"), Act::ResetAfterBody, Act::Close] {
        let server = Misbehaving::start([act]).await;
        let live = live(&server, Duration::from_secs(60));
        for _ in 0..3 {
            assert!(!refused(&live));
            assert_ne!(deliver(&live, &one()).await, failed(Cause::CircuitOpen));
        }
        assert!(refused(&live));
        assert_eq!(deliver(&live, &one()).await, failed(Cause::CircuitOpen));
        assert_eq!(server.heard().len(), 3);
    }
}

#[tokio::test]
async fn timeouts_open_it() {
    let server = Misbehaving::start([Act::Hang]).await;
    let live = live(&server, Duration::from_secs(60));
    for _ in 0..3 {
        assert_eq!(deliver(&live, &hasty()).await, failed(Cause::Timeout));
    }
    assert!(refused(&live));
}

#[tokio::test]
async fn retries_are_not_counted() {
    let server = Misbehaving::start([status("503 Busy")]).await;
    let live = live(&server, Duration::from_secs(60));
    assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Busy));
    assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Busy));
    assert_eq!(server.heard().len(), 6);
    assert!(!refused(&live));
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Busy));
    assert!(refused(&live));
}

#[tokio::test]
async fn a_4xx_never_opens_it_whatever_its_retry_after() {
    let busy = Act::Answer(answer("429 Slow Down", &["retry-after: 100"], ""));
    let server = Misbehaving::start([busy]).await;
    let live = live(&server, Duration::from_secs(60));
    for _ in 0..10 {
        assert_eq!(deliver(&live, &one()).await, failed(Cause::Busy));
    }
    assert!(!refused(&live));
}

#[tokio::test]
async fn half_open_by_one_message_whose_success_closes_it() {
    let acts = ["500 Error", "500 Error", "500 Error", "200 OK"].map(status);
    let server = Misbehaving::start(acts).await;
    let live = live(&server, Duration::from_millis(100));
    for _ in 0..3 {
        assert_eq!(deliver(&live, &one()).await, failed(Cause::Failed));
    }
    assert!(refused(&live));
    let slot = granted(&live).await;
    assert!(refused(&live), "a second message is tried");
    drop(slot);
    let slot = granted(&live).await;
    assert_eq!(live.circuit().state(), CircuitState::HalfOpen);
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(live.circuit().state(), CircuitState::Closed);
    drop(slot);
    assert!(!refused(&live));
}

#[tokio::test]
async fn a_trial_that_fails_opens_it_again() {
    let server = Misbehaving::start([status("500 Error")]).await;
    let live = live(&server, Duration::from_millis(100));
    for _ in 0..3 {
        assert_eq!(deliver(&live, &one()).await, failed(Cause::Failed));
    }
    let slot = granted(&live).await;
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Failed));
    drop(slot);
    assert!(refused(&live));
}

#[tokio::test]
async fn retry_after_says_for_how_long() {
    let busy = Act::Answer(answer("503 Busy", &["retry-after: 60"], ""));
    let server = Misbehaving::start([busy]).await;
    let live = live(&server, Duration::ZERO);
    for _ in 0..3 {
        assert_eq!(deliver(&live, &one()).await, failed(Cause::Busy));
    }
    let soon = Instant::now() + Duration::from_secs(50);
    assert!(matches!(live.circuit().reserve(soon), Reservation::Open));
    let late = Instant::now() + Duration::from_secs(61);
    assert!(matches!(live.circuit().reserve(late), Reservation::Granted(_)));
}
