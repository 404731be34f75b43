//! STARTTLS (RFC 3207).

use super::{MESSAGE, RECIPIENT, SENDER};
use crate::support::client::Client;
use crate::support::scene::Scene;
use crate::support::secure::Tls;

#[test]
fn a_message_inside_tls_is_told_so() {
    let scene = Scene::starttls();
    for (version, name) in [(&rustls::version::TLS12, "TLSv1.2"), (&rustls::version::TLS13, "TLSv1.3")] {
        let (mut client, shown) = Tls::of(&[version]).start(scene.front_end.smtp, "mx.example.org").unwrap();
        assert!(shown.is(&scene.certificate));
        let hello = client.expect("EHLO client.example", 250).text();
        assert!(!hello.contains("STARTTLS"), "{hello}");
        assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
        let received = scene.backend.received();
        let received = received.last().unwrap();
        assert_eq!(received.header("ce-tlsversion"), name);
        let stamped = String::from_utf8_lossy(&received.body).replace("\r\n\t", " ");
        let told = format!("({name} {})", received.header("ce-tlscipher"));
        assert!(stamped.contains("with ESMTPS id ") && stamped.contains(&told), "{stamped}");
        received.assert_carries(MESSAGE);
        client.expect("QUIT", 221);
    }
    scene.handshakes(&["version=\"1.2\"", "outcome=\"full\""], 1.0);
    scene.handshakes(&["version=\"1.3\"", "outcome=\"full\""], 1.0);
    scene.front_end.wait_for_metric(&["mailchute_smtp_tls_handshake_duration_seconds_count", "mx"], 2.0);
}

#[test]
fn starttls_forgets_everything() {
    let scene = Scene::starttls();
    let mut client = Client::greeted(scene.front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("STARTTLS", 220);
    let (mut client, _) = Tls::any().on(client, "mx.example.org").unwrap();
    client.expect("RCPT TO:<b@example.org>", 503);
    client.expect("MAIL FROM:<a@client.example>", 503);
    client.expect("EHLO client.example", 250);
    client.expect("STARTTLS", 503);
    client.expect("DATA", 503);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    assert_eq!(scene.backend.received().len(), 1);
}

#[test]
fn what_stands_behind_starttls_is_never_executed() {
    let scene = Scene::starttls();
    let mut client = Client::greeted(scene.front_end.smtp);
    client.write(b"STARTTLS\r\nMAIL FROM:<a@client.example>\r\n").unwrap();
    assert_eq!(client.rest(), "");
    scene.violations("starttls_injection", 1.0);
    // Behind the 220 only a handshake is understood.
    let mut client = Client::greeted(scene.front_end.smtp);
    client.expect("STARTTLS", 220);
    client.write(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n").unwrap();
    assert_eq!(client.rest(), "");
    scene.handshakes(&["cross_protocol"], 1.0);
    assert!(scene.front_end.metric(&["mailchute_smtp_commands_total", "MAIL"]) < 0.5);
}

#[test]
fn required_means_nothing_before() {
    let scene = Scene::with("mode: StartTLS, required: true");
    let mut client = Client::greeted(scene.front_end.smtp);
    let refused = client.expect("MAIL FROM:<a@client.example>", 530);
    assert!(refused.text().starts_with("5.7.0 "), "{refused:?}");
    client.expect("NOOP", 250);
    client.expect("STARTTLS", 220);
    let (mut client, _) = Tls::any().on(client, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    scene.front_end.wait_for_metric(&["mailchute_smtp_commands_total", "MAIL", "530"], 1.0);
}

#[test]
fn a_large_message_comes_through_in_both_directions_of_pipelining() {
    let scene = Scene::starttls();
    let (mut client, _) = Tls::any().start(scene.front_end.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    let message =
        b"Subject: large\r\n\r\n".iter().chain(b"0123456789abcdef\r\n".iter().cycle().take(18 * 50_000));
    let message: Vec<u8> = message.copied().collect();
    for _ in 0..3 {
        assert_eq!(client.send(SENDER, &[RECIPIENT], &message).code, 250);
    }
    client.write(&b"NOOP\r\n".repeat(5000)).unwrap();
    for _ in 0..5000 {
        assert_eq!(client.reply().code, 250);
    }
    let received = scene.backend.received();
    assert_eq!(received.len(), 3);
    received.iter().for_each(|received| received.assert_carries(&message));
}
