//! Conversations, line by line: what is said to which answers, and what comes of it.

use super::*;
use crate::mail::Mailbox;
use crate::plan::Secret;

fn reply(line: &str) -> Reply {
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    Reply { code: code.parse().unwrap(), lines: text.split('|').map(ToOwned::to_owned).collect() }
}

fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text.as_bytes(), true).unwrap()
}

fn script() -> Script {
    Script { dialect: Dialect::Smtp, login: None, envelope: None }
}

fn to(recipient: &str, message: Option<&str>) -> Option<Envelope> {
    Some(Envelope {
        sender: ReversePath::Null,
        recipients: recipient.split(' ').map(|to| ForwardPath::Mailbox(mailbox(to))).collect(),
        message: message.map(|text| Message { octets: text.as_bytes().to_vec(), size: Size::Told }),
    })
}

/// The answer to each recipient.
fn each(answers: &[&str]) -> Option<Outcome> {
    Some(Ok(answers.iter().map(|answer| Ok(reply(answer))).collect()))
}

/// Answers all that is said; gives what was said, and the outcome.
fn play(script: Script, replies: &[&str]) -> (Vec<String>, Option<Outcome>) {
    play_upgrading(script, Upgrade::Never, replies)
}

fn play_upgrading(script: Script, upgrade: Upgrade, replies: &[&str]) -> (Vec<String>, Option<Outcome>) {
    let mut conversation = Conversation::new(script, upgrade, "[192.0.2.1]".to_owned());
    let (mut said, mut replies, mut turn) = (Vec::new(), replies.iter(), Turn::Listen);
    loop {
        match turn {
            Turn::End => break,
            Turn::Handshake => {
                said.push("(handshake)".to_owned());
                turn = conversation.secured();
                continue;
            }
            Turn::Say(line) | Turn::Send(line) => {
                said.push(String::from_utf8(line.octets).unwrap().trim_end().to_owned());
            }
            Turn::Listen => {}
        }
        let Some(next) = replies.next() else { break };
        turn = conversation.hear(reply(next));
    }
    assert_eq!(replies.next(), None, "not all was heard: {said:?}");
    (said, conversation.outcome().cloned())
}

#[test]
fn without_a_recipient_it_only_says_hello() {
    let (said, outcome) = play(script(), &["220 hi", "250 mx.test|SIZE 1", "221 bye"]);
    assert_eq!(said, ["EHLO [192.0.2.1]", "QUIT"]);
    assert_eq!(outcome, each(&[]));
}

#[test]
fn without_a_message_it_takes_the_recipient_back() {
    let script = Script { envelope: to("a@b.test", None), ..script() };
    let (said, outcome) =
        play(script, &["220 hi", "250 mx.test", "250 ok", "250 ok rcpt", "250 ok", "221 bye"]);
    assert_eq!(said, ["EHLO [192.0.2.1]", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "RSET", "QUIT"]);
    assert_eq!(outcome, each(&["250 ok rcpt"]));
}

#[test]
fn a_message_is_sent_with_its_dots() {
    let script =
        Script { dialect: Dialect::Lmtp, envelope: to("a@b.test", Some(".\r\nx\r\n..")), ..script() };
    let (said, outcome) =
        play(script, &["220 hi", "250 mx.test", "250 ok", "250 ok", "354 go", "250 2.0.0 taken", "221 bye"]);
    assert_eq!(said[0], "LHLO [192.0.2.1]");
    assert_eq!(said[3..], ["DATA", "..\r\nx\r\n...\r\n.", "QUIT"]);
    assert_eq!(outcome, each(&["250 2.0.0 taken"]));
}

#[test]
fn tls_begins_the_session_anew_and_then_someone_signs_in() {
    let login = Login { user: "ann".to_owned(), password: Secret::new(b"pencil") };
    let script = Script { login: Some(login), ..script() };
    let answers = ["220 hi", "250 mx|starttls", "220 go", "250 mx|AUTH LOGIN plain", "235 ok", "221 bye"];
    let (said, outcome) = play_upgrading(script.clone(), Upgrade::StartTls, &answers);
    assert_eq!(
        said,
        [
            "EHLO [192.0.2.1]",
            "STARTTLS",
            "(handshake)",
            "EHLO [192.0.2.1]",
            "AUTH PLAIN AGFubgBwZW5jaWw=",
            "QUIT"
        ]
    );
    assert_eq!(outcome, each(&[]));
    let mut conversation = Conversation::new(script, Upgrade::Never, "a".to_owned());
    conversation.hear(reply("220 hi"));
    let Turn::Say(Line { shown, .. }) = conversation.hear(reply("250 mx|AUTH PLAIN")) else {
        panic!("says nothing")
    };
    assert_eq!(shown, "AUTH PLAIN (user ann, and the password)");
    assert!(!format!("{conversation:?}").contains("pencil"));
}

