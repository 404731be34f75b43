//! Golden bytes of what is stamped, and byte-exactness.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::{prop_assert_eq, prop_oneof};

use super::{Options, Stamped, Stamping, keyword};
use crate::mail::body::Message;
use crate::mail::envelope::GreetingName;
use crate::mail::header::Header;
use crate::mail::{
    BodyType, Envelope, ForwardPath, Greeting, Host, Mailbox, Protocol, Recipient, ReversePath, Tls,
    TransactionId,
};

const ALL: Options = Options { return_path: true, message_id: true, date: true };
const NONE: Options = Options { return_path: false, message_id: false, date: false };
const ID: &str = "019ab5b2-2c08-7fff-bfff-ffffffffffff";

/// All that a test may want to be different.
struct Case {
    client: &'static str,
    client_name: Option<&'static str>,
    greeting: Greeting,
    tls: Option<Tls>,
    authenticated: bool,
    envelope: Envelope,
    options: Options,
}

impl Case {
    fn new() -> Self {
        Self {
            client: "192.0.2.1",
            client_name: None,
            greeting: greeting(b"mail.example.net"),
            tls: None,
            authenticated: false,
            envelope: Envelope {
                reverse_path: ReversePath::Mailbox(mailbox("bounce@example.net")),
                recipients: vec![recipient("a@example.org")],
                body_type: BodyType::SevenBit,
                smtputf8: false,
                dsn: Default::default(),
            },
            options: NONE,
        }
    }

    fn stamp(&self, message: &Message) -> Stamped {
        let received_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_984_944_136);
        Stamping {
            hostname: "mx.example.org",
            client: self.client.parse::<IpAddr>().unwrap(),
            client_name: self.client_name,
            greeting: &self.greeting,
            tls: self.tls.as_ref(),
            authenticated: self.authenticated,
            id: TransactionId::new(received_at, [0xff; 10]),
            received_at,
            envelope: &self.envelope,
            header: &Header::read(message, "mx.example.org"),
            options: self.options,
        }
        .stamp(message)
    }

    fn prefix(&self, text: &str) -> String {
        String::from_utf8(self.stamp(&in_pieces(text.as_bytes(), 7)).prefix.to_vec()).unwrap()
    }
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn recipient(text: &str) -> Recipient {
    Recipient {
        original: ForwardPath::Mailbox(mailbox(text)),
        rewritten: mailbox(text),
        dsn: Default::default(),
    }
}

/// As the engine hears it.
fn greeting(name: &[u8]) -> Greeting {
    let host = Host::parse(name, true);
    let name = host.map_or_else(|_| GreetingName::Other(name.into()), GreetingName::Host);
    Greeting { protocol: Protocol::Esmtp, name }
}

fn in_pieces(text: &[u8], size: usize) -> Message {
    text.chunks(size).map(Bytes::copy_from_slice).collect()
}

#[test]
fn received_names_who_where_how_and_when() {
    let expected = format!(
        "Received: from mail.example.net ([192.0.2.1])\r\n\
         \tby mx.example.org with ESMTP id {ID}\r\n\
         \tfor <a@example.org>; Mon, 24 Nov 2025 11:49:04 +0000\r\n"
    );
    assert_eq!(Case::new().prefix("A: b\r\n"), expected);
}

#[test]
fn the_keyword_follows_greeting_and_smtputf8() {
    let mut case = Case::new();
    case.greeting.protocol = Protocol::Smtp;
    assert!(case.prefix("A: b\r\n").contains(" with SMTP id "));
    case.greeting.protocol = Protocol::Esmtp;
    case.envelope.smtputf8 = true;
    assert!(case.prefix("A: b\r\n").contains(" with UTF8SMTP id "));
}

