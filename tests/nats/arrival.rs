//! What comes to the stream: the message octet for octet, its envelope, its subject, the trace.

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::consumer::{Consumer, config};

#[test]
fn message_and_envelope_arrive_as_they_were_sent() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = Stage::to(server.address);
    let mut client = stage.client();
    client.expect("MAIL FROM:<a@client.example> BODY=8BITMIME", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("RCPT TO:<\"c d,e\"@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(MESSAGE)).unwrap();
    let reply = client.reply();
    assert_eq!(reply.code, 250, "{reply:?}");
    let messages = consumer.messages();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    message.received.assert_carries(MESSAGE);
    assert_eq!(message.subject, "mail.in");
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "dev.mailchute.message.received.v1"),
        ("ce-datacontenttype", "message/rfc822"),
        ("ce-source", "/mailchute/default/public/mx"),
        ("ce-mailfrom", "a@client.example"),
        ("ce-rcptto", "b@example.org,%2522c%2520d%252Ce%2522@example.org"),
        ("ce-clientip", "127.0.0.1"),
        ("ce-helo", "client.example"),
        ("ce-protocol", "ESMTP"),
        ("ce-messageid", "1@client.example"),
        ("ce-bodytype", "8BITMIME"),
        ("ce-smtputf8", "false"),
        ("ce-route", "default/all"),
        ("Nats-Expected-Stream", "MAIL"),
    ] {
        assert_eq!(message.header(name), value, "{name}");
    }
    assert_eq!(message.header("ce-size"), message.received.body.len().to_string());
    let key = message.header("Nats-Msg-Id");
    assert!(key.starts_with("mc1-") && key == message.header("ce-dedupekey"), "{key}");
    assert!(reply.text().contains(message.header("ce-id")), "{reply:?}");
    let trace: Vec<&str> = message.header("traceparent").split('-').collect();
    assert_eq!(trace.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
    stage.front_end.wait_for_log(&["message", trace[1], "\"code\":250"]);
    let known = ["ce-id", "ce-time", "ce-size", "ce-dedupekey", "Nats-Msg-Id", "traceparent"];
    assert_eq!(message.names().len(), 14 + known.len(), "{:?}", message.names());
}

#[test]
fn a_large_message_arrives_whole() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = Stage::to(server.address);
    let mut message = MESSAGE.to_vec();
    (0..9000)
        .for_each(|line| message.extend_from_slice(format!("line {line} {:060}\r\n", line * 7).as_bytes()));
    stage.expect(&message, "250 2.0.0 Ok");
    consumer.messages()[0].received.assert_carries(&message);
}

#[test]
fn recipients_of_different_subjects_need_transactions_of_their_own() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let nats = ", subject: \"mail.{gateway}.{route}.{rcpt.local}.{mailfrom.domain}\"";
    let stage = Stage::with(server.address, Said { nats, ..Said::default() });
    let mut client = stage.client();
    client.expect("MAIL FROM:<>", 250);
    client.expect("RCPT TO:<Ann.B@example.org>", 250);
    let reply = client.expect("RCPT TO:<other@example.org>", 452);
    assert_eq!(reply.text(), "4.5.3 Recipient needs its own transaction");
    client.expect("RCPT TO:<ann.b@EXAMPLE.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    let reply = client.send("x@y.example", &["other@example.org"], MESSAGE);
    assert_eq!(reply.code, 250);
    let subjects: Vec<String> = consumer.messages().into_iter().map(|message| message.subject).collect();
    assert_eq!(
        subjects,
        ["mail.default/public.default/all.ann%2Eb.none", "mail.default/public.default/all.other.y%2Eexample"]
    );
}