#[test]
fn what_is_not_announced_is_not_tried() {
    let login = Login { user: "ann".to_owned(), password: Secret::new(b"pencil") };
    let table = [
        (script(), Upgrade::StartTls, "250 STARTTLS|SIZE", "STARTTLS"),
        (
            Script { login: Some(login), ..script() },
            Upgrade::Never,
            "250 mx|AUTH CRAM-MD5|PLAIN",
            "AUTH PLAIN, LOGIN or SCRAM-SHA-256",
        ),
        (Script { envelope: to("ü@b.test", None), ..script() }, Upgrade::Never, "250 mx|SMTPUTF", "SMTPUTF8"),
    ];
    for (script, upgrade, announced, missing) in table {
        let (said, outcome) = play_upgrading(script, upgrade, &["220 hi", announced, "221 bye"]);
        assert_eq!(said, ["EHLO [192.0.2.1]", "QUIT"]);
        assert_eq!(outcome, Some(Err(Obstacle::NotOffered(missing))));
    }
    let script = Script { envelope: to("ü@b.test", None), ..script() };
    assert_eq!(play(script, &["220 hi", "250 mx|SMTPUTF8"]).0[1], "MAIL FROM:<> SMTPUTF8");
}

#[test]
fn a_refusal_ends_it_and_421_at_once() {
    let script = || Script { envelope: to("a@b.test", Some("x")), ..script() };
    let good = ["220 hi", "250 mx", "250 ok", "250 ok", "354 go", "250 taken"];
    let stages = ["the greeting", "EHLO", "MAIL", "RCPT", "DATA", "the message"];
    for (at, stage) in stages.into_iter().enumerate() {
        for (refusal, leave) in [("451 4.3.5 later", true), ("550 5.1.1 no", true), ("421 4.3.2 bye", false)]
        {
            let mut replies = [&good[..at], &[refusal]].concat();
            if leave {
                replies.push("221 bye");
            }
            let (said, outcome) = play(script(), &replies);
            assert_eq!(said.last().is_some_and(|line| line == "QUIT"), leave, "{stage} {refusal}");
            let obstacle = Obstacle::Refused { stage, reply: reply(refusal) };
            let expected = if at < 3 { Err(obstacle) } else { Ok(vec![Err(obstacle)]) };
            assert_eq!(outcome, Some(expected));
        }
    }
}

#[test]
fn an_answer_out_of_place_ends_it() {
    let script = Script { envelope: to("a@b.test", Some("x")), ..script() };
    let (said, outcome) = play(script.clone(), &["220 hi", "250 mx", "250 ok", "250 ok", "250 go"]);
    assert_eq!(said.last().unwrap(), "DATA");
    let unexpected = Obstacle::Unexpected { stage: "DATA", reply: reply("250 go") };
    assert_eq!(outcome, Some(Ok(vec![Err(unexpected)])));
    let (_, outcome) = play(script, &["354 hi"]);
    assert_eq!(outcome, Some(Err(Obstacle::Unexpected { stage: "the greeting", reply: reply("354 hi") })));
}

fn refused(stage: &'static str, answer: &str) -> Answer {
    Err(Obstacle::Refused { stage, reply: reply(answer) })
}

#[test]
fn who_is_taken_gets_the_message_and_who_is_not_is_named() {
    let script = || Script { envelope: to("a@b.test c@b.test d@b.test", Some("x")), ..script() };
    let begin = ["220 hi", "250 mx", "250 ok", "250 a", "550 c", "250 d"];
    let (said, outcome) = play(script(), &[&begin[..], &["354 go", "250 taken", "221 bye"]].concat());
    assert_eq!(said[2..5], ["RCPT TO:<a@b.test>", "RCPT TO:<c@b.test>", "RCPT TO:<d@b.test>"]);
    let taken = || Ok(reply("250 taken"));
    assert_eq!(outcome, Some(Ok(vec![taken(), refused("RCPT", "550 c"), taken()])));
    let (_, outcome) = play(script(), &[&begin[..], &["354 go", "451 later", "221 bye"]].concat());
    let later = || refused("the message", "451 later");
    assert_eq!(outcome, Some(Ok(vec![later(), refused("RCPT", "550 c"), later()])));
    let nobody = ["220 hi", "250 mx", "250 ok", "550 a", "450 c", "550 d", "221 bye"];
    let (said, outcome) = play(script(), &nobody);
    assert_eq!(said.last().unwrap(), "QUIT");
    let each = vec![refused("RCPT", "550 a"), refused("RCPT", "450 c"), refused("RCPT", "550 d")];
    assert_eq!(outcome, Some(Ok(each)));
}