#[test]
fn every_registered_keyword_has_its_session() {
    use Protocol::{Esmtp, Lmtp, Smtp};
    for (protocol, smtputf8, words) in [
        (Smtp, false, ["SMTP"; 4]),
        (Smtp, true, ["SMTP"; 4]),
        (Esmtp, false, ["ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"]),
        (Esmtp, true, ["UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"]),
        (Lmtp, false, ["LMTP", "LMTPA", "LMTPS", "LMTPSA"]),
        (Lmtp, true, ["UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"]),
    ] {
        let told = [(false, false), (false, true), (true, false), (true, true)]
            .map(|(tls, authenticated)| keyword(protocol, smtputf8, tls, authenticated));
        assert_eq!(told, words);
    }
}

#[test]
fn tls_is_told_in_a_comment() {
    let mut case = Case::new();
    let (version, cipher) = ("TLSv1.3", "TLS_AES_128_GCM_SHA256");
    case.tls = Some(Tls { version, cipher, client_identity: Some("who it is".into()) });
    let expected = format!(
        "\tby mx.example.org with ESMTPS id {ID}\r\n\
         \t(TLSv1.3 TLS_AES_128_GCM_SHA256)\r\n\
         \tfor <a@example.org>; "
    );
    assert!(case.prefix("A: b\r\n").contains(&expected));
    case.authenticated = true;
    assert!(case.prefix("A: b\r\n").contains(" with ESMTPSA id "));
    case.greeting.protocol = Protocol::Lmtp;
    assert!(case.prefix("A: b\r\n").contains(" with LMTPSA id "));
}

#[test]
fn clients_stand_as_literals_with_their_confirmed_name() {
    for (client, name, told) in [
        ("192.0.2.1", Some("ptr.example.net"), "(ptr.example.net [192.0.2.1])"),
        ("2001:db8::1", None, "([IPv6:2001:db8::1])"),
        ("2001:db8::1", Some("ptr.example.net"), "(ptr.example.net [IPv6:2001:db8::1])"),
        ("::ffff:192.0.2.1", None, "([192.0.2.1])"),
        ("192.0.2.1", Some("a) (b"), "([192.0.2.1])"),
        ("192.0.2.1", Some("x\r\nEvil: y"), "([192.0.2.1])"),
    ] {
        let case = Case { client, client_name: name, ..Case::new() };
        assert!(case.prefix("A: b\r\n").starts_with(&format!("Received: from mail.example.net {told}\r\n")));
    }
}

#[test]
fn a_greeting_can_not_inject_anything() {
    let long = [b'a'; 1000];
    for (name, told) in [
        (&b"[192.0.2.9]"[..], "[192.0.2.9] ([192.0.2.1])"),
        (b"[IPv6:2001:db8::9]", "[IPv6:2001:db8::9] ([192.0.2.1])"),
        (b"under_score", "under_score ([192.0.2.1])"),
        (b"x\r\nEvil: y", "[192.0.2.1] ([192.0.2.1]) (greeted as x??Evil:?y)"),
        (b"a) (b", "[192.0.2.1] ([192.0.2.1]) (greeted as a???b)"),
        (b"\"a\\b\"; c", "[192.0.2.1] ([192.0.2.1]) (greeted as ?a?b???c)"),
        (b"a\xff\x00\x7f", "[192.0.2.1] ([192.0.2.1]) (greeted as a???)"),
        (b"[x:(((]", "[192.0.2.1] ([192.0.2.1]) (greeted as [x:???])"),
        ("bücher.example".as_bytes(), "xn--bcher-kva.example ([192.0.2.1])"),
        ("a\u{ff08}b.example".as_bytes(), "[192.0.2.1] ([192.0.2.1]) (greeted as a???b.example)"),
        (b"", "[192.0.2.1] ([192.0.2.1]) (greeted as )"),
    ] {
        let case = Case { greeting: greeting(name), ..Case::new() };
        let prefix = case.prefix("A: b\r\n");
        let head = format!("Received: from {told}\r\n\tby mx.example.org ");
        assert!(prefix.starts_with(&head), "{prefix}");
    }
    let case = Case { greeting: greeting(&long), ..Case::new() };
    let told = format!("[192.0.2.1] ([192.0.2.1])\r\n\t(greeted as {}...)\r\n", "a".repeat(64));
    assert!(case.prefix("A: b\r\n").starts_with(&format!("Received: from {told}")));
}

