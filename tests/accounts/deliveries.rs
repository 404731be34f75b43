//! A message that was handed to a backend: which way, what it was, what the backend said.

use std::net::SocketAddr;

use super::{House, from_mail};
use crate::support::client::{Client, stuffed};
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act, Misbehaving, answer};
use crate::support::recorder::Recorder;
use crate::support::relay::{Act as RelayAct, Relay};

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

#[test]
fn which_way_it_went_and_what_the_backend_was_handed() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening(port)
        .route("any", "domain: example.org", backend.address, "")
        .route("orders", "domain: example.org, localPart: {type: Exact, value: orders}", backend.address, "");
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    let started = std::time::Instant::now();
    assert_eq!(client.send("a@client.example", &["Orders+1@example.org"], MESSAGE).code, 250);
    let told = house.next();
    let (event, account) = (&told.event, &told.account);
    assert_eq!((event.outcome.as_str(), event.route.as_deref()), ("delivered", Some("default/orders")));
    assert_eq!(account.gateway.as_ref(), "default/public");
    assert_eq!(account.client.address, event.client);
    let recipient = &account.recipients[0];
    assert_eq!(recipient.rewritten.as_ref().unwrap().to_string(), "Orders+1@example.org");
    assert_eq!(
        recipient.why,
        [
            "Gateway default/public has the domain example.org and delegates it to default.",
            "The strongest match that means it has the domain example.org and this local part without its detail: it is \
         one of rule only of MailRoute default/orders.",
        ]
    );
    assert_eq!(recipient.outcome, Some(Ok("confirmed".to_owned())));
    let delivery = account.delivery.as_ref().unwrap();
    assert_eq!(delivery.kind, "http");
    assert_eq!(delivery.target, format!("POST http://{}/inbound", backend.address));
    assert_eq!(delivery.attempts.len(), 1);
    assert_eq!(delivery.attempts[0].answer, "HTTP 204 No Content");
    assert!(delivery.attempts[0].took <= delivery.took && delivery.took < started.elapsed());
    let received = &backend.received()[0];
    let handed = [&delivery.prefix[..], &delivery.message.to_vec()].concat();
    assert_eq!(handed, received.body);
    assert!(received.header("traceparent").contains(&delivery.trace_id));
}

#[test]
fn each_attempt_and_what_was_answered_to_it() {
    let (runtime, port) = (tokio::runtime::Runtime::new().unwrap(), free_port());
    let acts = [
        answer("503 Service Unavailable", &[], "come back later"),
        answer("200 OK", &["mailchute-reply: 550 5.7.1 Not accepted here"], ""),
    ];
    let backend = runtime.block_on(Misbehaving::start(acts.map(Act::Answer)));
    let mut house = House::open(port, &Manifests::listening(port).all_to(backend.address));
    let mut client = Client::greeted(house.smtp);
    let reply = client.send("a@client.example", &["b@example.org"], MESSAGE);
    assert_eq!(reply.code, 550);
    let told = house.next();
    assert_eq!(told.event.outcome.as_str(), "refused");
    let attempts = &told.account.delivery.as_ref().unwrap().attempts;
    let answers: Vec<&str> = attempts.iter().map(|attempt| attempt.answer.as_str()).collect();
    assert_eq!(
        answers,
        [
            "HTTP 503 Service Unavailable\ncome back later",
            "HTTP 200 OK\nMailchute-Reply: 550 5.7.1 Not accepted here",
        ]
    );
    let outcome = told.account.recipients[0].outcome.as_ref().unwrap();
    assert_eq!(outcome, &Err("verdict: 550 5.7.1 Not accepted here".to_owned()));
    assert_eq!(from_mail(&told.account).last().unwrap(), "S: 550 5.7.1 Not accepted here");
}

#[test]
fn what_a_relay_says_of_recipients_and_message() {
    let acts = [("RCPT TO:<no@", RelayAct::Say("550 5.1.1 Nobody here"))];
    let (relay, port) = (Relay::but(&["8BITMIME"], &acts), free_port());
    let manifests = Manifests::listening(port).relayed("smtp", relay.address, "tls: Disabled");
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<no@example.org>", 550);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(MESSAGE)).unwrap();
    assert_eq!(client.reply().code, 250);
    let [refused, taken] = [house.next(), house.next()];
    assert_eq!(refused.account.recipients[0].why.last().unwrap(), "The relay does not take it.");
    assert_eq!(refused.account.replies, ["550 5.1.1 Nobody here"]);
    let recipient = &taken.account.recipients[0];
    assert_eq!(recipient.why.last().unwrap(), "The relay is asked about each recipient before it is taken.");
    assert!(
        recipient.outcome.as_ref().unwrap().as_ref().unwrap().starts_with("confirmed: Ok: queued as TEST")
    );
    let delivery = taken.account.delivery.as_ref().unwrap();
    assert_eq!(
        (delivery.kind, &*delivery.target),
        ("smtp", &*format!("relay smtp://{} without TLS", relay.address))
    );
    assert_eq!(delivery.attempts.len(), 1);
    assert!(delivery.attempts[0].answer.starts_with("confirmed: Ok: queued as TEST"));
    let handed = [&delivery.prefix[..], &delivery.message.to_vec()].concat();
    assert_eq!(relay.messages()[0].octets, handed);
}

#[test]
fn a_backend_that_is_not_there() {
    let port = free_port();
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let manifests = Manifests::listening(port).relayed("smtp", nobody, "tls: Disabled");
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<b@example.org>", 451);
    let told = house.next();
    let recipient = &told.account.recipients[0];
    assert_eq!(recipient.why.last().unwrap(), "The relay can't be asked about it.");
    assert_eq!(recipient.rewritten.as_ref().unwrap().to_string(), "b@example.org");
}

#[test]
fn a_burst_is_told_without_a_gap() {
    let (backend, port) = (Recorder::start(), free_port());
    let mut house = House::open(port, &Manifests::listening(port).all_to(backend.address));
    let mut client = Client::greeted(house.smtp);
    for _ in 0..500 {
        assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    }
    let watched = house.feed.clone();
    assert!(watched.is_watched());
    for _ in 0..500 {
        let told = house.next();
        assert_eq!((told.missed, told.event.outcome.as_str()), (0, "delivered"));
        assert!(said_once(&told.account.replies));
    }
}

fn said_once(replies: &[String]) -> bool {
    replies.len() == 1 && replies[0].starts_with("250 ")
}
