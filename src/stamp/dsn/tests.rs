//! What is in a notification whatever a stranger has said; how they look stands in `tests/dsn`.

use std::time::Duration;

use super::*;
use crate::mail::header::MAX_LINE;

const HEADER: &[u8] = b"Message-ID: <1@client.example>\r\nSubject: dinner\r\nFrom: <a@client.example>\r\n";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds)
}

fn id(octet: u8) -> TransactionId {
    TransactionId::new(at(0), [octet; 10])
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn status(text: &str) -> Status {
    Status::parse(text).unwrap()
}

/// A notification about one recipient, as octets.
struct Case {
    sender: Mailbox,
    recipient: ForwardPath,
    original: Option<OriginalRecipient>,
    diagnostic: Option<String>,
    header: Vec<u8>,
    message: Option<Message>,
    octets: BodyType,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            sender: mailbox("a@client.example"),
            recipient: ForwardPath::Mailbox(mailbox("b@example.org")),
            original: None,
            diagnostic: Some("550 5.1.1 No such user".to_owned()),
            header: HEADER.to_vec(),
            message: None,
            octets: BodyType::EightBitMime,
        }
    }
}

impl Case {
    fn write(&self) -> Written {
        let reported = Reported {
            recipient: &self.recipient,
            original: self.original.as_ref(),
            action: Action::Failed,
            status: status("5.1.1"),
            diagnostic: self.diagnostic.as_deref(),
        };
        let about = About {
            id: id(1),
            received_at: at(0),
            sender: &self.sender,
            envelope_id: Some("QQ 314159"),
            header: &self.header,
            message: self.message.as_ref(),
        };
        let notification = Notification {
            hostname: "mx1.example.net",
            id: id(2),
            written_at: at(60),
            about,
            recipients: &[reported],
        };
        notification.write(self.octets)
    }

    fn text(&self) -> String {
        let octets = self.write().message.to_vec();
        lines_fit(&octets);
        String::from_utf8(octets).unwrap()
    }
}

/// Every line ends with CRLF and is one that SMTP takes.
fn lines_fit(octets: &[u8]) {
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{}", line.escape_ascii()));
        assert!(line.len() <= MAX_LINE && !line.contains(&b'\r'), "{}", line.escape_ascii());
    }
}

/// Lines of the whole that begin so.
fn lines<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    text.split("\r\n").filter(|line| line.starts_with(begin)).collect()
}

#[test]
fn it_refers_to_the_message_and_asks_for_no_answer() {
    let text = Case::default().text();
    assert_eq!(lines(&text, "In-Reply-To:"), ["In-Reply-To: <1@client.example>"]);
    assert_eq!(lines(&text, "References:"), ["References: <1@client.example>"]);
    assert_eq!(lines(&text, "Auto-Submitted:"), ["Auto-Submitted: auto-replied"]);
    assert_eq!(lines(&text, "To:"), ["To: <a@client.example>"]);
    assert_eq!(lines(&text, "Original-Envelope-Id:"), ["Original-Envelope-Id: QQ 314159"]);
    assert!(text.contains("Subject: dinner"), "{text}");
}

#[test]
fn what_strangers_say_begins_no_line_of_its_own() {
    let hostile =
        "550 no\r\nAction: delivered\r\n\r\n--=_x\r\nFinal-Recipient: rfc822; x@x\u{2028}\u{202e}\0";
    let case = Case {
        diagnostic: Some(hostile.to_owned()),
        header: b"Message-ID: <1@c>\r\n\r\n--=_x\r\nAction: delivered\r\n".to_vec(),
        ..Case::default()
    };
    let text = case.text();
    assert_eq!(
        lines(&text, "Action:"),
        ["Action: failed", "Action: delivered"],
        "the second stands in the header"
    );
    assert_eq!(lines(&text, "Final-Recipient:").len(), 1);
    assert!(!text.contains(['\u{2028}', '\u{202e}', '\0']));
    assert_eq!(text.matches(&format!("\r\n--=_{}", id(2))).count(), 4);
}

