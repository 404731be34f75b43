//! A consumer of a stream has senders told as an application behind HTTP does: with what came beside the message.

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, manifests};
use crate::support::bounces::{KEY, Notifying, bounces, keys};
use crate::support::client::{Client, stuffed};
use crate::support::consumer::{Consumer, config};
use crate::support::relay::Relay;

/// Everybody may be told through the relay, and mail goes to the stream.
fn start(server: &Server, relay: &Relay) -> Notifying {
    Notifying::start_with(|port| {
        let manifests = manifests(port, &format!("nats://{}", server.address), Said::default());
        bounces(manifests, relay.address.port(), "All", &keys(KEY, None))
    })
}

#[test]
fn a_consumer_has_the_sender_told_afterwards() {
    let (server, relay) = (Server::start(), Relay::good(&["8BITMIME"]));
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let notifying = start(&server, &relay);
    let mut client = Client::greeted(notifying.front_end.smtp);
    client.expect("MAIL FROM:<a@client.example> RET=HDRS ENVID=QQ+201", 250);
    client.expect("RCPT TO:<b@example.org> NOTIFY=FAILURE,DELAY", 250);
    client.expect("RCPT TO:<c@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    let messages = consumer.messages();
    let [message] = &messages[..] else { panic!("{messages:?}") };
    for (name, value) in
        [("ce-dsnenvid", "QQ%201"), ("ce-dsnret", "HDRS"), ("ce-dsnnotify", "FAILURE,DELAY;")]
    {
        assert_eq!(message.header(name), value, "{name}");
    }
    let told = notifying.ask_of(message.header("ce-bouncetoken"), "b@example.org");
    assert_eq!(told.status, 202, "{told:?}");
    let notification = &relay.messages()[0];
    assert_eq!(notification.recipients, ["RCPT TO:<a@client.example>"]);
    assert!(notification.text().contains("\r\nOriginal-Envelope-Id: QQ 1\r\n"), "{}", notification.text());
}

#[test]
fn all_that_is_told_of_an_envelope_stays_within_its_bound() {
    let (server, relay) = (Server::start(), Relay::good(&[]));
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let notifying = start(&server, &relay);
    let mut client = Client::greeted(notifying.front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    let rcpt = |number| format!("RCPT TO:<recipient{number}@example.org> NOTIFY=SUCCESS,FAILURE,DELAY");
    let taken = (0..1000).take_while(|number| client.try_say(&rcpt(*number)).unwrap().code == 250).count();
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    let messages = consumer.messages();
    let names = ["ce-mailfrom", "ce-rcptto", "ce-bouncetoken", "ce-dsnnotify"];
    let octets: usize = names.iter().map(|name| messages[0].header(name).len()).sum();
    assert!((5000..=6 * 1024).contains(&octets), "{octets} for {taken}");
}