#[test]
fn utf8_stands_only_in_messages_that_asked_for_it() {
    let mut case = Case::new();
    case.options.return_path = true;
    case.greeting = greeting("bücher.example".as_bytes());
    case.envelope.reverse_path = ReversePath::Mailbox(mailbox("bü@bücher.example"));
    case.envelope.recipients = vec![recipient("a@bücher.example")];
    let prefix = case.prefix("A: b\r\n");
    assert!(prefix.starts_with("Return-Path: <b?@xn--bcher-kva.example>\r\n"), "{prefix}");
    assert!(prefix.contains("\tfor <a@xn--bcher-kva.example>;") && prefix.is_ascii());
    case.envelope.smtputf8 = true;
    let prefix = case.prefix("A: b\r\n");
    assert!(prefix.starts_with("Return-Path: <bü@bücher.example>\r\nReceived: from bücher.example "));
    assert!(prefix.contains("\tfor <a@bücher.example>;"));
}

#[test]
fn for_names_a_single_recipient_only() {
    let mut case = Case::new();
    case.envelope.recipients = vec![recipient("\"a ; b\"@example.org")];
    assert!(case.prefix("A: b\r\n").contains("\tfor <\"a ; b\"@example.org>;"));
    case.envelope.recipients[0].original = ForwardPath::Postmaster;
    assert!(case.prefix("A: b\r\n").contains("\tfor <Postmaster>;"));
    case.envelope.recipients.push(recipient("b@example.org"));
    let without = format!("id {ID}; Mon, 24 Nov 2025 11:49:04 +0000\r\n");
    let prefix = case.prefix("A: b\r\n").replace("\r\n\t", " ");
    assert!(prefix.ends_with(&without) && !prefix.contains(" for "), "{prefix}");
}

#[test]
fn return_path_replaces_those_that_came() {
    let mut case = Case::new();
    case.options.return_path = true;
    for (path, told) in [
        (ReversePath::Null, "Return-Path: <>\r\nReceived: "),
        (
            ReversePath::Mailbox(mailbox("\"a \\\" b\"@example.net")),
            "Return-Path: <\"a \\\" b\"@example.net>\r\nReceived: ",
        ),
    ] {
        case.envelope.reverse_path = path;
        let stamped = case.stamp(&in_pieces(b"Return-Path: <x@y>\r\nA: b\r\n\r\nbody", 5));
        assert!(stamped.prefix.starts_with(told.as_bytes()));
        assert_eq!(stamped.message.to_vec(), b"A: b\r\n\r\nbody");
    }
}

#[test]
fn message_id_and_date_are_stamped_where_they_are_missing() {
    let mut case = Case::new();
    case.options = ALL;
    let id = format!("{ID}@mx.example.org");
    let both = format!("Message-ID: <{id}>\r\nDate: Mon, 24 Nov 2025 11:49:04 +0000\r\n");
    assert!(case.prefix("A: b\r\n\r\n").ends_with(&both));
    assert!(case.prefix("Date: x\r\n\r\n").ends_with(&format!("Message-ID: <{id}>\r\n")));
    assert!(
        case.prefix("message-id: <x>\r\n\r\n").ends_with("\r\nDate: Mon, 24 Nov 2025 11:49:04 +0000\r\n")
    );
    assert!(case.prefix("Message-ID:\r\nDate:\r\n\r\n").ends_with("; Mon, 24 Nov 2025 11:49:04 +0000\r\n"));
    assert_eq!(case.stamp(&in_pieces(b"A: b\r\n", 3)).message_id, Some(id));
    assert_eq!(case.stamp(&in_pieces(b"Message-ID: <x@y>\r\n", 3)).message_id.as_deref(), Some("x@y"));
    case.options = NONE;
    assert_eq!(case.stamp(&in_pieces(b"A: b\r\n", 3)).message_id, None);
}

