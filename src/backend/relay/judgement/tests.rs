//! Every row of the table, and how a relay's words are told.

use super::*;

fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap();
    Reply { code: code.parse().unwrap(), lines: text.split('|').map(str::to_owned).collect() }
}

/// Cause and reply of a refusal.
fn judged(stage: Stage, text: &str) -> (Cause, Option<String>) {
    let failure = failure(&Trouble::Refused { stage, reply: reply(text) }, false);
    (failure.cause, failure.reply.map(|reply| reply.to_string()))
}

fn own(text: &str) -> (Cause, Option<String>) {
    (Cause::Verdict, Some(text.to_owned()))
}

const OURS: (Cause, Option<String>) = (Cause::Misconfigured, None);

#[test]
fn a_word_on_a_recipient_is_told_as_it_is() {
    for (said, told) in [
        (
            "550 5.1.1 <b@x.org>: Recipient address rejected",
            "550 5.1.1 <b@x.org>: Recipient address rejected",
        ),
        ("450 4.2.1 Greylisted", "450 4.2.1 Greylisted"),
        ("452 4.5.3 Too many recipients", "452 4.5.3 Too many recipients"),
        ("552 5.2.2 Quota exceeded", "552 5.2.2 Quota exceeded"),
        ("554 5.7.1 Relay access denied", "554 5.7.1 Relay access denied"),
        // Without an enhanced code, and with one of another class.
        ("550 No such user", "550 5.0.0 No such user"),
        ("550 4.1.1 No such user", "550 5.0.0 No such user"),
        // Codes that not every client knows.
        ("556 5.1.10 Takes no mail", "550 5.1.10 Takes no mail"),
        ("432 4.7.12 Password transition", "451 4.7.12 Password transition"),
        ("550 ", "550 5.0.0 Not accepted"),
    ] {
        assert_eq!(judged(Stage::Recipient, said), own(told), "{said}");
    }
}

#[test]
fn what_is_about_us_bounces_nothing() {
    for said in [
        "500 5.5.2 Syntax error",
        "501 5.5.4 Bad argument",
        "502 5.5.1 Not implemented",
        "503 5.5.1 Bad sequence",
        "504 5.5.4 Not implemented",
        "521 5.3.2 Takes no mail",
        "530 5.7.0 Authentication required",
        "534 5.7.9 Too weak",
        "535 5.7.8 Bad credentials",
        "538 5.7.11 Encryption required",
        "555 5.5.4 Unsupported option",
    ] {
        for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::Message] {
            assert_eq!(judged(stage, said), OURS, "{said} to {}", stage.name());
        }
    }
    for said in ["550 5.7.1 Client host rejected", "554 5.7.23 SPF", "550 5.3.2 Not now", "550 5.4.1 No way"]
    {
        assert_eq!(judged(Stage::Mail, said), OURS, "{said}");
        assert_eq!(judged(Stage::Message, said), own(said));
    }
}

#[test]
fn a_word_on_the_sender_or_the_size_is_told() {
    for said in ["550 5.1.8 Bad sender", "552 5.3.4 Too large", "553 5.1.7 Bad address", "451 4.7.1 Later"] {
        assert_eq!(judged(Stage::Mail, said), own(said));
    }
    assert_eq!(judged(Stage::Mail, "553 sender rejected"), own("553 5.0.0 sender rejected"));
}

#[test]
fn an_end_of_the_relays_session_is_not_that_of_ours() {
    let told = Some("451 4.3.2 Shutting down".to_owned());
    for stage in [Stage::Mail, Stage::Recipient, Stage::Message] {
        assert_eq!(judged(stage, "421 4.3.2 Shutting down"), (Cause::Busy, told.clone()));
    }
}

#[test]
fn words_are_made_fit_for_a_reply() {
    let said = "550 5.7.1 first \u{1b}[31m\u{7}|5.7.1 süß|5.7.1 third";
    let (_, told) = judged(Stage::Message, said);
    assert_eq!(told.unwrap(), "550 5.7.1 first [31m s?? third");
    let long = format!("550 {}", vec!["x".repeat(5000); 20].join("|"));
    let trouble = Trouble::Refused { stage: Stage::Message, reply: reply(&long) };
    let told = failure(&trouble, false).reply.unwrap();
    assert_eq!(told.text().len(), MAX_LINES * (MAX_TEXT + 1) - 1);
    let utf8 = Trouble::Refused { stage: Stage::Message, reply: reply("550 5.7.1 süß") };
    assert_eq!(failure(&utf8, true).reply.unwrap().text(), "süß");
}

#[test]
fn a_receipt_has_the_relays_text() {
    let text = |said: &str| receipt(&reply(said), false).text;
    assert_eq!(text("250 2.0.0 Ok: queued as 4X1").as_deref(), Some("Ok: queued as 4X1"));
    assert_eq!(text("250 Ok|and more").as_deref(), Some("Ok"));
    assert_eq!(text("250 2.0.0 "), None);
    assert_eq!(text("250 2.0.0 a\u{0}b").as_deref(), Some("ab"));
}

#[test]
fn trouble_before_mail_is_ours_or_the_relays() {
    let down = Health::Down { retry_after: None };
    let stage = "AUTH";
    for (trouble, cause, health_of_it) in [
        (Trouble::Fault(Fault::Forbidden(String::new())), Cause::Misconfigured, Health::Unknown),
        (Trouble::Fault(Fault::Connect(String::new())), Cause::Unreachable, down),
        (Trouble::Fault(Fault::Tls(String::new())), Cause::Unreachable, down),
        (Trouble::Fault(Fault::LateConnect("TCP")), Cause::Timeout, down),
        (Trouble::Fault(Fault::Late("RCPT")), Cause::Timeout, down),
        (Trouble::Fault(Fault::Broken("RCPT")), Cause::Reset, down),
        (Trouble::Fault(Fault::NotSmtp(String::new())), Cause::Failed, down),
        (Trouble::Unopened(Obstacle::NotOffered("STARTTLS")), Cause::Unreachable, down),
        (Trouble::Unopened(Obstacle::NotOffered("AUTH PLAIN")), Cause::Misconfigured, down),
        (Trouble::Unopened(Obstacle::Refused { stage, reply: reply("454 later") }), Cause::Busy, down),
        (Trouble::Unopened(Obstacle::Refused { stage, reply: reply("535 no") }), Cause::Misconfigured, down),
        (Trouble::Unopened(Obstacle::Unexpected { stage, reply: reply("250 x") }), Cause::Failed, down),
    ] {
        let failure = failure(&trouble, false);
        assert_eq!((failure.cause, failure.reply), (cause, None), "{trouble:?}");
        assert_eq!(health(&trouble), health_of_it, "{trouble:?}");
    }
    let word = |text| Trouble::Refused { stage: Stage::Message, reply: reply(text) };
    assert_eq!(health(&word("451 4.3.0 later")), Health::Alive);
    assert_eq!(health(&word("421 4.3.2 bye")), down);
}

#[test]
fn what_a_relay_can_not_take_is_refused_truthfully() {
    for (cannot, code, enhanced) in [
        (Unable::Utf8, 550, "5.6.7"),
        (Unable::EightBit, 554, "5.6.3"),
        (Unable::Binary, 554, "5.6.3"),
        (Unable::Large, 552, "5.3.4"),
        (Unable::BareNewline, 550, "5.6.11"),
    ] {
        let reply = unable(cannot).reply.unwrap();
        assert_eq!((reply.code(), reply.enhanced().as_deref()), (code, Some(enhanced)));
    }
}
