//! Backends that can't be reached, or must not be.

use super::{deliver, failed, hasty, live, one, with_retries};
use crate::support::misbehaving::{Misbehaving, status};
use mailchute::backend::{Cause, Delivery};
use mailchute::plan::{Auth, Http, Secret, Timeouts};
use std::time::Duration;

/// A port that nobody listens on.
async fn refusing() -> Http {
    let server = Misbehaving::start([status("200 OK")]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    Http { port, ..server.target() }
}

#[tokio::test]
async fn refused() {
    assert_eq!(deliver(&live(refusing().await), &one()).await, failed(Cause::Unreachable));
}

#[tokio::test]
async fn no_such_name() {
    let http = Http { host: "no-such-host.invalid".to_owned(), ..refusing().await };
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Unreachable));
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let server = Misbehaving::start([status("404 Not Found")]).await;
    let http = Http { host: "localhost".to_owned(), ..server.target() };
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Misconfigured));
    assert_eq!(server.heard()[0].header("host"), Some(&*format!("localhost:{}", server.address.port())));
}

#[tokio::test]
async fn a_connect_that_nobody_answers_is_a_timeout() {
    // A listener whose queue is full drops what comes on top.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let _never_accepts = socket.listen(0).unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        fillers.push(filler);
        assert!(fillers.len() < 100, "the queue never fills");
    }
    let http = Http { port: address.port(), ..refusing().await };
    let timeouts = Timeouts { connect: super::SHORT, ..one().timeouts };
    let delivery = Delivery { timeouts, ..one() };
    let began = std::time::Instant::now();
    assert_eq!(deliver(&live(http.clone()), &delivery).await, failed(Cause::Timeout));
    assert!(began.elapsed() < super::PATIENCE);
    assert_eq!(deliver(&live(http), &hasty()).await, failed(Cause::Timeout));
}

#[tokio::test]
async fn loopback_only_where_it_is_allowed_and_link_local_never() {
    let server = Misbehaving::start([status("200 OK")]).await;
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"] {
        let http = Http { host: host.to_owned(), allow_loopback: false, ..server.target() };
        assert_eq!(deliver(&live(http), &with_retries(2)).await, failed(Cause::Misconfigured), "{host}");
    }
    for host in ["169.254.169.254", "fe80::1"] {
        let http = Http { host: host.to_owned(), ..server.target() };
        assert_eq!(deliver(&live(http), &hasty()).await, failed(Cause::Misconfigured), "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_can_not_be_sent_is_not() {
    let server = Misbehaving::start([status("200 OK")]).await;
    let http = Http { auth: Some(Auth::Bearer(Secret::new(b"two\r\nlines"))), ..server.target() };
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Misconfigured));
    let http = Http { https: true, ca: Some("no PEM".into()), ..server.target() };
    assert_eq!(deliver(&live(http), &one()).await, failed(Cause::Misconfigured));
    assert_eq!(server.connections(), 0);
}