#[test]
fn lmtp_answers_for_each_who_is_taken() {
    let envelope = to("a@b.test c@b.test d@b.test", Some("x"));
    let script = || Script { dialect: Dialect::Lmtp, envelope: envelope.clone(), ..script() };
    let begin = ["220 hi", "250 mx", "250 ok", "250 a", "550 c", "250 d", "354 go"];
    let (_, outcome) = play(script(), &[&begin[..], &["250 a too", "452 d full", "221 bye"]].concat());
    let (a, c) = (Ok(reply("250 a too")), refused("RCPT", "550 c"));
    assert_eq!(outcome, Some(Ok(vec![a.clone(), c.clone(), refused("the message", "452 d full")])));
    let (said, outcome) = play(script(), &[&begin[..], &["250 a too", "421 bye"]].concat());
    assert_ne!(said.last().unwrap(), "QUIT");
    assert_eq!(outcome, Some(Ok(vec![a, c, refused("the message", "421 bye")])));
}

#[test]
fn who_has_a_verdict_keeps_it_when_the_connection_breaks() {
    let fault = || Fault::Broken("the message");
    for (replies, a) in [(&["250 a too"][..], Ok(reply("250 a too"))), (&[], Err(Obstacle::Silence(fault())))]
    {
        let envelope = to("a@b.test c@b.test d@b.test", Some("x"));
        let script = Script { dialect: Dialect::Lmtp, envelope, ..script() };
        let mut conversation = Conversation::new(script, Upgrade::Never, "a".to_owned());
        let begin = ["220 hi", "250 mx", "250 ok", "250 a", "550 c", "250 d"];
        for line in begin {
            conversation.hear(reply(line));
        }
        assert_eq!(conversation.lose(fault()), Err(fault()));
        assert!(matches!(conversation.hear(reply("354 go")), Turn::Send(_)));
        replies.iter().for_each(|line| assert_eq!(conversation.hear(reply(line)), Turn::Listen));
        assert_eq!(conversation.lose(fault()), Ok(Turn::End));
        let d = Err(Obstacle::Silence(fault()));
        assert_eq!(conversation.outcome(), Some(&Ok(vec![a, refused("RCPT", "550 c"), d])));
    }
}

#[test]
fn a_server_that_leaves_leaves_all_recipients() {
    let script = Script { envelope: to("a@b.test c@b.test d@b.test", Some("x")), ..script() };
    let (_, outcome) = play(script, &["220 hi", "250 mx", "250 ok", "250 a", "421 bye"]);
    assert_eq!(outcome, Some(Ok(vec![refused("RCPT", "421 bye"); 3])));
}

#[test]
fn mail_says_what_the_server_wants_to_hear_of_the_message() {
    let line = |offered: &str, message: &str, size| {
        let octets = message.as_bytes().to_vec();
        let envelope = to("a@b.test", None).unwrap();
        let envelope = Envelope { message: Some(Message { octets, size }), ..envelope };
        mail(&envelope, &Announced::read(&reply(&format!("250 mx|{offered}"))))
    };
    assert_eq!(line("SIZE 1", "abc", Size::Told).unwrap(), "MAIL FROM:<> SIZE=3");
    assert_eq!(line("SIZE 1", "abc", Size::Untold).unwrap(), "MAIL FROM:<>");
    assert_eq!(line("DSN", "abc", Size::Told).unwrap(), "MAIL FROM:<>");
    assert_eq!(line("8BITMIME|SIZE", "ü", Size::Told).unwrap(), "MAIL FROM:<> SIZE=2 BODY=8BITMIME");
    assert_eq!(line("SIZE", "ü", Size::Told), Err("8BITMIME"));
}

#[test]
fn behind_half_a_message_nothing_is_said() {
    for (answer, expected) in [
        ("552 5.3.4 enough", refused("the message", "552 5.3.4 enough")),
        ("250 ok", Err(Obstacle::Unexpected { stage: "the message", reply: reply("250 ok") })),
    ] {
        let script = Script { envelope: to("a@b.test", Some("x")), ..script() };
        let mut conversation = Conversation::new(script, Upgrade::Never, "a".to_owned());
        for line in ["220 hi", "250 mx", "250 ok", "250 ok"] {
            conversation.hear(reply(line));
        }
        assert!(matches!(conversation.hear(reply("354 go")), Turn::Send(_)));
        conversation.cut_short();
        assert_eq!(conversation.hear(reply(answer)), Turn::End);
        assert_eq!(conversation.outcome(), Some(&Ok(vec![expected])));
    }
}
