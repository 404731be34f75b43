//! The PROXY protocol: who the client is, whom we believe, and what is no client.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::{PATIENCE, until_true};

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const REQUIRED: &str = "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}";
const OPTIONAL: &str = "proxyProtocol: {mode: Optional, trustedCIDRs: [127.0.0.0/8]}";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n";

/// A front-end whose listener has these fields.
pub(super) fn listening(fields: &str) -> (FrontEnd, Recorder) {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, fields).all_to(backend.address);
    (FrontEnd::start(port, &manifests, &[]), backend)
}

/// Connects as a proxy does; what it says has still to be read.
pub(super) fn through(front_end: &FrontEnd, header: &[u8]) -> Client {
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.write(header).unwrap();
    client
}

/// The line of version 1 for a client.
pub(super) fn line(client: &str) -> Vec<u8> {
    let family = if client.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
    format!("PROXY {} {client} {} 12345 25\r\n", family.0, family.1).into_bytes()
}

/// A header of version 2.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

fn inet(tlvs: &[u8]) -> Vec<u8> {
    [&[192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 25], tlvs].concat()
}

fn inet6() -> Vec<u8> {
    let mut block = vec![0; 36];
    block[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    block[15] = 7;
    block[32..34].copy_from_slice(&[0x30, 0x39]);
    block
}

/// Whom the backend is told of, for a message behind `header`.
fn client_of(front_end: &FrontEnd, backend: &Recorder, header: &[u8]) -> String {
    let mut client = through(front_end, header);
    assert_eq!(client.reply().code, 220);
    client.expect("EHLO client.example", 250);
    let before = backend.received().len();
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    backend.wait_for(before + 1)[before].header("ce-clientip").to_owned()
}

/// A connection that is closed without a word.
fn closed_unread(front_end: &FrontEnd, octets: &[u8]) {
    let mut stream = TcpStream::connect(front_end.smtp).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A front-end that does not listen may have closed already.
    let _ = stream.write_all(octets);
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    assert!(read.is_ok_and(|octets| octets == 0) || said.is_empty(), "{said:?}");
}

fn violations(front_end: &FrontEnd, kind: &str, times: f64) {
    let label = format!("kind=\"{kind}\"");
    front_end.wait_for_metric(&["protocol_violations_total", &label], times);
}

fn sessions(front_end: &FrontEnd, outcome: &str, times: f64) {
    let label = format!("outcome=\"{outcome}\"");
    front_end.wait_for_metric(&["smtp_sessions_total", &label], times);
}

#[test]
fn the_backend_is_told_of_the_client_behind_the_proxy() {
    for mode in [REQUIRED, OPTIONAL] {
        let (front_end, backend) = listening(mode);
        let long = binary(0x21, 0x11, &inet(&vec![0xa5; 60_000]));
        for (header, client) in [
            (LINE.to_vec(), "192.0.2.7"),
            (line("2001:db8::7"), "2001:db8::7"),
            (line("::ffff:192.0.2.7"), "192.0.2.7"),
            (b"PROXY UNKNOWN anything\r\n".to_vec(), "127.0.0.1"),
            (binary(0x21, 0x11, &inet(b"")), "192.0.2.7"),
            (long, "192.0.2.7"),
            (binary(0x21, 0x21, &inet6()), "2001:db8::7"),
            (binary(0x21, 0x00, b""), "127.0.0.1"),
            (binary(0x21, 0x31, &[b'/'; 216]), "127.0.0.1"),
            (binary(0x20, 0x00, b""), "127.0.0.1"),
        ] {
            assert_eq!(client_of(&front_end, &backend, &header), client, "{mode}: {header:?}");
        }
    }
}

#[test]
fn a_header_may_come_in_any_pieces() {
    let (front_end, _backend) = listening(REQUIRED);
    for header in [LINE.to_vec(), binary(0x21, 0x21, &[inet6(), vec![4, 0, 3, 0, 0, 0]].concat())] {
        for cut in 1..header.len() {
            let mut client = through(&front_end, &header[..cut]);
            client.write(&header[cut..]).unwrap();
            assert_eq!(client.reply().code, 220, "cut at {cut}");
            client.expect("QUIT", 221);
        }
        let mut client = Client::connect(front_end.smtp).unwrap();
        for octet in &header {
            client.write(&[*octet]).unwrap();
        }
        assert_eq!(client.reply().code, 220);
    }
    assert!(front_end.metric(&["protocol_violations_total"]) < 0.5);
}

#[test]
fn what_stands_behind_a_header_is_the_clients() {
    let (front_end, _backend) = listening(REQUIRED);
    let mut client = through(&front_end, &[LINE, b"NOOP\r\nEHLO client.example\r\n"].concat());
    assert_eq!([(); 3].map(|()| client.reply().code), [220, 250, 250]);
}

#[test]
fn where_it_is_required_whoever_has_none_is_closed_unanswered() {
    let (front_end, _backend) = listening(REQUIRED);
    for (nth, octets) in [
        &b"EHLO client.example\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 nobody nowhere 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\n",
        &[b"PROXY UNKNOWN ", &[b'a'; 200][..]].concat(),
        &binary(0x31, 0x11, &inet(b"")),
        &binary(0x21, 0x11, b"short"),
    ]
    .into_iter()
    .enumerate()
    {
        closed_unread(&front_end, octets);
        violations(&front_end, "proxy_header", nth as f64 + 1.0);
    }
    sessions(&front_end, "expelled", 7.0);
    // So long nobody sends one that is whole.
    closed_unread(&front_end, &LINE[..20]);
    violations(&front_end, "proxy_header", 8.0);
    sessions(&front_end, "timed_out", 1.0);
    assert!(front_end.metric(&["smtp_commands_total"]) < 0.5, "nobody was answered");
}

#[test]
fn where_it_is_required_only_trusted_peers_may_connect() {
    let (front_end, _backend) = listening("proxyProtocol: {mode: Required, trustedCIDRs: [192.0.2.0/24]}");
    closed_unread(&front_end, LINE);
    violations(&front_end, "untrusted_proxy", 1.0);
    sessions(&front_end, "refused", 1.0);
}

#[test]
fn where_it_is_optional_a_client_is_greeted_after_a_moment_or_once_it_speaks() {
    let (front_end, backend) = listening(OPTIONAL);
    assert_eq!(client_of(&front_end, &backend, b""), "127.0.0.1");
    let mut client = through(&front_end, b"EHLO client.example\r\n");
    assert_eq!([(); 2].map(|()| client.reply().code), [220, 250]);
    // What has begun is no client, and is not taken for one.
    closed_unread(&front_end, &LINE[..20]);
    closed_unread(&front_end, b"PROXY TCP4 nobody nowhere 1 2\r\n");
    violations(&front_end, "proxy_header", 2.0);
}

#[test]
fn where_it_is_optional_nobody_else_is_believed() {
    let (front_end, backend) = listening("proxyProtocol: {mode: Optional, trustedCIDRs: [192.0.2.0/24]}");
    let mut client = through(&front_end, LINE);
    assert_eq!([(); 2].map(|()| client.reply().code), [220, 500]);
    client.expect("EHLO client.example", 250);
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    assert_eq!(backend.wait_for(1)[0].header("ce-clientip"), "127.0.0.1");
}

#[test]
fn health_checks_are_no_clients() {
    let limits = "connection: {denyCIDRs: [127.0.0.0/8], perClient: {sessions: 1, connectionsPerMinute: 1}}";
    for mode in [REQUIRED, OPTIONAL] {
        let (front_end, _backend) = listening(&format!("{mode}, {limits}"));
        drop(TcpStream::connect(front_end.smtp).unwrap());
        sessions(&front_end, "health_check", 1.0);
        // HAProxy's own, by either version: the dialogue goes as far as it likes.
        let mut checks = Vec::new();
        for _ in 0..2 {
            let mut check = through(&front_end, &binary(0x20, 0x00, b""));
            assert_eq!(check.reply().code, 220);
            check.expect("EHLO proxy.example", 250);
            let mut stream = TcpStream::connect(front_end.smtp).unwrap();
            let own = stream.local_addr().unwrap();
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, own.port()));
            write!(stream, "PROXY TCP4 127.0.0.1 127.0.0.1 {} 25\r\n", address.port()).unwrap();
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).unwrap();
            assert_eq!(&greeting, b"220");
            checks.push((check, stream));
        }
        assert!(front_end.metric(&["smtp_sessions_active"]) < 0.5);
        drop(checks);
        sessions(&front_end, "health_check", 5.0);
        assert!((front_end.metric(&["smtp_sessions_total"]) - 5.0).abs() < 0.5);
        assert!(front_end.metric(&["policy_checks_total"]) < 0.5);
        assert!(front_end.metric(&["protocol_violations_total"]) < 0.5);
    }
}

