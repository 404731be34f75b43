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
        recipient: ForwardPath::Mailbox(mailbox(recipient)),
        message: message.map(|text| text.as_bytes().to_vec()),
    })
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
            Turn::Say(line) => said.push(String::from_utf8(line.octets).unwrap().trim_end().to_owned()),
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
    assert_eq!(outcome, Some(Ok(reply("250 mx.test|SIZE 1"))));
}

#[test]
fn without_a_message_it_takes_the_recipient_back() {
    let script = Script { envelope: to("a@b.test", None), ..script() };
    let (said, outcome) =
        play(script, &["220 hi", "250 mx.test", "250 ok", "250 ok rcpt", "250 ok", "221 bye"]);
    assert_eq!(said, ["EHLO [192.0.2.1]", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "RSET", "QUIT"]);
    assert_eq!(outcome, Some(Ok(reply("250 ok rcpt"))));
}

#[test]
fn a_message_is_sent_with_its_dots() {
    let script =
        Script { dialect: Dialect::Lmtp, envelope: to("a@b.test", Some(".\r\nx\r\n..")), ..script() };
    let (said, outcome) =
        play(script, &["220 hi", "250 mx.test", "250 ok", "250 ok", "354 go", "250 2.0.0 taken", "221 bye"]);
    assert_eq!(said[0], "LHLO [192.0.2.1]");
    assert_eq!(said[3..], ["DATA", "..\r\nx\r\n...\r\n.", "QUIT"]);
    assert_eq!(outcome, Some(Ok(reply("250 2.0.0 taken"))));
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
    assert_eq!(outcome, Some(Ok(reply("235 ok"))));
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
            assert_eq!(outcome, Some(Err(Obstacle::Refused { stage, reply: reply(refusal) })));
        }
    }
}

#[test]
fn an_answer_out_of_place_ends_it() {
    let script = Script { envelope: to("a@b.test", Some("x")), ..script() };
    let (said, outcome) = play(script.clone(), &["220 hi", "250 mx", "250 ok", "250 ok", "250 go"]);
    assert_eq!(said.last().unwrap(), "DATA");
    assert_eq!(outcome, Some(Err(Obstacle::Unexpected { stage: "DATA", reply: reply("250 go") })));
    let (_, outcome) = play(script, &["354 hi"]);
    assert_eq!(outcome, Some(Err(Obstacle::Unexpected { stage: "the greeting", reply: reply("354 hi") })));
}
