//! Whatever is refused is told, whoever refuses it: a sender, a recipient, a message on its way in.

use mailchute::pipeline::feed::Stage;

use super::{House, from_mail};
use crate::support::client::Client;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

fn house(backend: &Recorder) -> House {
    let port = free_port();
    let manifests = Manifests::listening_with(port, "limits: {recipients: 100}")
        .all_to(backend.address)
        .document(
            "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {name: known}\nspec:\n  \
             targetRefs: [{kind: MailRoute, name: all}]\n  recipients: {addresses: [b@example.org, c@example.org]}\n  \
             limits: {maxMessageBytes: 1Mi}",
        );
    House::open(port, &manifests)
}

#[test]
fn a_sender_that_is_refused() {
    let backend = Recorder::start();
    let mut house = house(&backend);
    let mut client = Client::greeted(house.smtp);
    let reply = client.expect("MAIL FROM:<a@client.example> SIZE=999999999", 552);
    let told = house.next();
    let event = &told.event;
    assert_eq!((event.stage, event.outcome.as_str(), event.code), (Stage::Sender, "rejected", Some(552)));
    assert_eq!(event.sender.to_string(), "a@client.example");
    assert_eq!(told.account.replies, [format!("552 {}", reply.text())]);
    assert_eq!(from_mail(&told.account).len(), 2);
}

#[test]
fn a_sender_who_has_not_signed_in() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, "auth: {mode: Require, allowPlaintext: true}")
        .users(&[("alice", "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2")])
        .all_to(backend.address);
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    let reply = client.expect("MAIL FROM:<>", 530);
    let told = house.next();
    assert_eq!((told.event.stage, told.event.code), (Stage::Sender, Some(530)));
    assert_eq!(told.event.sender.to_string(), "");
    assert_eq!(told.account.replies, [format!("530 {}", reply.text())]);
}

#[test]
fn recipients_that_are_refused_each_by_itself_and_why() {
    let backend = Recorder::start();
    let mut house = house(&backend);
    let mut client = Client::greeted(house.smtp);
    client
        .write(
            b"MAIL FROM:<a@client.example>\r\nRCPT TO:<x@elsewhere.example>\r\nRCPT TO:<x@example.org>\r\n",
        )
        .unwrap();
    let replies = [client.reply(), client.reply(), client.reply()];
    let [elsewhere, unknown] = [house.next(), house.next()];
    for (told, reply) in [(&elsewhere, &replies[1]), (&unknown, &replies[2])] {
        assert_eq!((told.event.stage, told.event.code), (Stage::Recipient, Some(550)));
        assert_eq!(told.account.replies, [format!("550 {}", reply.text())]);
        assert_eq!(told.event.recipients[0], told.account.recipients[0].original);
        assert_eq!(told.account.recipients[0].rewritten, None);
    }
    assert_eq!(
        elsewhere.account.recipients[0].why,
        ["The domain elsewhere.example is none of gateway default/public."]
    );
    let unknown = &unknown.account.recipients[0];
    assert_eq!(unknown.route.as_deref(), Some("default/all"));
    assert_eq!(unknown.rule.as_deref(), Some("only"));
    assert_eq!(
        unknown.why[0],
        "Gateway default/public has the domain example.org and delegates it to default."
    );
    assert_eq!(unknown.why[2], "The list of recipients does not have it.");
    let policies = unknown.policies.iter().map(|holding| format!("{} of {}", holding.block, holding.policy));
    assert_eq!(policies.collect::<Vec<_>>(), ["recipients of default/known", "limits of default/known"]);
}

#[test]
fn a_recipient_more_than_there_may_be() {
    let backend = Recorder::start();
    let mut house = house(&backend);
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    for _ in 0..100 {
        client.expect("RCPT TO:<b@example.org>", 250);
    }
    client.expect("RCPT TO:<c@example.org>", 452);
    let told = house.next();
    let event = &told.event;
    assert_eq!((event.stage, event.outcome.as_str(), event.code), (Stage::Recipient, "deferred", Some(452)));
    assert_eq!(event.recipients[0].to_string(), "c@example.org");
    assert_eq!(
        told.account.recipients[0].why.last().unwrap(),
        "The transaction has as many recipients as it may have."
    );
    assert_eq!(told.account.replies.len(), 1);
}

#[test]
fn messages_that_are_refused_on_their_way_in() {
    let backend = Recorder::start();
    let mut house = house(&backend);
    let large = [b"a: b\r\n\r\n", &b"x\r\n".repeat(400_000)[..]].concat();
    let received =
        b"Received: from a.example by mx.example.org; Mon, 23 Nov 2026 11:49:04 +0000\r\n".repeat(5);
    let cases: [(&[u8], u16); 3] = [(&large, 552), (b"Subject: one\nTwo.\r\n", 550), (&received, 554)];
    for (message, code) in cases {
        let mut client = Client::greeted(house.smtp);
        client.begin("a@client.example", "b@example.org");
        client.write(message).unwrap();
        client.write(b".\r\n").unwrap();
        let reply = client.reply();
        assert_eq!(reply.code, code);
        let told = house.next();
        let event = &told.event;
        assert_eq!(
            (event.stage, event.outcome.as_str(), event.code),
            (Stage::Message, "rejected", Some(code))
        );
        assert_eq!(event.route.as_deref(), Some("default/all"));
        assert_eq!(event.recipients.len(), 1);
        assert_eq!(told.account.recipients[0].rewritten.as_ref().unwrap().to_string(), "b@example.org");
        assert!(told.account.delivery.is_none());
        assert_eq!(told.account.replies, [format!("{code} {}", reply.text())]);
        let said = from_mail(&told.account);
        assert_eq!(said[said.len() - 1], format!("S: {code} {}", reply.text()));
        assert!(said[said.len() - 2].starts_with("C: (a message of "), "{said:?}");
    }
    assert!(backend.received().is_empty());
}

#[test]
fn a_message_that_others_follow_is_abandoned_with_its_own_lines() {
    let backend = Recorder::start();
    let mut house = house(&backend);
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<one@client.example>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.write(b"BDAT 4\r\na: b").unwrap();
    assert_eq!(client.reply().code, 250);
    client.expect("RSET", 250);
    assert_eq!(client.send("two@client.example", &["b@example.org"], MESSAGE).code, 250);
    let [abandoned, delivered] = [house.next(), house.next()];
    assert_eq!(abandoned.event.outcome.as_str(), "abandoned");
    assert_eq!(from_mail(&abandoned.account).last().unwrap(), "S: 250 2.0.0 Ok");
    assert_eq!(delivered.event.outcome.as_str(), "delivered");
    assert!(!format!("{:?}", delivered.account.transcript).contains("one@client.example"));
    drop(client);
    assert!(house.end().is_empty());
}
