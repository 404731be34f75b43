//! Connections are used again, and one that was closed meanwhile costs nothing but a new one.

use super::{accepted, deliver, failed, live, one, with_retries};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use mailchute::backend::{Cause, Delivery};
use mailchute::mail::body::Message;
use std::sync::Arc;
use tokio::sync::Notify;

fn connections(server: &Misbehaving) -> Vec<usize> {
    server.heard().iter().map(|heard| heard.connection).collect()
}

#[tokio::test]
async fn one_connection_serves_one_message_after_the_other() {
    let acts = ["200 OK", "404 Not Found", "503 Busy", "200 OK"].map(status);
    let server = Misbehaving::start(acts).await;
    let live = live(server.target());
    for expected in [accepted(), failed(Cause::Misconfigured), failed(Cause::Busy), accepted()] {
        assert_eq!(deliver(&live, &one()).await, expected);
    }
    assert_eq!(connections(&server), [0, 0, 0, 0]);
}

#[tokio::test]
async fn closed_while_idle() {
    let close = Arc::new(Notify::new());
    let closing = Act::AnswerAndCloseWhen(Arc::clone(&close), answer("200 OK", &[], ""));
    let server = Misbehaving::start([closing, status("404 No")]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &one()).await, accepted());
    close.notify_one();
    server.wait_closed(1).await;
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(connections(&server), [0, 1]);
}

#[tokio::test]
async fn closed_on_the_second_request_before_the_first_octet() {
    for close in [Act::Close, Act::ResetAfterBody, Act::ResetBeforeBody] {
        let server = Misbehaving::start([status("200 OK"), close, status("404 No")]).await;
        let live = live(server.target());
        assert_eq!(deliver(&live, &one()).await, accepted());
        assert_eq!(deliver(&live, &with_retries(1)).await, failed(Cause::Misconfigured));
        assert_eq!(connections(&server), [0, 0, 1]);
        let heard = server.heard();
        assert_eq!(heard[1].head, heard[2].head);
    }
}

#[tokio::test]
async fn closed_on_the_second_request_without_a_retry() {
    let server = Misbehaving::start([status("200 OK"), Act::Close, status("200 OK")]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Reset));
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn closed_on_the_second_request_after_the_first_octet() {
    let server =
        Misbehaving::start([status("200 OK"), Act::AnswerAndClose(b"H".to_vec()), status("200 OK")]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &one()).await, accepted());
    assert_eq!(deliver(&live, &with_retries(2)).await, failed(Cause::Reset));
    assert_eq!(connections(&server), [0, 0]);
}

#[tokio::test]
async fn one_stale_connection_gives_up_all_that_are_idle() {
    let release = Arc::new(Notify::new());
    let slow = || Act::AnswerWhen(Arc::clone(&release), answer("200 OK", &[], ""));
    let server = Misbehaving::start([slow(), slow(), slow(), Act::Close, status("200 OK")]).await;
    let live = live(server.target());
    let delivery = one();
    let released = async {
        server.wait_heard(3).await;
        release.notify_waiters();
    };
    let three = async {
        tokio::join!(deliver(&live, &delivery), deliver(&live, &delivery), deliver(&live, &delivery))
    };
    assert_eq!(tokio::join!(three, released).0, (accepted(), accepted(), accepted()));
    assert_eq!(server.connections(), 3);
    assert_eq!(deliver(&live, &with_retries(1)).await, accepted());
    server.wait_closed(3).await;
    assert_eq!(connections(&server).last(), Some(&3));
}

#[tokio::test]
async fn connections_that_must_not_be_used_again() {
    let ok = |headers: &[&str]| Act::Answer(answer("200 OK", headers, ""));
    for act in [ok(&["connection: close"]), ok(&["keep-alive: timeout=1"])] {
        let server = Misbehaving::start([act]).await;
        let live = live(server.target());
        assert_eq!(deliver(&live, &one()).await, accepted());
        assert_eq!(deliver(&live, &one()).await, accepted());
        assert_eq!(connections(&server), [0, 1]);
    }
}

#[tokio::test]
async fn octets_behind_an_answer_are_not_taken_for_the_next_one() {
    let two = [answer("404 No", &[], ""), answer("200 OK", &[], "")].concat();
    let server = Misbehaving::start([Act::Answer(two), status("503 Busy")]).await;
    let live = live(server.target());
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Busy));
    assert_eq!(connections(&server), [0, 1]);
}

#[tokio::test]
async fn an_answer_before_the_body_was_sent() {
    let server =
        Misbehaving::start([Act::AnswerEarly(answer("413 Too Large", &[], "")), status("200 OK")]).await;
    let live = live(server.target());
    let message = Message::from_iter(vec![bytes::Bytes::from(vec![b'x'; 1 << 20]); 16]);
    let delivery = Delivery { message, ..one() };
    assert_eq!(deliver(&live, &delivery).await, failed(Cause::Misconfigured));
    assert_eq!(deliver(&live, &one()).await, accepted());
}
