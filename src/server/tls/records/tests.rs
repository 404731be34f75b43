//! Records against a client of rustls, at every split and where a record was changed.

use std::io::{Read, Write};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};

use super::*;

fn both(version: &'static SupportedProtocolVersion) -> (ClientConnection, Arc<ServerConfig>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let made = rcgen::generate_simple_self_signed(["mx.example.org".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let server = server.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("mx.example.org").unwrap();
    (ClientConnection::new(Arc::new(client), name).unwrap(), Arc::new(server))
}

/// The server's side, fed as a socket feeds it.
struct Side {
    records: Records,
    ahead: Vec<u8>,
    plain: Vec<u8>,
    out: Vec<u8>,
}

impl Side {
    fn feed(&mut self, octets: &[u8]) -> Result<Stage, rustls::Error> {
        self.ahead.extend_from_slice(octets);
        let Driven { taken, stage } = self.records.open(&mut self.ahead, &mut self.plain, &mut self.out);
        self.ahead.drain(..taken);
        stage
    }
}

/// A handshake that is done, with the client's octets coming one by one.
fn shaken(version: &'static SupportedProtocolVersion) -> (ClientConnection, Side) {
    let (mut client, config) = both(version);
    let records = Records::new(config).unwrap();
    let mut side = Side { records, ahead: Vec::new(), plain: Vec::new(), out: Vec::new() };
    let mut stage = Stage::Handshake;
    while client.is_handshaking() || stage == Stage::Handshake {
        for octet in said(&mut client) {
            stage = side.feed(&[octet]).unwrap();
        }
        hear(&mut client, &mut side.out);
    }
    assert!(side.plain.is_empty() && side.ahead.is_empty());
    (client, side)
}

fn said(client: &mut ClientConnection) -> Vec<u8> {
    let mut octets = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut octets).unwrap();
    }
    octets
}

/// Takes in what the server says, and gives what it says inside TLS.
fn hear(client: &mut ClientConnection, octets: &mut Vec<u8>) -> Vec<u8> {
    let (mut rest, mut heard) = (&octets[..], Vec::new());
    while !rest.is_empty() {
        client.read_tls(&mut rest).unwrap();
        client.process_new_packets().unwrap();
        match client.reader().read_to_end(&mut heard) {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            Ok(_) => assert!(rest.is_empty()),
        }
    }
    octets.clear();
    heard
}

#[test]
fn data_comes_through_at_every_split() {
    for version in [&TLS12, &TLS13] {
        let said_twice = || {
            let (mut client, side) = shaken(version);
            client.writer().write_all(b"EHLO x\r\n").unwrap();
            client.writer().write_all(b"NOOP\r\n").unwrap();
            (said(&mut client), side)
        };
        for split in 0..=said_twice().0.len() {
            let (octets, mut side) = said_twice();
            assert_eq!(side.feed(&octets[..split]), Ok(Stage::Open));
            assert_eq!(side.feed(&octets[split..]), Ok(Stage::Open));
            assert_eq!(side.plain, b"EHLO x\r\nNOOP\r\n", "{version:?}, {split}");
            assert!(side.ahead.is_empty() && !side.records.ended());
        }
    }
}

#[test]
fn what_is_said_comes_through_though_half_a_record_waits() {
    for version in [&TLS12, &TLS13] {
        let (mut client, mut side) = shaken(version);
        client.writer().write_all(b"EHLO x\r\n").unwrap();
        let octets = said(&mut client);
        let (first, second) = octets.split_at(octets.len() / 2);
        assert_eq!(side.feed(first), Ok(Stage::Open));
        let reply = b"250 ok\r\n".repeat(5000);
        side.records.seal(&mut side.ahead, &reply, &mut side.out).unwrap();
        assert_eq!(hear(&mut client, &mut side.out), reply);
        assert_eq!(side.feed(second), Ok(Stage::Open));
        assert_eq!(side.plain, b"EHLO x\r\n");
    }
}

#[test]
fn both_ends_are_told_and_nothing_comes_behind_them() {
    for version in [&TLS12, &TLS13] {
        let (mut client, mut side) = shaken(version);
        client.writer().write_all(b"QUIT\r\n").unwrap();
        client.send_close_notify();
        side.feed(&said(&mut client)).unwrap();
        assert!(side.records.ended());
        assert_eq!(side.plain, b"QUIT\r\n");
        side.records.seal(&mut side.ahead, b"221 bye\r\n", &mut side.out).unwrap();
        side.records.close(&mut side.ahead, &mut side.out).unwrap();
        assert_eq!(hear(&mut client, &mut side.out), b"221 bye\r\n");
        side.records.close(&mut side.ahead, &mut side.out).unwrap();
        assert!(side.out.is_empty());
    }
}

#[test]
fn a_record_that_was_changed_is_an_error_for_good_and_an_alert() {
    for version in [&TLS12, &TLS13] {
        let (mut client, mut side) = shaken(version);
        client.writer().write_all(b"NOOP\r\n").unwrap();
        let mut octets = said(&mut client);
        *octets.last_mut().unwrap() ^= 1;
        assert_eq!(side.feed(&octets), Err(rustls::Error::DecryptError));
        // RFC 8446 §5.1: the record type is that of an alert, or of what is encrypted.
        assert!(matches!(side.out.first(), Some(21 | 23)) && side.plain.is_empty());
        assert!(side.records.seal(&mut side.ahead, b"250 ok\r\n", &mut Vec::new()).is_err());
    }
}
