//! What is sealed comes out again, for nobody else, and not for ever.

use super::*;
use crate::mail::{ForwardPath, Mailbox, Notify, OriginalRecipient, RecipientDsn};

const GATEWAY: &str = "mail-system/public";
const ONE: &[u8] = &[1; MIN_KEY_OCTETS];
const TWO: &[u8] = &[2; MIN_KEY_OCTETS + 9];
const SALT: [u8; 16] = [7; 16];

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn recipient(told: &str, original: &str) -> Recipient {
    let original = ForwardPath::Mailbox(mailbox(original));
    Recipient { original, rewritten: mailbox(told), dsn: RecipientDsn::default() }
}

fn token() -> Token {
    let asked = RecipientDsn {
        notify: Some(Notify { failure: true, ..Notify::NEVER }),
        original: Some(OriginalRecipient { address_type: "rfc822".into(), address: "o@old.example".into() }),
    };
    Token {
        id: TransactionId::new(now(), [9; 10]),
        received_at: now(),
        reverse_path: ReversePath::Mailbox(mailbox("jürgen@client.example")),
        vouched: true,
        answer: false,
        envelope_id: Some("QQ 314159".into()),
        header: b"Subject: dinner\r\n".to_vec(),
        recipients: vec![
            Recipient { dsn: asked, ..recipient("b@example.org", "b@example.org") },
            recipient("inbox@example.org", "\"a b\"@example.org"),
            Recipient { original: ForwardPath::Postmaster, ..recipient("ops@example.org", "x@y.example") },
            Recipient {
                dsn: RecipientDsn { notify: Some(Notify::NEVER), original: None },
                ..recipient("n@example.org", "N@example.org")
            },
        ],
    }
}

fn seal(keys: &[&[u8]]) -> Seal {
    Seal::new(keys[0], keys[1..].iter().copied()).unwrap()
}

#[test]
fn what_was_sealed_comes_out_again() {
    let plain = Token {
        reverse_path: ReversePath::Null,
        vouched: false,
        answer: true,
        envelope_id: None,
        header: Vec::new(),
        recipients: Vec::new(),
        ..token()
    };
    for token in [token(), plain] {
        let text = token.seal(&seal(&[ONE]), GATEWAY, SALT);
        assert!(text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)), "{text}");
        assert_eq!(Token::open(&text, &seal(&[ONE]), GATEWAY, now()), Ok(token.clone()));
        let least = octets(&token.reverse_path, token.envelope_id.as_deref(), token.recipients.iter());
        let excerpt = (MAX_EXCERPT - token.header.len()) * 4 / 3;
        assert!(text.len() <= least && text.len() + excerpt + 4 >= least, "{} of {least}", text.len());
    }
}

#[test]
fn two_keys_are_for_rotation() {
    let text = token().seal(&seal(&[ONE, TWO]), GATEWAY, SALT);
    for (keys, opens) in
        [(&[ONE][..], true), (&[TWO, ONE], true), (&[ONE, TWO], true), (&[TWO], false), (&[&[3; 32]], false)]
    {
        let opened = Token::open(&text, &seal(keys), GATEWAY, now());
        assert_eq!(opened, if opens { Ok(token()) } else { Err(Refused::Foreign) }, "{keys:?}");
    }
    assert_eq!(Seal::new(ONE, [&[4; 31][..]]), Err(KeyTooShort));
    assert_eq!(Seal::new(b"short", []), Err(KeyTooShort));
    assert_eq!(format!("{:?}", seal(&[ONE, TWO])), "Seal(2 keys)");
}

#[test]
fn a_token_is_good_for_five_days_at_one_gateway() {
    let text = token().seal(&seal(&[ONE]), GATEWAY, SALT);
    let open = |gateway, now| Token::open(&text, &seal(&[ONE]), gateway, now);
    assert_eq!(open("mail-system/other", now()), Err(Refused::Foreign));
    assert_eq!(open(GATEWAY, now() + GOOD_FOR), Ok(token()));
    assert_eq!(open(GATEWAY, now() + GOOD_FOR + Duration::from_secs(1)), Err(Refused::Expired));
    assert_eq!(open(GATEWAY, now() - Duration::from_secs(60)), Ok(token()), "clocks differ");
}

#[test]
fn what_is_cut_or_changed_does_not_open() {
    let text = token().seal(&seal(&[ONE]), GATEWAY, SALT);
    let open = |text: &str| Token::open(text, &seal(&[ONE]), GATEWAY, now()).unwrap_err();
    for end in 0..text.len() {
        assert!(matches!(open(&text[..end]), Refused::Malformed | Refused::Foreign));
    }
    let octets = URL_SAFE_NO_PAD.decode(&text).unwrap();
    for bit in 0..octets.len() * 8 {
        let mut octets = octets.clone();
        octets[bit / 8] ^= 1 << (bit % 8);
        let refused = open(&URL_SAFE_NO_PAD.encode(&octets));
        assert_eq!(refused, if bit < 8 { Refused::Malformed } else { Refused::Foreign }, "bit {bit}");
    }
    for bad in ["", "AQ", "not a token", "é", &"A".repeat(MAX_TOKEN + 1), &format!("{text}=")] {
        assert_eq!(open(bad), Refused::Malformed, "{bad:.20}");
    }
    assert_eq!(open(&format!("{text}AAAA")), Refused::Foreign);
}

#[test]
fn tokens_with_another_salt_have_nothing_in_common() {
    let one = URL_SAFE_NO_PAD.decode(token().seal(&seal(&[ONE]), GATEWAY, SALT)).unwrap();
    let other = URL_SAFE_NO_PAD.decode(token().seal(&seal(&[ONE]), GATEWAY, [8; 16])).unwrap();
    let alike = one[21..].iter().zip(&other[21..]).filter(|(one, other)| one == other).count();
    assert!(alike < one.len() / 10, "{alike} of {}", one.len());
}

#[test]
fn the_excerpt_has_what_tells_most() {
    let read = |text: &str| {
        let message: Message = text.as_bytes().chunks(5).map(Bytes::copy_from_slice).collect();
        String::from_utf8(excerpt(&message)).unwrap()
    };
    assert_eq!(
        read(
            "Received: x\r\nTo: <b@x>\r\nSubject: a\r\n b\r\nMESSAGE-ID: <1@c>\r\nSubject: second\r\n\r\nDate: no"
        ),
        "MESSAGE-ID: <1@c>\r\nSubject: a\r\n b\r\nTo: <b@x>\r\n"
    );
    assert_eq!(read("Subject: a"), "Subject: a\r\n");
    let long = |name: &str, length: usize| format!("{name}: {}\r\n", "x".repeat(length));
    assert_eq!(read(&(long("Subject", 400) + "Date: today\r\n")), "Date: today\r\n");
    let many: String = EXCERPT.iter().rev().map(|name| long(name, 250)).collect();
    assert_eq!(read(&many).matches(": ").count(), 2);
    assert_eq!(read(""), "");
}