#[test]
fn limits_are_those_of_the_client_behind_the_proxy() {
    let (front_end, _backend) = listening(&format!("{REQUIRED}, connection: {{perClient: {{sessions: 1}}}}"));
    let mut held: Vec<Client> = Vec::new();
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1"] {
        let mut client = through(&front_end, &line(client));
        assert_eq!(client.reply().code, 220);
        held.push(client);
    }
    for client in ["192.0.2.2", "2001:db8:0:1::9"] {
        let reply = through(&front_end, &line(client)).reply();
        assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.7.0")));
    }
}

#[test]
fn half_headers_take_places_and_give_them_back() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, REQUIRED).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &["--max-sessions", "2"]);
    let halves = [0; 2].map(|_| through(&front_end, &LINE[..20]));
    let reply = through(&front_end, LINE).reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (421, Some("4.3.2")));
    drop(halves);
    until_true("places are given back", || through(&front_end, LINE).reply().code == 220);
}

#[test]
fn a_front_end_that_goes_away_waits_for_no_header() {
    let (mut front_end, _backend) = listening(REQUIRED);
    let mut half = through(&front_end, &LINE[..20]);
    let mut whole = through(&front_end, LINE);
    assert_eq!(whole.reply().code, 220);
    front_end.terminate();
    assert_eq!(half.rest(), "");
    assert_eq!(whole.reply().code, 421);
    assert!(front_end.wait().success());
}
