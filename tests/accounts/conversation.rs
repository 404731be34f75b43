//! The conversation of an account: how the session began, this transaction, and no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{House, from_mail, said};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::scene::tls;
use crate::support::secure::Tls;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

#[test]
fn each_transaction_has_the_beginning_and_its_own_lines() {
    let (backend, port) = (Recorder::start(), free_port());
    let mut house = House::open(port, &Manifests::listening(port).all_to(backend.address));
    let mut client = Client::greeted(house.smtp);
    client.expect("NOOP", 250);
    for sender in ["one@client.example", "two@client.example"] {
        let reply = client.send(sender, &["b@example.org"], MESSAGE);
        let told = house.next();
        assert_eq!(told.account.replies, [format!("250 {}", reply.text())]);
        let said = said(&told.account);
        assert!(said[0].starts_with("S: 220 mx.example.org"), "{said:?}");
        assert_eq!(said[1], "C: EHLO client.example");
        assert!(said[2].starts_with("S: 250-mx.example.org\n250-PIPELINING\n"), "{said:?}");
        assert_eq!(said[3..5], ["C: NOOP", "S: 250 2.0.0 Ok"]);
        assert_eq!(
            said[5..],
            [
                &format!("C: MAIL FROM:<{sender}>"),
                "S: 250 2.1.0 Sender ok",
                "C: RCPT TO:<b@example.org>",
                "S: 250 2.1.5 Recipient ok",
                "C: DATA",
                "S: 354 End data with <CR><LF>.<CR><LF>",
                &format!("C: (a message of {} octets)", MESSAGE.len()),
                &format!("S: 250 {}", reply.text()),
            ]
        );
    }
}

#[test]
fn inside_tls_it_is_told_and_no_secret_of_auth() {
    let (backend, authority, port) = (Recorder::start(), Authority::new(), free_port());
    let fields = format!("{}, auth: {{mode: Offer}}", tls("mode: StartTLS", &["mx"]));
    let manifests = Manifests::listening_with(port, &fields)
        .users(&[("alice", "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2")])
        .all_to(backend.address)
        .certificate("mx", &authority.server(&["mx.example.org"]));
    let mut house = House::open(port, &manifests);
    let (mut client, _) = Tls::any().start(house.smtp, "mx.example.org").unwrap();
    client.expect("EHLO client.example", 250);
    let wrong = STANDARD.encode("\0alice\0crayon");
    client.expect(&format!("AUTH PLAIN {wrong}"), 535);
    client.expect("AUTH LOGIN", 334);
    let (name, password) = (STANDARD.encode("alice"), STANDARD.encode("pencil"));
    client.expect(&name, 334);
    client.expect(&password, 235);
    assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    let told = house.next();
    assert_eq!(told.event.login.as_deref(), Some("alice"));
    let facts = told.account.tls.as_ref().unwrap();
    let said = said(&told.account);
    let begin = said.iter().position(|line| line == "C: STARTTLS").unwrap();
    assert_eq!(said[begin + 1], "S: 220 2.0.0 Ready to start TLS");
    assert_eq!(said[begin + 2], format!("(TLS handshake done: {}, {})", facts.version, facts.cipher));
    assert_eq!(said[begin + 3], "C: EHLO client.example");
    assert_eq!(said[begin + 5], "C: AUTH PLAIN (withheld)");
    assert_eq!(
        said[begin + 7..][..5],
        ["C: AUTH LOGIN", "S: 334 (withheld)", "C: (withheld)", "S: 334 (withheld)", "C: (withheld)",]
    );
    assert!(said[begin + 13].starts_with("C: MAIL FROM:"), "{said:#?}");
    let whole = format!("{:?}", told.account);
    for secret in [&wrong, &name, &password, "crayon", "pencil"] {
        assert!(!whole.contains(secret), "{secret} stands in {whole}");
    }
}

#[test]
fn chunks_and_the_replies_of_lmtp() {
    let (backend, port) = (Recorder::start(), free_port());
    let mut house =
        House::open(port, &Manifests::listening_with(port, "profile: LMTP").all_to(backend.address));
    let mut client = Client::connect(house.smtp).unwrap();
    client.reply();
    client.expect("LHLO client.example", 250);
    client
        .write(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nBDAT 4\r\na: bBDAT 4 LAST\r\n\r\n\r\n")
        .unwrap();
    for _ in 0..4 {
        assert_eq!(client.reply().code, 250);
    }
    let replies = [client.reply(), client.reply()].map(|reply| format!("250 {}", reply.text()));
    let told = house.next();
    assert_eq!(told.account.replies, replies);
    let said = from_mail(&told.account);
    assert_eq!(
        said[6..11],
        [
            "C: BDAT 4",
            "C: (a chunk: 4 octets so far)",
            "S: 250 2.0.0 Chunk ok",
            "C: BDAT 4 LAST",
            "C: (a message of 8 octets)",
        ]
    );
    assert_eq!(said[11..], replies.map(|reply| format!("S: {reply}")));
}

#[test]
fn a_client_that_leaves_in_the_message_is_told_of() {
    let (backend, port) = (Recorder::start(), free_port());
    let mut house = House::open(port, &Manifests::listening(port).all_to(backend.address));
    let mut client = Client::greeted(house.smtp);
    client.begin("a@client.example", "b@example.org");
    client.write(b"Subject: half\r\n\r\nOne").unwrap();
    drop(client);
    let told = house.next();
    assert_eq!((told.event.outcome.as_str(), told.event.code), ("abandoned", None));
    assert_eq!(told.account.replies, [""; 0]);
    assert!(told.account.delivery.is_none());
    let said = from_mail(&told.account);
    let end = "C: (the connection ends within the message, after ";
    assert!(said[said.len() - 2].starts_with(end), "{said:#?}");
    assert_eq!(said[said.len() - 1], "(the connection is closed)");
}