#[test]
fn what_is_missing_is_told_by_what_stays() {
    let case = Case { options: ALL, ..Case::new() };
    let forged = "Authentication-Results: mx.example.org;\rspf=pass\r\n";
    let fields = "Message-ID: <1@client.example>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n";
    // Some readers see the field end at the CR, and behind it a line that is no field.
    for text in [format!("{forged}{fields}"), format!("A: b\r\n{forged}{fields}")] {
        let prefix = case.prefix(&text);
        assert!(prefix.contains("\r\nMessage-ID: <") && prefix.contains("\r\nDate: "), "{prefix}");
    }
    let whole = "Authentication-Results: mx.example.org;\r\n\tspf=pass\r\n";
    let prefix = case.prefix(&format!("{whole}{fields}"));
    assert!(!prefix.contains("Message-ID") && !prefix.contains("Date"), "{prefix}");
}

#[test]
fn a_message_without_a_header_section_gets_an_empty_line() {
    let case = Case { options: ALL, ..Case::new() };
    for (text, blank) in [
        ("", true),
        ("body\r\nReturn-Path: not a field\r\n", true),
        ("\rA: b\r\n", true),
        ("Return-Path: <x>", true),
        ("Return-Path: <x>\r\nbody", true),
        ("\r\nbody", false),
        ("A: b", false),
        ("Return-Path: <x>\r\n\r\nbody", false),
    ] {
        assert_eq!(case.prefix(text).ends_with("\r\n\r\n"), blank, "{text:?}");
    }
    let body = b"body\r\nReturn-Path: not a field\r\n";
    assert_eq!(case.stamp(&in_pieces(body, 4)).message.to_vec(), body);
}

#[test]
fn no_line_is_too_long() {
    let long = format!("{}@{}example", "l".repeat(64), "d.".repeat(120));
    let mut case = Case { options: ALL, client_name: Some("p.example"), ..Case::new() };
    case.greeting = greeting(&format!("{}example", "h.".repeat(120)).into_bytes());
    case.envelope.recipients = vec![recipient(&long)];
    case.envelope.reverse_path = ReversePath::Mailbox(mailbox(&long));
    for line in case.prefix("A: b\r\n").lines() {
        assert!(line.len() <= 78 || line.len() < 998 && line.split_whitespace().count() <= 2, "{line}");
    }
}

#[test]
fn a_time_out_of_range_is_no_panic() {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
    assert_eq!(super::date(far), "Thu, 1 Jan 1970 00:00:00 +0000");
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "A: b",
        "Message-ID: <x@y>",
        "Date: x",
        "Received: by z",
        " x",
        "\0",
        ".",
        "Authentication-Results: other; none",
    ]);
    let octets = prop::collection::vec(any::<u8>(), 0..6);
    let part = prop_oneof![4 => word.prop_map(|word| word.as_bytes().to_vec()), 1 => octets];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_came_is_delivered_and_our_received_is_first(
        text in text(),
        size in 1_usize..40,
        name in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let case = Case { options: ALL, greeting: greeting(&name), ..Case::new() };
        let stamped = case.stamp(&in_pieces(&text, size));
        prop_assert_eq!(&stamped.message.to_vec(), &text);

        let delivered = [&stamped.prefix[..], &text].concat();
        let parsed = mail_parser::MessageParser::default().parse(&delivered).unwrap();
        let names: Vec<&str> = parsed.headers().iter().take(2).map(mail_parser::Header::name).collect();
        prop_assert_eq!(&names, &["Return-Path", "Received"]);
        let received = parsed.headers()[1].value().as_received().unwrap();
        prop_assert_eq!(received.by().map(ToString::to_string), Some("mx.example.org".to_owned()));
        prop_assert_eq!(received.id(), Some(ID));
        prop_assert_eq!(received.from_ip(), Some("192.0.2.1".parse().unwrap()));
        prop_assert_eq!(received.for_(), Some("a@example.org"));
        prop_assert_eq!(received.date().map(|date| date.to_timestamp()), Some(1_763_984_944));
    }
}