/// By mail-parser a field such as this takes longer than anybody would wait for the test.
#[test]
fn no_field_but_the_subject_is_parsed_to_tell_it() {
    let pieces: String = (0..400_000).map(|at| format!(" a*{at}=x;\r\n")).collect();
    let header = format!("Content-Type: text/plain;\r\n{pieces} b=c\r\nSubject: =?utf-8?q?d=C3=AEner?=\r\n");
    let told = text::part(&Notification {
        hostname: "mx1.example.net",
        id: id(2),
        written_at: at(60),
        about: About {
            id: id(1),
            received_at: at(0),
            sender: &mailbox("a@client.example"),
            envelope_id: None,
            header: header.as_bytes(),
            message: None,
        },
        recipients: &[],
    });
    assert!(String::from_utf8(told.octets).unwrap().contains("Subject: d=C3=AEner"));
}

#[test]
fn ids_that_could_write_into_the_header_are_not_referred_to() {
    for header in ["Message-ID: <a b@c>\r\n", "Message-ID: <a@b\u{fc}>\r\n", "Subject: none\r\n", ""] {
        let case = Case { header: header.as_bytes().to_vec(), ..Case::default() };
        assert_eq!(lines(&case.text(), "In-Reply-To:"), [""; 0], "{header}");
    }
}

#[test]
fn long_words_stay_within_a_line() {
    let long = format!("550 {} end", "ü".repeat(2000));
    let address = format!("{}@{}.example", "l".repeat(64), ["d".repeat(60), "e".repeat(60)].join("."));
    let original = OriginalRecipient { address_type: "utf-8".into(), address: "中".repeat(160).into() };
    for octets in [BodyType::SevenBit, BodyType::EightBitMime] {
        let case = Case {
            recipient: ForwardPath::Mailbox(mailbox(&address)),
            diagnostic: Some(long.clone()),
            original: Some(original.clone()),
            header: format!("Subject: {}\r\n", "s".repeat(3000)).into_bytes(),
            octets,
            ..Case::default()
        };
        assert!(case.text().contains(&address));
    }
}

#[test]
fn addresses_outside_of_ascii_take_the_form_that_the_relay_takes() {
    let case = |octets| Case {
        recipient: ForwardPath::Mailbox(mailbox("bücher+x@example.org")),
        diagnostic: Some("550 5.1.1 Kein Bücherwurm".to_owned()),
        octets,
        ..Case::default()
    };
    let eight = case(BodyType::EightBitMime);
    let text = eight.text();
    assert_eq!(lines(&text, "Final-Recipient:"), ["Final-Recipient: utf-8; bücher+x@example.org"]);
    assert!(
        text.contains("message/global-delivery-status") && text.contains("smtp; 550 5.1.1 Kein Bücherwurm")
    );
    assert_eq!((eight.write().body_type, eight.write().smtputf8), (BodyType::EightBitMime, false));
    let seven = case(BodyType::SevenBit);
    let text = seven.text();
    assert_eq!(lines(&text, "Final-Recipient:"), [r"Final-Recipient: utf-8; b\x{FC}cher\x{2B}x@example.org"]);
    assert!(text.contains("Content-Type: message/delivery-status") && text.contains("Kein B?cherwurm"));
    assert!(text.is_ascii() && seven.write().body_type == BodyType::SevenBit);
    let sender = Case { sender: mailbox("jürgen@client.example"), ..Case::default() };
    assert!(sender.write().smtputf8 && sender.text().contains("To: <jürgen@client.example>\r\n"));
}

#[test]
fn the_whole_says_whether_a_part_has_8_bit_octets() {
    for (recipient, octets, eight_bit) in [
        ("b@example.org", BodyType::EightBitMime, false),
        ("bücher@example.org", BodyType::EightBitMime, true),
        ("bücher@example.org", BodyType::SevenBit, false),
    ] {
        let case = Case { recipient: ForwardPath::Mailbox(mailbox(recipient)), octets, ..Case::default() };
        let text = case.text();
        let (header, parts) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(lines(header, "Content-Transfer-Encoding: 8bit").len(), usize::from(eight_bit), "{text}");
        assert_eq!(parts.contains("\r\nContent-Transfer-Encoding: 8bit\r\n"), eight_bit);
    }
}

