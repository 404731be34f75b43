//! HTTP and TLS on a plain port are closed at once, so that no browser is made to send mail.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

/// What is said, and what comes back behind the greeting: nothing.
fn is_closed_at_once(octets: &[u8]) {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    client.write(octets).unwrap();
    assert_eq!(client.rest(), "");
    front_end.wait_for_metric(&["mailchute_smtp_protocol_violations_total"], 1.0);
}

#[test]
fn http_is_closed_at_once() {
    is_closed_at_once(b"POST / HTTP/1.1\r\nhost: mx.example.org\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n");
}

#[test]
fn tls_is_closed_at_once() {
    is_closed_at_once(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
}
