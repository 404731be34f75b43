//! What the key depends on, and what it does not.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::{any, prop, proptest};
use proptest::{prop_assert_eq, prop_assert_ne};

use super::{base32, key};
use crate::mail::body::Message;
use crate::mail::header::Header;
use crate::mail::{BodyType, Envelope, ForwardPath, Mailbox, Recipient, ReversePath, TransactionId};

const GROUP: &str = "mail/gateway/shop/orders/0";

fn envelope(from: &str, to: &[&str]) -> Envelope {
    let mailbox = |text: &str| Mailbox::parse(text.as_bytes(), false).unwrap();
    Envelope {
        reverse_path: if from.is_empty() { ReversePath::Null } else { ReversePath::Mailbox(mailbox(from)) },
        recipients: to
            .iter()
            .map(|text| Recipient {
                original: ForwardPath::Mailbox(mailbox(text)),
                rewritten: mailbox(text),
                dsn: Default::default(),
            })
            .collect(),
        body_type: BodyType::SevenBit,
        smtputf8: false,
        dsn: Default::default(),
    }
}

fn key_of(group: &str, envelope: &Envelope, text: &[u8], size: usize) -> String {
    let message: Message = text.chunks(size).map(Bytes::copy_from_slice).collect();
    let id = TransactionId::new(SystemTime::UNIX_EPOCH + Duration::from_millis(1), [1; 10]);
    key(group, envelope, &Header::read(&message, "mx.example.org"), &message, id)
}

fn plain(text: &str) -> String {
    key_of(GROUP, &envelope("a@b.example", &["c@d.example"]), text.as_bytes(), 5)
}

/// Computed apart from this code, by Python's hashlib and base64 from the recipe in the docs.
#[test]
fn the_recipe_is_the_documented_one() {
    let text = "Message-ID: <1@x>\r\nFrom: a\r\n\r\nbody\r\n\r\n";
    let envelope = envelope("A@B.Example", &["z@d.example", "c@D.example", "c@d.example"]);
    let expected = "mc1-36cxp25t4ktconmtsrmy2iptn7sszost65qjyo2bi4vxyexhzyka";
    assert_eq!(key_of(GROUP, &envelope, text.as_bytes(), 1000), expected);
}

#[test]
fn without_a_message_id_the_key_is_the_transaction() {
    for text in
        ["", "A: b\r\n\r\nbody", "Message-ID:\r\n\r\n", "Message-ID: <>\r\n\r\n", "\r\nMessage-ID: <1>\r\n"]
    {
        assert_eq!(plain(text), "mc1-00000000-0001-7101-8101-010101010101", "{text:?}");
    }
}

#[test]
fn each_part_makes_another_key() {
    let one = envelope("a@b.example", &["c@d.example"]);
    let text = b"Message-ID: <1>\r\n\r\nx";
    let mut keys = vec![
        key_of("group", &one, text, 9),
        key_of(GROUP, &envelope("", &["c@d.example"]), text, 9),
        key_of(GROUP, &envelope("A@b.example", &["c@d.example"]), text, 9),
        key_of(GROUP, &envelope("a@b.example", &["C@d.example"]), text, 9),
        key_of(GROUP, &envelope("a@b.example", &["c@d.example", "e@d.example"]), text, 9),
        key_of(GROUP, &envelope("a@b.example", &[]), text, 9),
    ];
    keys.extend(
        [
            "Message-ID: <1>\r\n\r\nx",
            "Message-ID: <2>\r\n\r\nx",
            "Message-ID:  <1>\r\n\r\nx",
            "Message-ID: <1>\r\nDate:\r\n\r\nx",
            "Message-ID: <1>\r\nDate: x\r\n\r\nx",
            "Message-ID: <1>\r\nFrom:\r\n\r\nx",
            "Message-ID: <1>\r\nFrom: x\r\n\r\nx",
            "Message-ID: <1>\r\nDate:\r\nFrom:\r\n\r\nx",
            "Message-ID: <1>\r\n\r\ny",
            "Message-ID: <1>\r\n\r\n\r\nx",
            "Message-ID: <1>\r\n\r\nx ",
            "Message-ID: <1>\r\n\r\n",
        ]
        .map(plain),
    );
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
}

#[test]
fn order_and_repetition_of_recipients_and_case_of_domains_do_not_matter() {
    let text = b"Message-ID: <1>\r\n\r\nx";
    let of = |from, to: &[&str]| key_of(GROUP, &envelope(from, to), text, 9);
    assert_eq!(of("a@B.example", &["c@d", "e@f", "c@D"]), of("a@b.example", &["e@F", "c@d"]));
}

#[test]
fn a_field_of_trace_or_signature_does_not_matter() {
    let first = plain("Message-ID: <1>\r\nFrom: a\r\n\r\nx");
    let again = "Received: by z\r\nDKIM-Signature: x\r\nMessage-ID: <1>\r\nARC-Seal: x\r\nFrom: a\r\nFrom: b\r\n\r\nx";
    assert_eq!(plain(again), first);
}

#[test]
fn base32_is_that_of_rfc_4648() {
    for (text, expected) in [
        ("", ""),
        ("f", "my"),
        ("fo", "mzxq"),
        ("foo", "mzxw6"),
        ("foob", "mzxw6yq"),
        ("fooba", "mzxw6ytb"),
        ("foobar", "mzxw6ytboi"),
    ] {
        assert_eq!(base32(text.as_bytes()), expected);
    }
}

proptest! {
    #[test]
    fn pieces_and_trailing_empty_lines_do_not_matter(
        body in prop::collection::vec(any::<u8>(), 0..200),
        size in 1_usize..50,
        lines in 0_usize..9,
        other in any::<u8>(),
    ) {
        let envelope = envelope("a@b.example", &["c@d.example"]);
        let text = [&b"Message-ID: <1@x>\r\nDate: y\r\n\r\n"[..], &body].concat();
        let first = key_of(GROUP, &envelope, &text, text.len());
        let padded = [&text[..], "\r\n".repeat(lines).as_bytes()].concat();
        prop_assert_eq!(key_of(GROUP, &envelope, &padded, size), first.clone());
        if !matches!(other, b'\r' | b'\n') {
            let longer = [&text[..], &[other]].concat();
            prop_assert_ne!(key_of(GROUP, &envelope, &longer, size), first);
        }
    }
}
