//! Lines as they are said, by what is asked and what is offered.

use super::*;
use crate::mail::{ForwardPath, Mailbox, Notify, RecipientDsn, Returned, ReversePath, SenderDsn};

const NOTHING: Announced = Announced {
    starttls: false,
    pipelining: false,
    largest: None,
    size: false,
    eight_bit_mime: false,
    smtputf8: false,
    chunking: false,
    binary_mime: false,
    dsn: false,
    auth: super::super::announced::Mechanisms { plain: false, login: false, scram: false },
};

fn recipient(text: &str) -> Recipient {
    let mailbox = Mailbox::parse(text.as_bytes(), true).unwrap();
    let original = ForwardPath::Mailbox(mailbox.clone());
    Recipient { original, rewritten: mailbox, dsn: RecipientDsn::default() }
}

fn envelope(sender: &str) -> Envelope {
    let reverse_path = match sender {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(Mailbox::parse(text.as_bytes(), true).unwrap()),
    };
    let recipients = vec![recipient("b@example.org")];
    let (body_type, dsn) = (BodyType::SevenBit, SenderDsn::default());
    Envelope { reverse_path, recipients, body_type, smtputf8: false, dsn }
}

#[test]
fn what_is_not_offered_is_not_said() {
    let mut asked = envelope("a@example.org");
    asked.dsn = SenderDsn { returned: Some(Returned::Headers), envelope_id: Some("QQ+3 1=".into()) };
    asked.body_type = BodyType::EightBitMime;
    assert_eq!(mail(&asked, &NOTHING, Some(5)).unwrap(), "MAIL FROM:<a@example.org>");
    let all = Announced { size: true, largest: Some(5), eight_bit_mime: true, dsn: true, ..NOTHING };
    assert_eq!(
        mail(&asked, &all, Some(5)).unwrap(),
        "MAIL FROM:<a@example.org> SIZE=5 BODY=8BITMIME RET=HDRS ENVID=QQ+2B3+201+3D"
    );
    assert_eq!(mail(&envelope(""), &all, None).unwrap(), "MAIL FROM:<>");
}

#[test]
fn what_a_relay_can_not_take_is_told() {
    let utf8 = Announced { smtputf8: true, ..NOTHING };
    let asked = Envelope { smtputf8: true, ..envelope("a@example.org") };
    assert_eq!(mail(&asked, &NOTHING, None), Err(Unable::Utf8));
    assert_eq!(mail(&asked, &utf8, None).unwrap(), "MAIL FROM:<a@example.org> SMTPUTF8");
    assert_eq!(mail(&envelope("ü@example.org"), &NOTHING, None), Err(Unable::Utf8));
    assert_eq!(mail(&envelope("ü@example.org"), &utf8, None).unwrap(), "MAIL FROM:<ü@example.org> SMTPUTF8");
    let rewritten = Envelope { recipients: vec![recipient("ü@example.org")], ..envelope("") };
    assert_eq!(mail(&rewritten, &utf8, None).unwrap(), "MAIL FROM:<> SMTPUTF8");
    assert_eq!(rcpt(&recipient("ü@example.org"), &utf8, false), Err(Unable::Utf8));
    assert_eq!(rcpt(&recipient("ü@example.org"), &utf8, true).unwrap(), "RCPT TO:<ü@example.org>");
    let small = Announced { largest: Some(4), ..NOTHING };
    assert_eq!(mail(&envelope(""), &small, Some(5)), Err(Unable::Large));
    let binary = Envelope { body_type: BodyType::BinaryMime, ..envelope("") };
    let half = Announced { binary_mime: true, ..NOTHING };
    assert_eq!(mail(&binary, &half, None), Err(Unable::Binary));
    let whole = Announced { chunking: true, ..half };
    assert_eq!(mail(&binary, &whole, None).unwrap(), "MAIL FROM:<> BODY=BINARYMIME");
}

#[test]
fn notifications_are_asked_for_where_they_are_offered() {
    let dsn = Announced { dsn: true, ..NOTHING };
    let mut asked = recipient("b@example.org");
    let original = |kind: &str, address: &str| {
        Some(OriginalRecipient { address_type: kind.into(), address: address.into() })
    };
    asked.dsn = RecipientDsn { notify: Some(Notify::NEVER), original: original("rfc822", "a+b=c@x.org") };
    assert_eq!(rcpt(&asked, &NOTHING, false).unwrap(), "RCPT TO:<b@example.org>");
    assert_eq!(
        rcpt(&asked, &dsn, false).unwrap(),
        "RCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;a+2Bb+3Dc@x.org"
    );
    asked.dsn = RecipientDsn { notify: None, original: original("utf-8", r"ü\+@x.org") };
    assert_eq!(
        rcpt(&asked, &dsn, false).unwrap(),
        r"RCPT TO:<b@example.org> ORCPT=utf-8;\x{FC}\x{5C}\x{2B}@x.org"
    );
}

#[test]
fn a_message_is_judged_by_its_octets() {
    let content = |eight_bit, bare_newline| Content { eight_bit, bare_newline };
    let eight = Announced { eight_bit_mime: true, ..NOTHING };
    let small = Announced { largest: Some(9), ..NOTHING };
    use BodyType::{BinaryMime, EightBitMime, SevenBit};
    for (body, content, announced, expected) in [
        (SevenBit, content(false, false), NOTHING, Ok(())),
        // What is declared and not there needs nothing.
        (EightBitMime, content(false, false), NOTHING, Ok(())),
        (EightBitMime, content(true, false), NOTHING, Err(Unable::EightBit)),
        (SevenBit, content(true, false), NOTHING, Err(Unable::EightBit)),
        (SevenBit, content(true, false), eight, Ok(())),
        (SevenBit, content(false, true), eight, Err(Unable::BareNewline)),
        (BinaryMime, content(true, true), NOTHING, Ok(())),
        (SevenBit, content(false, false), small, Err(Unable::Large)),
    ] {
        assert_eq!(sendable(body, content, 10, &announced), expected, "{body:?} {content:?}");
    }
}
