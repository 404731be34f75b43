//! Messages that end without an answer, or by another than their own: none is left out, and each is told once.

use mailchute::pipeline::feed::{Stage, Told};

use super::{House, from_mail, said};
use crate::support::certificates::Authority;
use crate::support::client::{Client, stuffed};
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::scene::tls;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";

fn house(backend: &Recorder) -> House {
    let port = free_port();
    House::open(port, &Manifests::listening(port).all_to(backend.address))
}

/// A client with a message that has begun.
fn begun(house: &House) -> Client {
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<one@client.example>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    client.write(b"BDAT 4\r\na: b").unwrap();
    assert_eq!(client.reply().code, 250);
    client
}

fn abandoned(told: &Told, code: Option<u16>) {
    let event = &told.event;
    assert_eq!((event.stage, event.outcome.as_str(), event.code), (Stage::Message, "abandoned", code));
    assert_eq!(event.route.as_deref(), Some("default/all"));
    assert_eq!(told.account.recipients[0].original.to_string(), "b@example.org");
}

#[test]
fn one_that_is_cut_while_the_backend_has_it() {
    let backend = Recorder::start();
    let house = house(&backend);
    backend.hold();
    let mut client = Client::greeted(house.smtp);
    client.begin("a@client.example", "b@example.org");
    client.write(&stuffed(MESSAGE)).unwrap();
    backend.wait_for(1);
    let rest = house.end();
    backend.release();
    let [told] = &rest[..] else { panic!("told {} times", rest.len()) };
    abandoned(told, None);
    let (id, size) = (told.event.id.unwrap().to_string(), told.event.size);
    assert_eq!((backend.received()[0].header("ce-id"), size), (&*id, Some(MESSAGE.len())));
    assert_eq!(from_mail(&told.account).last().unwrap(), "(the front-end goes away and cuts the connection)");
}

#[test]
fn one_that_comes_too_slowly_hears_so() {
    let (backend, port) = (Recorder::start(), free_port());
    // One session of one is more than 80 %: patience is 10 s.
    let mut house = House::of(port, &Manifests::listening(port).all_to(backend.address).yaml(), 1);
    let mut client = begun(&house);
    let last = format!("421 {}", client.reply().text());
    assert!(last.starts_with("421 4.4.2 "), "{last}");
    let told = house.next();
    abandoned(&told, Some(421));
    assert_eq!(told.account.replies, [&*last]);
    let said = from_mail(&told.account);
    assert_eq!(
        said[said.len() - 2..],
        [format!("S: {last}"), "(the client was too slow, and is hung up on)".into()]
    );
    assert!(house.end().is_empty());
}

#[test]
fn one_that_is_given_up_is_told_at_once_with_the_greeting_it_had() {
    let (backend, authority, port) = (Recorder::start(), Authority::new(), free_port());
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS", &["mx"]))
        .all_to(backend.address)
        .certificate("mx", &authority.server(&["mx.example.org"]));
    let mut house = House::open(port, &manifests);
    for (command, code) in [("RSET", 250), ("EHLO other.example", 250), ("STARTTLS", 220)] {
        let mut client = begun(&house);
        client.expect(command, code);
        let told = house.next();
        abandoned(&told, None);
        assert_eq!(told.account.replies, [""; 0], "{command}");
        let greeting = told.account.greeting.as_ref().unwrap();
        assert!(format!("{:?}", greeting.name).contains("client.example"), "{greeting:?}");
        let said = said(&told.account);
        assert!(said[said.len() - 1].starts_with(&format!("S: {code}")), "{said:?}");
        assert!(said.contains(&format!("C: {command}")), "{said:?}");
    }
    assert!(house.end().is_empty());
}

#[test]
fn the_code_is_that_of_the_reply_that_was_said() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, "limits: {errors: 2}").all_to(backend.address);
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    client.expect("RCPT TO:<b@example.org>", 503);
    client.expect("RCPT TO:<b@example.org>", 421);
    for code in [503, 421] {
        let told = house.next();
        assert_eq!((told.event.stage, told.event.code), (Stage::Recipient, Some(code)));
        assert_eq!(told.event.recipients[0].to_string(), "b@example.org");
        assert!(told.account.replies[0].starts_with(&code.to_string()), "{:?}", told.account.replies);
    }
}

#[test]
fn what_comes_out_of_order_or_before_tls_is_told() {
    let (backend, authority, port) = (Recorder::start(), Authority::new(), free_port());
    let manifests = Manifests::listening_with(port, &tls("mode: StartTLS, required: true", &["mx"]))
        .all_to(backend.address)
        .certificate("mx", &authority.server(&["mx.example.org"]));
    let mut house = House::open(port, &manifests);
    let mut client = Client::greeted(house.smtp);
    client.expect("MAIL FROM:<a@client.example>", 530);
    let told = house.next();
    assert_eq!((told.event.stage, told.event.code), (Stage::Sender, Some(530)));
    assert_eq!(told.event.sender.to_string(), "a@client.example");
}
