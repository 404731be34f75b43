//! Peers that begin with garbage, or with half a header, and stay.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::memory::allow_sessions;
use crate::scale;
use crate::stage::Stage;
use crate::support::certificates::Authority;
use crate::support::manifests::{Manifests, free_port};
use crate::support::until::PATIENCE;

/// Of no protocol, of HTTP, of the PROXY protocol and yet none of its headers.
const GARBAGE: [&[u8]; 4] =
    [&[0xff; 600], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n\0\r\nQUIT\nxxxx", b"PROXY x\r\n"];
/// Halves of headers of the PROXY protocol: of a line, of addresses, of TLVs.
const HALF_PROXY: [&[u8]; 3] = [
    b"PROXY TCP4 192.0.2.7 198.51",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff\xc0\0\x02",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x19\x04",
];
/// Halves of a TLS record with a handshake: of its head, of a ClientHello as long as may be.
const HALF_TLS: [&[u8]; 3] =
    [b"\x16", b"\x16\x03\x01\x40\x00", b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"];

/// A second listener beside that of the probe.
fn second(port: u16, fields: &str) -> impl FnOnce(Manifests) -> Manifests {
    let fields = format!("{fields}, connection: {{perClient: {{sessions: 20000}}}}");
    move |manifests| manifests.listener("second", port, &fields)
}

/// Connects, says so much, and has still to be read.
fn say(port: u16, octets: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed before all is written.
    let _ = stream.write_all(octets);
    stream
}

/// What was said before the close; a reset is one.
fn heard(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let read = stream.read_to_end(&mut heard);
    let reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
    assert!(read.is_ok() || read.is_err_and(reset), "the server does not close");
    heard
}

#[test]
fn headers_of_proxies_that_are_none_or_half() {
    let peers = scale(300, 5000);
    allow_sessions(2 * peers as u64);
    let port = free_port();
    let fields = "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}";
    let stage = Stage::with("", second(port, fields));
    stage.abuse("garbage and half headers of proxies", peers as u64, || {
        let halves: Vec<TcpStream> = (0..peers).map(|peer| say(port, HALF_PROXY[peer % 3])).collect();
        for peer in 0..peers {
            assert_eq!(heard(say(port, GARBAGE[peer % 4])), b"", "nobody is answered");
        }
        for half in halves {
            assert_eq!(heard(half), b"", "nobody is answered");
        }
    });
    stage.counted("proxy_header", u32::try_from(2 * peers).unwrap());
}

#[test]
fn handshakes_that_are_none_or_half() {
    let peers = scale(300, 5000);
    allow_sessions(2 * peers as u64);
    let port = free_port();
    let certificate = Authority::new().server(&["mx.example.org"]);
    let fields = "tls: {mode: Implicit, certificateRefs: [{name: mx}]}";
    let listener = second(port, fields);
    let stage = Stage::with("", |manifests| listener(manifests).certificate("mx", &certificate));
    stage.abuse("garbage and half handshakes", peers as u64, || {
        let halves: Vec<TcpStream> = (0..peers).map(|peer| say(port, HALF_TLS[peer % 3])).collect();
        for peer in 0..peers {
            let answer = heard(say(port, GARBAGE[peer % 4]));
            // RFC 8446 §5.1: the record type of alerts.
            assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");
        }
        drop(halves);
    });
    let handshakes = |outcome: &str, count: usize| {
        let outcome = format!("outcome=\"{outcome}\"");
        stage.front_end.wait_for_metric(&["smtp_tls_handshakes_total", &outcome], count as f64);
    };
    // Two of the four are no letters of another protocol.
    handshakes("broken", peers / 2);
    handshakes("cross_protocol", peers / 2);
    handshakes("disconnected", peers);
    stage.counted("cross_protocol", u32::try_from(peers / 2).unwrap());
    stage.front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 0.0);
}
