//! As the relay that takes notifications, and the server of the sender whom they tell.

use mail_parser::{MessageParser, MimeHeaders};

use crate::MESSAGE;
use crate::support::bounces::{KEY, Notifying, OTHER_KEY, ask, bounces, keys, unknown};
use crate::support::client::Client;
use crate::support::maildir::messages;
use crate::support::manifests::{Manifests, free_port};
use crate::support::postfix::{Postfix, mailboxes};
use crate::support::recorder::Recorder;
use crate::support::server::folder;
use crate::support::until::until;

const ALICE: &str = "alice@client.example";

/// A Postfix at this port that has a mailbox for Alice; mail for `example.org` goes to `mailchute`.
struct Home {
    postfix: Postfix,
}

impl Home {
    fn start(port: u16, mailchute: u16) -> Self {
        let folder = folder();
        let maps = format!("inline:{{ {ALICE}=alice/ }}");
        let mailboxes = mailboxes(folder.path(), "client.example", &maps);
        let settings = format!(
            "{mailboxes}smtp_tls_security_level = none\n\
             transport_maps = inline:{{ {{ example.org = smtp:[127.0.0.1]:{mailchute} }} }}\n"
        );
        Self { postfix: Postfix::start_at(port, folder, &settings) }
    }

    /// Waits until so many messages are in the mailbox, and gives them.
    fn messages(&self, count: usize) -> Vec<String> {
        until(&format!("{count} messages are in the mailbox"), || {
            let messages = messages(&self.postfix.folder.path().join("mail/alice"));
            (messages.len() >= count).then_some(messages)
        })
    }
}

/// A message is a notification that `recipient` failed, as an independent reader sees it.
fn tells(message: &str, recipient: &str, words: &[&str]) {
    let parsed = MessageParser::default().parse(message).unwrap();
    let kind = parsed.content_type().unwrap();
    assert_eq!((kind.ctype(), kind.subtype()), ("multipart", Some("report")));
    assert_eq!(parsed.header_raw("Return-Path").map(str::trim), Some("<>"));
    let text = parsed.body_text(0).unwrap().into_owned();
    let status = String::from_utf8(parsed.attachment(0).unwrap().contents().to_vec()).unwrap();
    assert!(status.contains(&format!("Final-Recipient: rfc822; {recipient}")), "{status}");
    assert!(status.contains("Action: failed"), "{status}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// The tale of a wrong address, as README tells it.
#[test]
fn the_tale_of_a_wrong_address() {
    let backend = Recorder::start();
    let (home, mailchute) = (free_port(), free_port());
    let notifying = Notifying::start_on(mailchute, |port| {
        let known = "domain: example.org, localPart: {type: Exact, value: bob}";
        let manifests = Manifests::listening(port).route("bob", known, backend.address, "");
        bounces(manifests, home, "All", &keys(KEY, None))
    });
    let home = Home::start(home, mailchute);
    // Nobody knows bobb: Mailchute says so at the door, and Alice's own server tells Alice.
    let mut client = Client::greeted(home.postfix.address);
    assert_eq!(client.send(ALICE, &["bobb@example.org"], MESSAGE.as_bytes()).code, 250);
    let first = home.messages(1).remove(0);
    assert!(first.contains("550 5.1.1") && first.contains("bobb@example.org"), "{first}");
    assert!(
        first.contains("Reporting-MTA: dns; relay.client.example"),
        "it is her own server that tells: {first}"
    );
    // Bob is known and has left: the application finds that out when it has the message.
    assert_eq!(client.send(ALICE, &["bob@example.org"], MESSAGE.as_bytes()).code, 250);
    let event = backend.wait_for(1).remove(0);
    let told = notifying.ask_of(event.header("ce-bouncetoken"), "bob@example.org");
    assert_eq!(told.status, 202, "{told:?}");
    let messages = home.messages(2);
    let second = messages.iter().find(|message| **message != first).unwrap();
    tells(second, "bob@example.org", &["There is no such mailbox.", "No such user here", "Subject: dots"]);
}

#[test]
fn two_front_ends_serve_each_others_tokens() {
    let backend = Recorder::start();
    let home = free_port();
    let start = |keys: &str| {
        Notifying::start_with(|port| {
            let manifests = Manifests::listening(port).all_to(backend.address);
            bounces(manifests, home, "All", keys)
        })
    };
    let (one, two) = (start(&keys(KEY, None)), start(&keys(KEY, Some(OTHER_KEY))));
    let home = Home::start(home, free_port());
    for (from, to, count) in [(&one, &two, 1), (&two, &one, 2)] {
        let mut client = Client::greeted(from.front_end.smtp);
        assert_eq!(client.send(ALICE, &["b@example.org"], MESSAGE.as_bytes()).code, 250);
        let event = backend.wait_for(count).remove(count - 1);
        assert_eq!(ask(to.bounces, event.header("ce-bouncetoken"), &unknown("b@example.org")).status, 202);
        home.messages(count).iter().for_each(|message| tells(message, "b@example.org", &[]));
    }
}

#[test]
fn while_the_relay_is_down_nothing_is_lost() {
    let backend = Recorder::start();
    let port = free_port();
    let notifying = Notifying::start(backend.address, port);
    let mut client = Client::greeted(notifying.front_end.smtp);
    assert_eq!(client.send(ALICE, &["b@example.org"], MESSAGE.as_bytes()).code, 250);
    let event = backend.wait_for(1).remove(0);
    let token = event.header("ce-bouncetoken");
    let answer = notifying.ask_of(token, "b@example.org");
    assert!(answer.status == 503 && answer.has("retry-after"), "{answer:?}");
    let home = Home::start(port, free_port());
    until("the relay is back", || (notifying.ask_of(token, "b@example.org").status == 202).then_some(()));
    tells(&home.messages(1)[0], "b@example.org", &["b@example.org"]);
}
