//! Complete answers: each status means what the table says, and no redirect is followed.

use super::{accepted, deliver, delivery, failed, live, one};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use mailchute::backend::{Cause, Live, Receipt};
use mailchute::metrics::Metrics;
use mailchute::smtp::Reply;
use std::collections::BTreeMap;
use std::sync::Arc;

#[tokio::test]
async fn every_row_of_the_table() {
    for (line, expected) in [
        ("200 OK", accepted()),
        ("201 Created", accepted()),
        ("202 Accepted", accepted()),
        ("299 Fine", accepted()),
        ("300 Multiple Choices", failed(Cause::Misconfigured)),
        ("304 Not Modified", failed(Cause::Misconfigured)),
        ("400 Bad Request", failed(Cause::Misconfigured)),
        ("401 Unauthorized", failed(Cause::Misconfigured)),
        ("404 Not Found", failed(Cause::Misconfigured)),
        ("413 Content Too Large", failed(Cause::Misconfigured)),
        ("429 Too Many Requests", failed(Cause::Busy)),
        ("500 Internal Server Error", failed(Cause::Failed)),
        ("501 Not Implemented", failed(Cause::Failed)),
        ("502 Bad Gateway", failed(Cause::Failed)),
        ("503 Service Unavailable", failed(Cause::Busy)),
        ("504 Gateway Timeout", failed(Cause::Failed)),
        ("507 Insufficient Storage", failed(Cause::Failed)),
    ] {
        let server = Misbehaving::start([status(line)]).await;
        assert_eq!(deliver(&live(server.target()), &one()).await, expected, "{line}");
        assert_eq!(server.heard().len(), 1, "{line}");
    }
}

#[tokio::test]
async fn no_content() {
    let server = Misbehaving::start([Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())]).await;
    assert_eq!(deliver(&live(server.target()), &one()).await, accepted());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for line in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"]
    {
        let elsewhere = Misbehaving::start([status("200 OK")]).await;
        let location = format!("location: http://{}/", elsewhere.address);
        let server = Misbehaving::start([Act::Answer(answer(line, &[&location], ""))]).await;
        assert_eq!(deliver(&live(server.target()), &one()).await, failed(Cause::Misconfigured), "{line}");
        assert_eq!((server.heard().len(), elsewhere.connections()), (1, 0), "{line}");
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let octets = [b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), answer("503 Busy", &[], "")].concat();
    let server = Misbehaving::start([Act::Answer(octets)]).await;
    assert_eq!(deliver(&live(server.target()), &one()).await, failed(Cause::Busy));
}

#[tokio::test]
async fn every_recipient_has_an_outcome() {
    let recipients = ["a@example.org", "b@example.org", "c@example.org"];
    let server = Misbehaving::start([status("200 OK"), status("404 Not Found")]).await;
    let live = live(server.target());
    let outcomes = live.deliver(&delivery(&recipients)).await;
    assert_eq!(outcomes, vec![Ok(Receipt::default()); 3]);
    let outcomes = live.deliver(&delivery(&recipients)).await;
    let causes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap_err().cause).collect();
    assert_eq!(causes, [Cause::Misconfigured; 3]);
}

#[tokio::test]
async fn a_user_may_map_a_status() {
    let server = Misbehaving::start([status("406 Not Acceptable"), status("405 Method Not Allowed")]).await;
    let mut backend = super::backend(server.target());
    let reply = Reply::fixed(550, 7, 1, "Not wanted here");
    backend.responses = BTreeMap::from([(406, reply)]);
    let live = Live::new(Arc::new(backend), &Metrics::new());
    let mapped = Err((Cause::Misconfigured, Some("550 5.7.1 Not wanted here".to_owned())));
    assert_eq!(deliver(&live, &one()).await, mapped);
    assert_eq!(deliver(&live, &one()).await, failed(Cause::Misconfigured));
}

#[tokio::test]
async fn attempts_are_counted_by_outcome() {
    let metrics = Metrics::new();
    let server = Misbehaving::start([status("503 Busy"), status("200 OK")]).await;
    let live = Live::new(Arc::new(super::backend(server.target())), &metrics);
    assert_eq!(deliver(&live, &super::with_retries(1)).await, accepted());
    let text = metrics.render();
    for (outcome, count) in [("busy", 1), ("delivered", 1)] {
        let line = format!(
            "mailchute_delivery_attempts_total{{backend=\"test/backend\",kind=\"http\",outcome=\"{outcome}\"}} {count}\n"
        );
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("mailchute_delivery_in_flight{backend=\"test/backend\"} 0\n"), "{text}");
}
