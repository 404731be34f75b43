//! Answers that break off, lie about their length, come late or never end.

use super::{accepted, deliver, failed, hasty, live, one};
use crate::support::misbehaving::{Act, Misbehaving, answer};
use bytes::Bytes;
use mailchute::backend::{Cause, Delivery};
use mailchute::mail::body::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

async fn outcome(act: Act) -> super::Short {
    let server = Misbehaving::start([act]).await;
    let outcome = deliver(&live(server.target()), &one()).await;
    assert_eq!(server.heard().len(), 1, "an attempt that may have arrived is not made again");
    outcome
}

#[tokio::test]
async fn resets_and_closes_without_an_answer() {
    for act in [Act::ResetBeforeBody, Act::ResetAfterBody, Act::Close] {
        assert_eq!(outcome(act).await, failed(Cause::Reset));
    }
}

#[tokio::test]
async fn a_reset_while_a_large_body_is_sent() {
    let server = Misbehaving::start([Act::ResetBeforeBody]).await;
    let message = Message::from_iter(vec![Bytes::from(vec![b'x'; 1 << 20]); 16]);
    let delivery = Delivery { message, ..one() };
    assert_eq!(deliver(&live(server.target()), &delivery).await, failed(Cause::Reset));
}

#[tokio::test]
async fn half_a_head() {
    for head in ["H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"] {
        assert_eq!(outcome(Act::AnswerAndClose(head.into())).await, failed(Cause::Reset), "{head}");
        assert_eq!(outcome(Act::AnswerAndReset(head.into())).await, failed(Cause::Reset), "{head}");
    }
}

#[tokio::test]
async fn what_is_no_http() {
    for octets in [
        "220 mail ESMTP\r\n",
        "\x15\x03\x01\0\x02\x02\x46",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 2 OK\r\n\r\n",
    ] {
        assert_eq!(outcome(Act::AnswerAndClose(octets.into())).await, failed(Cause::Reset), "{octets}");
    }
}

#[tokio::test]
async fn a_success_with_half_a_body_is_none() {
    for octets in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nonly half".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nwhat\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 65536\r\n\r\n{}", "x".repeat(65_535)),
    ] {
        let shown = &octets[..octets.len().min(80)];
        assert_eq!(
            outcome(Act::AnswerAndClose(octets.clone().into())).await,
            failed(Cause::Reset),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_wrong_content_length() {
    for lengths in ["content-length: x", "content-length: 5\r\ncontent-length: 6", "content-length: -1"] {
        let octets = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nabcde");
        assert_eq!(outcome(Act::AnswerAndClose(octets.into())).await, failed(Cause::Reset), "{lengths}");
    }
}

#[tokio::test]
async fn bodies_that_end_as_framed() {
    for octets in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nto the end of the connection",
        "HTTP/1.0 200 OK\r\n\r\nold",
    ] {
        assert_eq!(outcome(Act::AnswerAndClose(octets.into())).await, accepted(), "{octets}");
    }
}

#[tokio::test]
async fn of_a_huge_body_64_kib_are_enough() {
    let huge = |status: &str, sent: usize| {
        let mut octets = format!("HTTP/1.1 {status}\r\ncontent-length: 1000000000000\r\n\r\n").into_bytes();
        octets.resize(octets.len() + sent, b'x');
        octets
    };
    assert_eq!(outcome(Act::AnswerAndClose(huge("200 OK", 65_536))).await, accepted());
    assert_eq!(outcome(Act::AnswerAndClose(huge("200 OK", 65_535))).await, failed(Cause::Reset));
    // The connection stays open and the rest never comes: nobody waits for it.
    assert_eq!(outcome(Act::Answer(huge("200 OK", 65_536))).await, accepted());
    assert_eq!(outcome(Act::Answer(huge("404 Not Found", 65_536))).await, failed(Cause::Misconfigured));
}

#[tokio::test]
async fn a_failure_with_half_a_body_is_that_failure() {
    let half = b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    assert_eq!(outcome(Act::AnswerAndClose(half.clone())).await, failed(Cause::Busy));
    let began = std::time::Instant::now();
    assert_eq!(outcome(Act::Answer(half)).await, failed(Cause::Busy));
    assert!(began.elapsed() < super::PATIENCE / 2, "the rest was waited for");
}

#[tokio::test]
async fn no_answer_in_time() {
    let server = Misbehaving::start([Act::Hang]).await;
    let live = live(server.target());
    let began = std::time::Instant::now();
    assert_eq!(deliver(&live, &hasty()).await, failed(Cause::Timeout));
    assert!(began.elapsed() >= super::SHORT && began.elapsed() < super::PATIENCE);
    // Nothing of the message goes on: its connection is closed.
    server.wait_closed(1).await;
}

#[tokio::test]
async fn half_an_answer_in_time() {
    for half in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n1"] {
        let server = Misbehaving::start([Act::Answer(half.into())]).await;
        assert_eq!(deliver(&live(server.target()), &hasty()).await, failed(Cause::Timeout), "{half}");
        server.wait_closed(1).await;
    }
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_not_taken_for_the_next_one() {
    let release = Arc::new(Notify::new());
    let late = Act::AnswerWhen(Arc::clone(&release), answer("200 OK", &[], ""));
    let server = Misbehaving::start([late, Act::Answer(answer("404 Not Found", &[], ""))]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &hasty()).await, failed(Cause::Timeout));
    release.notify_one();
    server.wait_closed(1).await;
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(server.heard()[1].connection, 1);
}

#[tokio::test]
async fn a_slow_answer_within_the_deadline_counts() {
    let release = Arc::new(Notify::new());
    let server = Misbehaving::start([Act::AnswerWhen(Arc::clone(&release), answer("200 OK", &[], ""))]).await;
    let live = live(server.target());
    let delivery = one();
    let answered = deliver(&live, &delivery);
    let released = async {
        server.wait_heard(1).await;
        release.notify_one();
    };
    assert_eq!(tokio::join!(answered, released).0, accepted());
}

#[tokio::test]
async fn a_deadline_that_is_past_sends_nothing() {
    let server = Misbehaving::start([Act::Answer(answer("200 OK", &[], ""))]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &one()).await, accepted());
    let late = Delivery { deadline: std::time::Instant::now() - Duration::from_millis(1), ..one() };
    assert_eq!(deliver(&live, &late).await, failed(Cause::Timeout));
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(server.heard().len(), 2);
}

#[tokio::test]
async fn a_delivery_that_is_dropped_closes_its_connection() {
    let server = Misbehaving::start([Act::Hang]).await;
    let live = live(server.target());
    let delivery = one();
    tokio::select! {
        outcome = deliver(&live, &delivery) => panic!("answered: {outcome:?}"),
        () = server.wait_heard(1) => {}
    }
    server.wait_closed(1).await;
}
