//! The greeting is held back for a while; who can't wait is turned away.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::proxy::{line, listening, through};
use crate::support::client::Client;
use crate::support::scene::Scene;
use crate::support::secure::Tls;

#[test]
fn whoever_waits_is_greeted() {
    let (front_end, _backend) = listening("connection: {greetingDelay: 500ms}");
    let started = Instant::now();
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    assert!(started.elapsed() >= Duration::from_millis(500));
    client.expect("EHLO client.example", 250);
    assert!(front_end.metric(&["protocol_violations_total"]) < 0.5);
}

#[test]
fn whoever_speaks_before_is_554_at_once() {
    let (front_end, _backend) = listening("connection: {greetingDelay: 1h}");
    let mut client = through(&front_end, b"EHLO client.example\r\n");
    let reply = client.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (554, Some("5.5.0")));
    assert_eq!(client.rest(), "");
    front_end.wait_for_metric(&["protocol_violations_total", r#"kind="early_talker""#], 1.0);
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="expelled""#], 1.0);
    front_end.wait_for_metric(&["smtp_commands_total", "CONNECT", r#"code="554""#], 1.0);
}

#[test]
fn whoever_leaves_is_gone_at_once() {
    let (front_end, _backend) = listening("connection: {greetingDelay: 1h}");
    let waiting = TcpStream::connect(front_end.smtp).unwrap();
    front_end.wait_for_metric(&["smtp_sessions_active"], 1.0);
    drop(waiting);
    front_end.wait_for_metric(&["smtp_sessions_active"], 0.0);
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="disconnected""#], 1.0);
}

#[test]
fn a_refusal_is_not_held_back() {
    let (front_end, _backend) = listening("connection: {greetingDelay: 1h, denyCIDRs: [127.0.0.1]}");
    assert_eq!(Client::connect(front_end.smtp).unwrap().reply().code, 554);
}

#[test]
fn the_header_of_a_proxy_is_not_early_but_what_its_client_says_is() {
    let (front_end, _backend) = listening(
        "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}, connection: {greetingDelay: 500ms}",
    );
    let mut client = through(&front_end, &line("192.0.2.1"));
    assert_eq!(client.reply().code, 220);
    let mut client = through(&front_end, &[line("192.0.2.1"), b"EHLO client.example\r\n".to_vec()].concat());
    assert_eq!(client.reply().code, 554);
}

#[test]
fn a_front_end_that_goes_away_waits_for_nobody() {
    let (mut front_end, _backend) = listening("connection: {greetingDelay: 1h}");
    let mut client = Client::connect(front_end.smtp).unwrap();
    front_end.wait_for_metric(&["smtp_sessions_active"], 1.0);
    front_end.terminate();
    let reply = client.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.3.2")));
    assert!(front_end.wait().success());
}

#[test]
fn inside_tls_the_wait_begins_behind_the_handshake() {
    let connect = |delay: &str| {
        let listener = format!(
            ", proxyProtocol: {{mode: Required, trustedCIDRs: [127.0.0.0/8]}}, connection: {{greetingDelay: {delay}}}"
        );
        let scene = Scene::with_arguments("mode: Implicit", &listener, &[]);
        let client = through(&scene.front_end, &line("192.0.2.1"));
        let (client, _) = Tls::any().on(client, "mx.example.org").unwrap();
        (scene, client)
    };
    let (_scene, mut client) = connect("500ms");
    assert_eq!(client.reply().code, 220);
    let (scene, mut client) = connect("1h");
    client.write(b"EHLO client.example\r\n").unwrap();
    let reply = client.reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (554, Some("5.5.0")));
    scene.violations("early_talker", 1.0);
    scene.sessions("expelled", 1.0);
}