#[test]
fn an_original_recipient_is_told_as_it_was_given() {
    for (kind, address, line) in [
        ("rfc822", "o+1@old.example", "Original-Recipient: rfc822; o+1@old.example"),
        ("x400", "/S=a  b/", "Original-Recipient: x400; /S=a  b/"),
        ("utf-8", "ö@old.example", r"Original-Recipient: utf-8; \x{F6}@old.example"),
    ] {
        let original = OriginalRecipient { address_type: kind.into(), address: address.into() };
        let case = Case { original: Some(original), octets: BodyType::SevenBit, ..Case::default() };
        assert_eq!(lines(&case.text(), "Original-Recipient:"), [line]);
    }
}

#[test]
fn the_whole_message_is_returned_where_it_fits() {
    let returned = |message: &[u8], octets| {
        let message: Message = message.chunks(7).map(Bytes::copy_from_slice).collect();
        let case = Case { message: Some(message), octets, ..Case::default() };
        let written = case.write();
        let text = String::from_utf8_lossy(&written.message.to_vec()).into_owned();
        (
            lines(&text, "Content-Type: ").last().map(|line| line[14..].to_owned()).unwrap(),
            written.body_type,
            text,
        )
    };
    let plain = b"Subject: dinner\r\n\r\n.Text\r\n";
    let (kind, octets, text) = returned(plain, BodyType::SevenBit);
    assert_eq!((kind.as_str(), octets), ("message/rfc822", BodyType::SevenBit));
    assert!(text.contains(std::str::from_utf8(plain).unwrap()));
    let eight = "Subject: dinner\r\n\r\nGrüße\r\n".as_bytes();
    let (kind, octets, text) = returned(eight, BodyType::EightBitMime);
    assert_eq!((kind.as_str(), octets), ("message/rfc822", BodyType::EightBitMime));
    assert!(text.contains("Grüße"));
    let long = format!("Subject: dinner\r\n\r\n{}\r\n", "x".repeat(999));
    let large = b"x\r\n".repeat(400_000);
    for unfit in [&b"a: b\r\n\r\nc\nd"[..], b"a: b\r\n\r\nc\rd", b"a: b\r\n\r\n\0", long.as_bytes(), &large] {
        let (kind, ..) = returned(unfit, BodyType::EightBitMime);
        assert_eq!(kind, "text/rfc822-headers", "{}", unfit[..20.min(unfit.len())].escape_ascii());
    }
    assert_eq!(returned(eight, BodyType::SevenBit).0, "text/rfc822-headers");
}

#[test]
fn a_header_is_returned_whatever_is_in_it() {
    for (header, octets, kind) in [
        (&b"Subject: a\r\n"[..], BodyType::SevenBit, "text/rfc822-headers"),
        ("Subject: ü\r\n".as_bytes(), BodyType::EightBitMime, "message/global-headers"),
        ("Subject: ü\r\n".as_bytes(), BodyType::SevenBit, "text/rfc822-headers"),
        (b"Subject: \xff\n\0\r\n", BodyType::EightBitMime, "text/rfc822-headers"),
    ] {
        let case = Case { header: header.to_vec(), octets, ..Case::default() };
        assert!(lines(&case.text(), "Content-Type: ").contains(&format!("Content-Type: {kind}").as_str()));
    }
    let long = Case { header: b"X: y\r\n".repeat(100_000), ..Case::default() };
    assert!(long.write().message.len() < 40_000);
}

#[test]
fn many_recipients_are_told_of_by_number() {
    let case = Case::default();
    let paths: Vec<ForwardPath> =
        (0..200).map(|n| ForwardPath::Mailbox(mailbox(&format!("r{n}@example.org")))).collect();
    let reported = |recipient| Reported {
        recipient,
        original: None,
        action: Action::Failed,
        status: status("5.2.2"),
        diagnostic: None,
    };
    let recipients: Vec<Reported<'_>> = paths.iter().map(reported).collect();
    let about = About {
        id: id(1),
        received_at: at(0),
        sender: &case.sender,
        envelope_id: None,
        header: HEADER,
        message: None,
    };
    let notification = Notification {
        hostname: "mx1.example.net",
        id: id(2),
        written_at: at(1),
        about,
        recipients: &recipients,
    };
    let text = String::from_utf8(notification.write(BodyType::SevenBit).message.to_vec()).unwrap();
    assert!(text.contains("and 150 more") && lines(&text, "Final-Recipient:").len() == 200, "{text}");
}
