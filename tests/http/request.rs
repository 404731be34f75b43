//! The request on the wire: our prefix and the message, byte for byte, framed by Content-Length.

use super::{accepted, deliver, delivery, live, one};
use crate::support::misbehaving::{Misbehaving, status};
use bytes::Bytes;
use mailchute::backend::Delivery;
use mailchute::mail::body::Message;
use mailchute::plan::{Auth, Http, Secret};

#[tokio::test]
async fn head_and_body() {
    let server = Misbehaving::start([status("200 OK")]).await;
    let auth = Some(Auth::Bearer(Secret::new(b"token")));
    let live = live(Http { path: "/in?x=1".to_owned(), auth, ..server.target() });
    let outcomes = live.deliver(&delivery(&["a@example.org", "b@example.org"])).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let heard = &server.heard()[0];
    assert!(heard.head.starts_with("POST /in?x=1 HTTP/1.1\r\nhost: 127.0.0.1:"), "{}", heard.head);
    assert_eq!(heard.body, b"Received: by test\r\nSubject: x\r\n\r\ntext\r\n");
    assert_eq!(heard.header("content-length"), Some(&*heard.body.len().to_string()));
    assert_eq!(heard.header("content-type"), Some("message/rfc822"));
    assert_eq!(heard.header("ce-rcptto"), Some("a@example.org,b@example.org"));
    assert_eq!(heard.header("ce-mailfrom"), Some("<>"));
    assert_eq!(heard.header("authorization"), Some("Bearer token"));
    assert_eq!(heard.header("transfer-encoding"), None);
    assert_eq!(heard.header("webhook-signature"), None);
}

#[tokio::test]
async fn messages_of_any_number_of_segments() {
    let server = Misbehaving::start([status("200 OK")]).await;
    let live = live(server.target());
    for (segments, octets) in [(0, 0), (1, 1), (1, 4_000_000), (3, 70_000), (100, 5_000), (2_000, 1)] {
        let segment = |at: usize| Bytes::from(vec![u8::try_from(at % 256).unwrap(); octets]);
        let message = Message::from_iter((0..segments).map(segment));
        let expected = [b"Received: by test\r\n", &message.to_vec()[..]].concat();
        assert_eq!(deliver(&live, &Delivery { message, ..one() }).await, accepted());
        let heard = server.heard();
        assert!(heard.last().unwrap().body == expected, "{segments} × {octets}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_signature_holds_on_the_wire() {
    let server = Misbehaving::start([status("200 OK")]).await;
    let live = live(Http { signing: vec![Secret::new(b"new"), Secret::new(b"old")], ..server.target() });
    assert_eq!(deliver(&live, &one()).await, accepted());
    let heard = &server.heard()[0];
    let mut headers = ::http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, heard.header(name).unwrap().parse().unwrap());
    }
    for key in ["new", "old"] {
        let webhook = standardwebhooks::Webhook::from_bytes(key.into()).unwrap();
        webhook.verify(&heard.body, &headers).unwrap();
    }
}
