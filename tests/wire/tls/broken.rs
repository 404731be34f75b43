//! Handshakes and sessions that break, and what is delivered then: nothing that is not whole.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::{MESSAGE, RECIPIENT, SENDER};
use crate::support::client::{Client, stuffed};
use crate::support::scene::Scene;
use crate::support::secure::Tls;

/// What a client says first, in TLS.
fn client_hello() -> Vec<u8> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let name = "mx.example.org".try_into().unwrap();
    let mut connection = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn half_a_handshake_and_then_the_end() {
    let scene = Scene::implicit();
    let hello = client_hello();
    // Whoever says nothing began none.
    for (count, length) in [(0.0, 0), (1.0, 1), (2.0, 5), (3.0, hello.len() - 1), (4.0, hello.len())] {
        let mut client = Client::connect(scene.front_end.smtp).unwrap();
        client.write(&hello[..length]).unwrap();
        client.finish();
        let mut octets = Vec::new();
        client.writer().read_to_end(&mut octets).unwrap();
        scene.sessions("disconnected", count + 1.0);
        scene.handshakes(&["disconnected"], count);
    }
}

#[test]
fn a_handshake_octet_by_octet_is_one() {
    let scene = Scene::implicit();
    let client = Client::connect(scene.front_end.smtp).unwrap();
    let hello = client_hello();
    for octet in &hello {
        client.writer().write_all(&[*octet]).unwrap();
    }
    let mut answer = [0; 6];
    client.writer().read_exact(&mut answer).unwrap();
    // RFC 8446 §5.1, §4: a record of a handshake, and in it ServerHello.
    assert_eq!((answer[0], answer[5]), (22, 2));
}

#[test]
fn garbage_is_answered_by_an_alert() {
    let scene = Scene::implicit();
    let hello = client_hello();
    let mut wrong = hello.clone();
    wrong[6..9].fill(0xff);
    let endless = [&[22, 3, 1, 0x40, 0][..], &[1; 0x4000]].concat().repeat(8);
    for (count, octets) in
        [(1.0, &[0xff; 64][..]), (2.0, &wrong), (3.0, &endless), (4.0, &[22, 3, 1, 0xff, 0xff, 1])]
    {
        let mut client = Client::connect(scene.front_end.smtp).unwrap();
        // It may be closed before all is written.
        let _ = client.write(octets);
        let mut answer = Vec::new();
        let _ = client.writer().read_to_end(&mut answer);
        // RFC 8446 §5.1: the record type of alerts.
        assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
        scene.handshakes(&["broken"], count);
    }
    scene.sessions("expelled", 4.0);
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    // One of one session: patience is short.
    let scene = Scene::with_arguments("mode: Implicit", "", &["--max-sessions", "1"]);
    let mut client = Client::connect(scene.front_end.smtp).unwrap();
    client.write(&client_hello()[..20]).unwrap();
    assert_eq!(client.rest(), "");
    scene.handshakes(&["timed_out"], 1.0);
    scene.sessions("timed_out", 1.0);
}

#[test]
fn an_end_without_close_notify_delivers_nothing_that_is_not_whole() {
    let scene = Scene::starttls();
    let (mut client, _) = Tls::any().start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    client.begin(SENDER, RECIPIENT);
    client.write(MESSAGE).unwrap();
    client.writer().shutdown(Shutdown::Write).unwrap();
    client.writer().read_to_end(&mut Vec::new()).unwrap();
    scene.front_end.wait_for_metric(&["mailchute_messages_total", "abandoned"], 1.0);
    scene.sessions("disconnected", 1.0);
    assert!(scene.backend.received().is_empty());
    // What was whole before is answered.
    let (mut client, _) = Tls::any().start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    client.begin(SENDER, RECIPIENT);
    client.write(&stuffed(MESSAGE)).unwrap();
    client.writer().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(scene.backend.received().len(), 1);
}

#[test]
fn a_record_that_was_tampered_with_ends_the_session() {
    let scene = Scene::starttls();
    let (mut client, _) = Tls::any().start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    client.begin(SENDER, RECIPIENT);
    client.write(MESSAGE).unwrap();
    client.writer().write_all(&[&[23, 3, 3, 0, 32][..], &[7; 32]].concat()).unwrap();
    let _ = client.writer().read_to_end(&mut Vec::new());
    scene.sessions("disconnected", 1.0);
    assert!(scene.backend.received().is_empty());
}
