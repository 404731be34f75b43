//! Delivery status notifications as they are written: golden files `tests/dsn/*.eml`, each read by an
//! independent library. `MAILCHUTE_BLESS=1` rewrites them; `tests/peers/dsn.rs` has Python read them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mail_parser::{Message as Parsed, MessageParser, MimeHeaders, PartType};

use mailchute::mail::body::Message;
use mailchute::mail::{BodyType, ForwardPath, Mailbox, OriginalRecipient, TransactionId};
use mailchute::stamp::dsn::{About, Action, Notification, Reported, Status, Written};

use crate::support::golden::golden;

const HEADER: &str = "Received: from client.example by mx1.example.net; Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    Message-ID: <dinner@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:00 +0000\r\n\
    From: Alice <alice@client.example>\r\nTo: bob@example.org\r\n\
    Subject: =?utf-8?q?Abendessen_f=C3=BCr_zwei?=\r\n";
/// The same by SMTPUTF8.
const INTERNATIONAL: &str = "Message-ID: <dinner@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:00 +0000\r\n\
    From: Ålice <ålice@client.example>\r\nTo: jürgen@bücher.example\r\nSubject: Abendessen für zwei\r\n";
const BODY: &str = "\r\nAt eight?\r\n.\r\n--\r\nAlice\r\n";

fn moment(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_434_544 + seconds)
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

/// One recipient as the cases write them.
struct Told {
    recipient: &'static str,
    original: Option<(&'static str, &'static str)>,
    action: Action,
    status: &'static str,
    diagnostic: Option<&'static str>,
}

const UNKNOWN: Told = Told {
    recipient: "bob@example.org",
    original: None,
    action: Action::Failed,
    status: "5.1.1",
    diagnostic: Some("550 5.1.1 <bob@example.org>: no such user here"),
};

fn written(told: &[Told], sender: &str, (header, body): (&str, Option<&str>), octets: BodyType) -> Written {
    let paths: Vec<ForwardPath> =
        told.iter().map(|told| ForwardPath::Mailbox(mailbox(told.recipient))).collect();
    let originals: Vec<Option<OriginalRecipient>> = told
        .iter()
        .map(|told| {
            let original = told.original;
            original.map(|(kind, address)| OriginalRecipient {
                address_type: kind.into(),
                address: address.into(),
            })
        })
        .collect();
    let recipients: Vec<Reported<'_>> = (0..told.len())
        .map(|at| Reported {
            recipient: &paths[at],
            original: originals[at].as_ref(),
            action: told[at].action,
            status: Status::parse(told[at].status).unwrap(),
            diagnostic: told[at].diagnostic,
        })
        .collect();
    let whole = body.map(|body| format!("{header}{body}"));
    let message: Option<Message> =
        whole.map(|text| text.as_bytes().chunks(50).map(Bytes::copy_from_slice).collect());
    let about = About {
        id: TransactionId::new(moment(0), [0x11; 10]),
        received_at: moment(0),
        sender: &mailbox(sender),
        envelope_id: Some("QQ 314159"),
        header: header.as_bytes(),
        message: message.as_ref(),
    };
    let id = TransactionId::new(moment(60), [0x22; 10]);
    Notification { hostname: "mx1.example.net", id, written_at: moment(60), about, recipients: &recipients }
        .write(octets)
}

/// Holds a notification against its golden file, and reads it.
fn read<T>(name: &str, written: &Written, look: impl FnOnce(&Parsed<'_>) -> T) -> T {
    let octets = written.message.to_vec();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dsn").join(name);
    golden(&file, std::str::from_utf8(&octets).unwrap());
    let parsed = MessageParser::default().parse(&octets).unwrap();
    let kind = parsed.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    assert_eq!(parsed.from().and_then(|from| from.first()?.address()), Some("MAILER-DAEMON@mx1.example.net"));
    assert_eq!(parsed.in_reply_to().as_text(), Some("dinner@client.example"));
    assert_eq!(parsed.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
    look(&parsed)
}

/// The types and the texts of the three parts.
fn parts(parsed: &Parsed<'_>) -> Vec<(String, String)> {
    let of_part = |part: &mail_parser::MessagePart<'_>| {
        let kind =
            part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("")));
        let text = match &part.body {
            PartType::Text(text) | PartType::Html(text) => text.to_string(),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => {
                String::from_utf8_lossy(octets).into_owned()
            }
            PartType::Message(message) => String::from_utf8_lossy(message.raw_message()).into_owned(),
            PartType::Multipart(_) => return None,
        };
        Some((kind.unwrap_or_default(), text))
    };
    parsed.parts.iter().filter_map(of_part).collect()
}

