//! Implicit TLS (RFC 8314), and what comes to its port by mistake.

use super::{MESSAGE, RECIPIENT, SENDER};
use crate::support::client::Client;
use crate::support::scene::Scene;
use crate::support::secure::Tls;

#[test]
fn the_greeting_comes_inside_tls() {
    let scene = Scene::implicit();
    let (mut client, shown) = Tls::any().connect(scene.front_end.smtp, "mx.example.org").unwrap();
    assert!(shown.is(&scene.certificate));
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250).text();
    assert!(!hello.contains("STARTTLS"), "{hello}");
    assert!(client.expect("STARTTLS", 503).text().contains("already"));
    assert_eq!(client.send(SENDER, &[RECIPIENT], MESSAGE).code, 250);
    client.expect("QUIT", 221);
    // The end is told inside TLS, too: anything else would be an error.
    assert_eq!(client.rest(), "");
    scene.sessions("quit", 1.0);
}

#[test]
fn other_protocols_are_counted_and_closed() {
    let scene = Scene::implicit();
    for (count, octets) in
        [(1.0, &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]), (2.0, b"EHLO client.example\r\n")]
    {
        let mut client = Client::connect(scene.front_end.smtp).unwrap();
        client.write(octets).unwrap();
        assert_eq!(client.rest(), "");
        scene.violations("cross_protocol", count);
        scene.handshakes(&["cross_protocol"], count);
        scene.sessions("expelled", count);
    }
}

#[test]
fn a_browser_that_was_led_here_is_refused() {
    let scene = Scene::implicit();
    for (count, protocols) in [(1.0, &["h2", "http/1.1"][..]), (2.0, &["http/1.1"])] {
        let refused = Tls::any().asking_for(protocols).connect(scene.front_end.smtp, "mx.example.org");
        assert!(refused.is_err());
        scene.violations("cross_protocol", count);
    }
    let (mut client, _) =
        Tls::any().asking_for(&["http/1.1", "smtp"]).connect(scene.front_end.smtp, "mx.example.org").unwrap();
    assert_eq!(client.reply().code, 220);
}
