//! What arrives is our prefix and then exactly the octets that were sent; what was asked is said.

use std::net::SocketAddr;

use super::{CLEAR, MESSAGE, PENCIL, SIGN_IN, USUAL, front_end, send, sender};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Message, Relay};
use crate::support::scene::tls;
use crate::support::secure::Tls;

/// The names of the fields before the message.
fn prefix(message: &Message, sent: &[u8]) -> Vec<String> {
    let text = message.text();
    let prefix = text.strip_suffix(&*String::from_utf8_lossy(sent)).unwrap_or_else(|| panic!("{text}"));
    let fields = prefix.lines().filter(|line| !line.starts_with(['\t', ' ']));
    fields.map(|field| field.split(':').next().unwrap().to_owned()).collect()
}

/// With a body of each kind that the client may send: long lines, dots at line starts and at buffer ends.
fn messages() -> Vec<Vec<u8>> {
    let header = b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\r\n".to_vec();
    let bodies = [
        b"".to_vec(),
        b".\r\n..\r\n...\r\n".to_vec(),
        b".x\r\n".repeat(40_000),
        [b"x".repeat(200_000), b"\r\n".to_vec()].concat(),
        "süß\r\n".repeat(3).into_bytes(),
        b"\0\r\n".to_vec(),
    ];
    bodies.into_iter().map(|body| [header.clone(), body].concat()).collect()
}

#[test]
fn a_message_arrives_octet_for_octet_by_data_and_by_bdat() {
    let chunking: Vec<&str> = USUAL.iter().chain(&["CHUNKING"]).copied().collect();
    for (capabilities, verb) in [(USUAL, "DATA"), (&chunking, "BDAT")] {
        let relay = Relay::good(capabilities);
        let front_end = front_end(&relay);
        let mut client = Client::greeted(front_end.smtp);
        for (number, message) in messages().iter().enumerate() {
            client.expect("MAIL FROM:<a@client.example> BODY=8BITMIME", 250);
            client.expect("RCPT TO:<b@example.org>", 250);
            let reply = send(&mut client, message);
            assert!(reply.starts_with("250 2.0.0 Ok: queued as TEST"), "{reply}");
            // Neither Return-Path, nor what only those add to whom a message is submitted.
            assert_eq!(prefix(&relay.messages()[number], message), ["Received"]);
        }
        relay.wait_said(verb, messages().len());
        assert_eq!(relay.sessions(), 1);
    }
}

#[test]
fn what_mail_says_is_passed_on_as_far_as_it_is_offered() {
    let utf8 = "<a@client.example> SIZE=1000 BODY=8BITMIME SMTPUTF8";
    let ascii = "<a@client.example> SIZE=1000 BODY=8BITMIME";
    // RFC 6531 section 3.1: who announces SMTPUTF8 announces 8BITMIME, too.
    for (capabilities, said, recipient, told) in [
        (USUAL, utf8, "süß", utf8),
        (&["8BITMIME", "SMTPUTF8"], utf8, "süß", "<a@client.example> BODY=8BITMIME SMTPUTF8"),
        (&["PIPELINING"], ascii, "b", "<a@client.example>"),
        (&["SIZE"], ascii, "b", "<a@client.example> SIZE=1000"),
    ] {
        let relay = Relay::good(capabilities);
        let front_end = front_end(&relay);
        let mut client = Client::greeted(front_end.smtp);
        client.expect(&format!("MAIL FROM:{said}"), 250);
        let recipient = format!("RCPT TO:<{recipient}@example.org>");
        client.expect(&recipient, 250);
        let reply = send(&mut client, MESSAGE);
        assert!(reply.starts_with("250 "), "{capabilities:?}: {reply}");
        let message = &relay.messages()[0];
        assert_eq!((&*message.mail, &message.recipients), (&*format!("MAIL FROM:{told}"), &vec![recipient]));
    }
}

#[test]
fn a_relay_without_pipelining_hears_one_command_at_a_time() {
    let relay = Relay::good(&["8BITMIME"]);
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    for name in ["b", "c", "d"] {
        client.expect(&format!("RCPT TO:<{name}@example.org>"), 250);
    }
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    assert_eq!(relay.messages()[0].recipients.len(), 3);
}

#[test]
fn a_return_path_that_came_stays_and_what_is_missing_is_added_for_those_who_submit() {
    let relay = Relay::good(USUAL);
    let (mx, submission) = (free_port(), free_port());
    let manifests = Manifests::listening(mx)
        .listener(
            "submission",
            submission,
            &format!("profile: Submission, {}", tls("mode: Implicit", &["mx"])),
        )
        .certificate("mx", &Authority::new().server(&["mx.example.org"]))
        .users(&[("ann", PENCIL)])
        .relayed("smtp", relay.address, CLEAR);
    let _front_end = FrontEnd::start(mx, &manifests, &[]);
    let message = b"Return-Path: <x@y.example>\r\nSubject: s\r\n\r\n";
    for (port, fields) in [(mx, &["Received"][..]), (submission, &["Received", "Message-ID", "Date"])] {
        let address = ([127, 0, 0, 1], port).into();
        let mut client = if port == mx { Client::greeted(address) } else { signed_in(address) };
        let before = relay.messages().len();
        assert_eq!(client.send("a@client.example", &["b@example.org"], message).code, 250);
        assert_eq!(prefix(&relay.messages()[before], message), fields);
    }
}

#[test]
fn a_message_of_chunks_without_a_last_line_end_gets_one_where_the_relay_has_no_chunking() {
    let relay = Relay::good(USUAL);
    let front_end = front_end(&relay);
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.write(b"BDAT 10 LAST\r\nA: b\r\n\r\n.c").unwrap();
    assert_eq!(client.reply().code, 250);
    assert_eq!(prefix(&relay.messages()[0], b"A: b\r\n\r\n.c\r\n"), ["Received"]);
}

/// A session of `ann`, inside TLS.
fn signed_in(address: SocketAddr) -> Client {
    let (mut client, _) = Tls::any().connect(address, "mx.example.org").unwrap();
    client.reply();
    client.expect("EHLO client.example", 250);
    client.expect(SIGN_IN, 235);
    client
}