#[test]
fn a_wrong_address() {
    let written = written(&[UNKNOWN], "alice@client.example", (HEADER, None), BodyType::SevenBit);
    assert_eq!((written.body_type, written.smtputf8), (BodyType::SevenBit, false));
    let parts = read("wrong_address.eml", &written, parts);
    let kinds: Vec<&str> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "message/delivery-status", "text/rfc822-headers"]);
    let (text, status) = (&parts[0].1, &parts[1].1);
    for told in ["bob@example.org", "There is no such mailbox.", "Abendessen für zwei", "Check the spelling"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
    for field in ["Final-Recipient: rfc822; bob@example.org\r\n", "Action: failed\r\n", "Status: 5.1.1\r\n"] {
        assert!(status.contains(field), "{field}: {status}");
    }
    assert_eq!(parts[2].1.trim_end(), HEADER.trim_end());
}

#[test]
fn several_recipients_one_of_them_passed_on() {
    let told = [
        Told { original: Some(("rfc822", "bob+old@example.com")), ..UNKNOWN },
        Told {
            recipient: "\"carol x\"@example.org",
            status: "5.2.2",
            diagnostic: Some(
                "the store has no room for carol, who was told of it several times in the last weeks",
            ),
            ..UNKNOWN
        },
        Told {
            recipient: "dan@example.org",
            action: Action::Relayed,
            status: "2.1.9",
            diagnostic: None,
            ..UNKNOWN
        },
    ];
    let written = written(&told, "alice@client.example", (HEADER, None), BodyType::EightBitMime);
    let parts = read("several.eml", &written, parts);
    let status = &parts[1].1;
    assert_eq!(status.matches("Final-Recipient: ").count(), 3);
    assert!(status.contains("Original-Recipient: rfc822; bob+old@example.com\r\n"));
    assert!(status.contains("Action: relayed\r\nStatus: 2.1.9\r\n"));
}

#[test]
fn the_whole_message() {
    for (name, sender, header, kind) in [
        ("whole_message.eml", "alice@client.example", HEADER, "message/rfc822"),
        ("whole_international.eml", "ålice@client.example", INTERNATIONAL, "message/global"),
    ] {
        let written = written(&[UNKNOWN], sender, (header, Some(BODY)), BodyType::EightBitMime);
        let parts = read(name, &written, parts);
        let (is, text) = parts.last().unwrap();
        assert_eq!((is.as_str(), text.trim_end()), (kind, format!("{header}{BODY}").trim_end()));
    }
}

#[test]
fn addresses_that_are_not_ascii() {
    let told = [Told {
        recipient: "jürgen@bücher.example",
        original: Some(("utf-8", "müller@old.example")),
        diagnostic: Some("550 5.1.1 Empfänger unbekannt"),
        ..UNKNOWN
    }];
    let header = (INTERNATIONAL, None);
    let eight = written(&told, "ålice@client.example", header, BodyType::EightBitMime);
    assert_eq!((eight.body_type, eight.smtputf8), (BodyType::EightBitMime, true));
    let parts_of = |name, written: &Written, to| {
        read(name, written, |parsed| {
            assert_eq!(parsed.to().and_then(|to| to.first()?.address()), Some(to));
            parts(parsed)
        })
    };
    let parts = parts_of("international.eml", &eight, "ålice@client.example");
    let kinds: Vec<&str> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "message/global-delivery-status", "message/global-headers"]);
    assert!(parts[1].1.contains("Final-Recipient: utf-8; jürgen@bücher.example"));
    assert!(parts[2].1.contains("Subject: Abendessen für zwei"));
    let seven = written(&told, "alice@client.example", header, BodyType::SevenBit);
    assert!(seven.message.to_vec().is_ascii());
    let parts = parts_of("international_7bit.eml", &seven, "alice@client.example");
    assert!(parts[0].1.contains("jürgen@bücher.example") && parts[0].1.contains("Empfänger"));
    assert!(parts[1].1.contains(r"Final-Recipient: utf-8; j\x{FC}rgen@b\x{FC}cher.example"));
    assert!(parts[2].0 == "text/rfc822-headers" && parts[2].1.contains("From: Ålice"), "{:?}", parts[2]);
}
