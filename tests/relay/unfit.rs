//! What the relay can't take is refused truthfully, never re-encoded.

use super::{CLEAR, MESSAGE, SENDER, front_end, send, sender};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::{Act, Relay};

#[test]
fn eight_bit_octets_need_8bitmime() {
    let relay = Relay::good(&["PIPELINING"]);
    let front_end = front_end(&relay);
    for (mail, message, begins) in [
        (SENDER, "A: b\r\n\r\nsüß\r\n", "554 5.6.3 "),
        ("MAIL FROM:<a@client.example> BODY=8BITMIME", "A: b\r\n\r\nsüß\r\n", "554 5.6.3 "),
        // Declared, and not needed.
        ("MAIL FROM:<a@client.example> BODY=8BITMIME", "A: b\r\n\r\nsweet\r\n", "250 2.0.0 Ok: queued"),
    ] {
        let mut client = Client::greeted(front_end.smtp);
        client.expect(mail, 250);
        client.expect("RCPT TO:<b@example.org>", 250);
        let reply = send(&mut client, message.as_bytes());
        assert!(reply.starts_with(begins), "{reply}");
    }
    assert_eq!(relay.messages().len(), 1);
    front_end.wait_for_metric(&["mailchute_messages_total", "\"refused\""], 2.0);
}

#[test]
fn binary_octets_need_binarymime_and_chunking() {
    let binary = "MAIL FROM:<a@client.example> BODY=BINARYMIME";
    for capabilities in [&["8BITMIME", "CHUNKING"][..], &["8BITMIME", "BINARYMIME"]] {
        let relay = Relay::good(capabilities);
        let front_end = front_end(&relay);
        let mut client = Client::greeted(front_end.smtp);
        client.expect(binary, 250);
        assert!(client.expect("RCPT TO:<b@example.org>", 554).text().starts_with("5.6.3 "));
    }
    let relay = Relay::good(&["8BITMIME", "CHUNKING", "BINARYMIME"]);
    let front_end = front_end(&relay);
    let mut client = Client::greeted(front_end.smtp);
    client.expect(binary, 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    let message = b"A: b\r\n\r\n\n.\r\n\r\xff\0";
    client.write(&[format!("BDAT {} LAST\r\n", message.len()).as_bytes(), message].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    let arrived = &relay.messages()[0];
    assert_eq!(arrived.mail, binary);
    assert!(arrived.octets.ends_with(message), "{}", arrived.octets.escape_ascii());
}

#[test]
fn internationalized_mail_needs_smtputf8() {
    let relay = Relay::good(&["8BITMIME"]);
    let front_end = front_end(&relay);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example> SMTPUTF8", 250);
    for recipient in ["süß@example.org", "b@example.org"] {
        let refusal = client.expect(&format!("RCPT TO:<{recipient}>"), 550);
        assert!(refusal.text().starts_with("5.6.7 "), "{refusal:?}");
    }
    // The session with the relay is as good as before.
    client.expect("RSET", 250);
    client.expect(SENDER, 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert_eq!(relay.sessions(), 1);
}

#[test]
fn a_size_over_the_relays_is_refused_when_it_is_known() {
    let relay = Relay::good(&["SIZE 1000"]);
    let front_end = front_end(&relay);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example> SIZE=1001", 250);
    assert!(client.expect("RCPT TO:<b@example.org>", 552).text().starts_with("5.3.4 "));
    client.expect("RSET", 250);
    client.expect("MAIL FROM:<a@client.example> SIZE=10", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    let reply = send(&mut client, &[MESSAGE, &b"x\r\n".repeat(400)].concat());
    assert!(reply.starts_with("552 5.3.4 "), "{reply}");
    assert!(relay.messages().is_empty());
    // The relay may know better.
    let relay = Relay::but(&["SIZE"], &[("MAIL", Act::Say("552 5.3.4 Too much for today"))]);
    let refusal = sender(&super::front_end(&relay)).expect("RCPT TO:<b@example.org>", 552);
    assert_eq!(refusal.lines, ["5.3.4 Too much for today"]);
}

#[test]
fn bare_newlines_are_never_relayed() {
    let relay = Relay::good(&["8BITMIME", "CHUNKING", "PIPELINING"]);
    let port = free_port();
    let manifests = Manifests::listening_with(port, "connection: {bareNewlines: Pass}").relayed(
        "smtp",
        relay.address,
        CLEAR,
    );
    let front_end = FrontEnd::start(port, &manifests, &[]);
    for message in [&b"A: b\r\n\r\n\n.\r\n"[..], b"A: b\r\n\r\nx\ry\r\n", b"A: b\n\r\n"] {
        let mut client = sender(&front_end);
        client.expect("RCPT TO:<b@example.org>", 250);
        let reply = send(&mut client, message);
        assert!(reply.starts_with("550 5.6.11 "), "{reply}");
    }
    let mut client = sender(&front_end);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.write(b"BDAT 11 LAST\r\nA: b\r\n\r\nx\ny").unwrap();
    assert_eq!(client.reply().code, 550);
    assert!(relay.messages().is_empty());
}
