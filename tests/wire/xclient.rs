//! XCLIENT: a trusted peer says who the client is, and all that goes by the client goes by that one.

use super::proxy::{line, listening, through};
use crate::support::client::Client;

const MESSAGE: &[u8] = b"\r\nOne.\r\n";
const TRUSTED: &str = "xclient: {trustedCIDRs: [127.0.0.0/8]}";

#[test]
fn only_trusted_peers_are_told_of_it_and_may_use_it() {
    let (front_end, _backend) = listening(TRUSTED);
    let mut peer = Client::greeted(front_end.smtp);
    assert!(peer.expect("EHLO peer.example", 250).text().contains("XCLIENT NAME ADDR PORT"));
    peer.expect("XCLIENT ADDR=192.0.2.1", 220);
    let (front_end, _backend) = listening("xclient: {trustedCIDRs: [192.0.2.0/24]}");
    let mut other = Client::greeted(front_end.smtp);
    assert!(!other.expect("EHLO peer.example", 250).text().contains("XCLIENT"));
    other.expect("XCLIENT ADDR=192.0.2.1", 502);
    front_end.wait_for_metric(&["smtp_commands_total", "XCLIENT", r#"code="502""#], 1.0);
}

#[test]
fn whom_it_trusts_goes_by_the_client_behind_the_proxy() {
    let (front_end, _backend) = listening(
        "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}, xclient: {trustedCIDRs: [192.0.2.0/24]}",
    );
    for (client, code) in [("192.0.2.1", 220), ("127.0.0.1", 502)] {
        let mut client = through(&front_end, &line(client));
        assert_eq!(client.reply().code, 220);
        client.expect("EHLO peer.example", 250);
        client.expect("XCLIENT ADDR=198.51.100.1", code);
    }
}

#[test]
fn the_backend_is_told_of_the_client_that_was_named() {
    let (front_end, backend) = listening(TRUSTED);
    let mut peer = Client::greeted(front_end.smtp);
    peer.expect(
        "XCLIENT NAME=client.example ADDR=IPV6:2001:db8::7 PORT=4321 PROTO=ESMTP HELO=helo.example LOGIN=alice",
        220,
    );
    peer.expect("EHLO peer.example", 250);
    assert_eq!(peer.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    // One connection may carry one client after another; what was known of the first is forgotten.
    peer.expect("XCLIENT ADDR=192.0.2.9 HELO=[UNAVAILABLE]", 220);
    peer.expect("EHLO peer.example", 250);
    assert_eq!(peer.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    let told: Vec<_> = backend
        .wait_for(2)
        .iter()
        .map(|event| {
            ["ce-clientip", "ce-clientname", "ce-helo", "ce-authid"].map(|name| event.header(name).to_owned())
        })
        .collect();
    assert_eq!(told[0], ["2001:db8::7", "client.example", "helo.example", "alice"]);
    assert_eq!(told[1], ["192.0.2.9", "", "peer.example", ""]);
}

#[test]
fn the_client_that_was_named_may_be_denied() {
    let (front_end, _backend) = listening(&format!("{TRUSTED}, connection: {{denyCIDRs: [192.0.2.66]}}"));
    let mut peer = Client::greeted(front_end.smtp);
    let denied = peer.expect("XCLIENT ADDR=192.0.2.66", 554);
    assert_eq!(denied.lines[0].get(..5), Some("5.7.1"));
    peer.expect("EHLO peer.example", 503);
    peer.expect("QUIT", 221);
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="refused""#], 1.0);
}

#[test]
fn the_client_that_was_named_has_its_limits() {
    let limits = "sessions: 2, messagesPerMinute: 1";
    let (front_end, _backend) = listening(&format!("{TRUSTED}, connection: {{perClient: {{{limits}}}}}"));
    let peer_for = |client: &str, code: u16| {
        let mut peer = Client::greeted(front_end.smtp);
        let reply = peer.expect(&format!("XCLIENT ADDR={client}"), code);
        (peer, reply)
    };
    let (mut first, _) = peer_for("192.0.2.1", 220);
    let _second = peer_for("192.0.2.1", 220);
    let (mut third, reply) = peer_for("192.0.2.1", 421);
    assert_eq!(reply.lines[0].get(..5), Some("4.7.0"));
    assert_eq!(third.rest(), "");
    let _other = peer_for("192.0.2.2", 220);
    first.expect("EHLO peer.example", 250);
    first.expect("MAIL FROM:<a@client.example>", 250);
    first.expect("RSET", 250);
    first.expect("MAIL FROM:<a@client.example>", 451);
    first.expect("XCLIENT ADDR=192.0.2.3", 220);
    first.expect("EHLO peer.example", 250);
    first.expect("MAIL FROM:<a@client.example>", 250);
}

#[test]
fn connections_a_minute_are_counted_for_the_client_that_was_named() {
    let limits = "perClient: {connectionsPerMinute: 2}";
    let fields = format!(
        "{TRUSTED}, proxyProtocol: {{mode: Optional, trustedCIDRs: [127.0.0.0/8]}}, connection: {{{limits}}}"
    );
    let (front_end, _backend) = listening(&fields);
    // The peer speaks for itself, so it has no rate of its own.
    let mut peer = through(&front_end, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert_eq!(peer.reply().code, 220);
    for code in [220, 220, 421] {
        peer.expect("EHLO peer.example", 250);
        peer.expect("XCLIENT ADDR=192.0.2.1", code);
    }
    let check = r#"check="connection_rate""#;
    front_end.wait_for_metric(&["policy_checks_total", check, r#"outcome="refuse""#], 1.0);
}

#[test]
fn a_client_that_is_named_in_several_commands_counts_once() {
    let limits = "connection: {perClient: {sessions: 1, connectionsPerMinute: 1}}";
    let (front_end, backend) = listening(&format!("{TRUSTED}, {limits}"));
    let mut peer = Client::greeted(front_end.smtp);
    peer.expect("XCLIENT NAME=client.example ADDR=192.0.2.7 PORT=4321", 220);
    peer.expect("EHLO peer.example", 250);
    peer.expect("XCLIENT HELO=helo.example PROTO=ESMTP", 220);
    peer.expect("EHLO peer.example", 250);
    assert_eq!(peer.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    let event = &backend.wait_for(1)[0];
    let told = ["ce-clientip", "ce-clientname", "ce-helo"].map(|name| event.header(name));
    assert_eq!(told, ["192.0.2.7", "client.example", "helo.example"]);
}

#[test]
fn nothing_that_was_said_of_one_client_is_told_of_the_next() {
    let (front_end, backend) = listening(TRUSTED);
    let mut peer = Client::greeted(front_end.smtp);
    for named in [
        "NAME=client.example ADDR=192.0.2.7 PORT=4321 PROTO=SMTP HELO=helo.example LOGIN=alice",
        "ADDR=192.0.2.8",
        "NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]",
    ] {
        peer.expect(&format!("XCLIENT {named}"), 220);
        peer.expect("EHLO peer.example", 250);
        assert_eq!(peer.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    }
    let told: Vec<_> = backend
        .wait_for(3)
        .iter()
        .map(|event| {
            ["ce-clientip", "ce-clientname", "ce-helo", "ce-protocol", "ce-authid"]
                .map(|name| event.header(name).to_owned())
        })
        .collect();
    assert_eq!(told[0], ["192.0.2.7", "client.example", "helo.example", "SMTP", "alice"]);
    assert_eq!(told[1], ["192.0.2.8", "", "peer.example", "ESMTP", ""]);
    assert_eq!(told[2], ["127.0.0.1", "", "peer.example", "ESMTP", ""]);
}

#[test]
fn a_peer_is_counted_for_the_clients_that_it_names_and_not_for_itself() {
    let limits = "connection: {perClient: {sessions: 1, connectionsPerMinute: 1}}";
    let (front_end, _backend) = listening(&format!("{TRUSTED}, {limits}"));
    let mut peers: Vec<Client> = (0..3).map(|_| Client::greeted(front_end.smtp)).collect();
    for (peer, (client, code)) in
        peers.iter_mut().zip([("192.0.2.1", 220), ("192.0.2.2", 220), ("192.0.2.1", 421)])
    {
        peer.expect(&format!("XCLIENT ADDR={client}"), code);
    }
}
