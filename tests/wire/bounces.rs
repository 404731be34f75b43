//! Notifications: what a backend may ask for afterwards, and to whom nothing is said.

use serde_json::json;

use crate::support::bounces::{KEY, Notifying, bounces, keys, unknown};
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::manifests::{Manifests, free_port};
use crate::support::post::{Answer, post_as};
use crate::support::recorder::Recorder;
use crate::support::relay::{Act, Message, Relay};
use crate::support::scene::tls;
use crate::support::secure::Tls;
use crate::support::until::{until, until_true};

pub(super) const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nSubject: dinner\r\nFrom: <alice@client.example>\r\n\r\nOne.\r\n";
pub(super) const ALICE: &str = "alice@client.example";
pub(super) const CAPABILITIES: &[&str] = &["PIPELINING", "8BITMIME", "SMTPUTF8"];

/// Sends a message with these lines of MAIL and RCPT, and gives the code of its reply.
pub(super) fn send(client: &mut Client, mail: &str, recipients: &[&str], message: &[u8]) -> u16 {
    client.expect(mail, 250);
    recipients.iter().for_each(|line| drop(client.expect(line, 250)));
    client.expect("DATA", 354);
    client.write(&[message, b".\r\n"].concat()).unwrap();
    client.reply().code
}

/// The token that comes with a message from `sender` to `b@example.org`.
pub(super) fn token(notifying: &Notifying, backend: &Recorder, sender: &str, message: &[u8]) -> String {
    let before = backend.received().len();
    let mut client = Client::greeted(notifying.front_end.smtp);
    let code = send(&mut client, &format!("MAIL FROM:<{sender}>"), &["RCPT TO:<b@example.org>"], message);
    assert_eq!(code, 250);
    backend.wait_for(before + 1)[before].header("ce-bouncetoken").to_owned()
}

pub(super) fn is(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.error().contains(error), "{answer:?}");
}

#[test]
fn a_backend_has_the_sender_told_afterwards() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::connect(notifying.front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250);
    assert!(hello.lines.iter().any(|line| line == "DSN"), "{hello:?}");
    let mail = format!("MAIL FROM:<{ALICE}> RET=HDRS ENVID=QQ+20314159");
    let recipients = [
        "RCPT TO:<B@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;old+2Bb@example.com",
        "RCPT TO:<c@example.org> NOTIFY=NEVER",
        "RCPT TO:<d@example.org>",
    ];
    assert_eq!(send(&mut client, &mail, &recipients, MESSAGE), 250);
    let event = &backend.received()[0];
    assert_eq!(event.header("ce-dsnenvid"), "QQ%20314159");
    assert_eq!(event.header("ce-dsnret"), "HDRS");
    assert_eq!(event.header("ce-dsnnotify"), "FAILURE,DELAY;NEVER;");
    let token = event.header("ce-bouncetoken");
    is(&notifying.ask_of(token, "c@example.org"), 409, "NOTIFY");
    let asked = json!([
        {"address": "b@example.org", "status": "5.1.1", "diagnostic": "550 5.1.1 No such user"},
        {"address": "c@example.org", "status": "5.1.1"},
        {"address": "d@example.org", "status": "4.4.7"},
    ]);
    let told = notifying.ask(token, &asked);
    assert_eq!(told.status, 202, "{told:?}");
    let message = &relay.messages()[0];
    assert!(message.mail.starts_with("MAIL FROM:<>") && message.recipients == [format!("RCPT TO:<{ALICE}>")]);
    let text = message.text();
    let id = told.body["notification"].as_str().unwrap();
    for line in [
        &format!("Message-ID: <{id}@mx.example.org>"),
        "Original-Envelope-Id: QQ 314159",
        "Original-Recipient: rfc822; old+b@example.com",
        "Final-Recipient: rfc822; B@example.org",
        "Final-Recipient: rfc822; d@example.org",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user",
        "In-Reply-To: <1@client.example>",
        "Subject: dinner",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
    assert!(!text.contains("c@example.org") && !text.contains("One."), "{text}");
    notifying.front_end.wait_for_metric(&["mailchute_bounces_total", "sent"], 1.0);
}

#[test]
fn all_that_is_told_of_an_envelope_stays_within_its_bound() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    client.expect(&format!("MAIL FROM:<{ALICE}> ENVID={}", "+20".repeat(30)), 250);
    let options = "NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;somebody+2Bold@example.com";
    let rcpt = |number| format!("RCPT TO:<recipient{number}@example.org> {options}");
    let taken = (0..1000).take_while(|number| client.try_say(&rcpt(*number)).unwrap().code == 250).count();
    assert!((20..200).contains(&taken), "{taken}");
    client.expect("DATA", 354);
    client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    let event = &backend.received()[0];
    assert_eq!(event.header("ce-rcptto").split(',').count(), taken);
    let names = ["ce-mailfrom", "ce-rcptto", "ce-bouncetoken", "ce-dsnenvid", "ce-dsnnotify"];
    let octets: usize = names.iter().map(|name| event.header(name).len()).sum();
    assert!((5000..=6 * 1024).contains(&octets), "{octets}");
}

#[test]
fn what_can_not_be_asked_for_is_refused() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let token = token(&notifying, &backend, ALICE, MESSAGE);
    // A half of it that is base64 still.
    is(&notifying.ask_of(&token[..token.len() / 8 * 4], "b@example.org"), 403, "not sealed");
    is(&notifying.ask_of(&token[..20], "b@example.org"), 400, "not a bounce token");
    is(&notifying.ask_of("", "b@example.org"), 400, "not a bounce token");
    is(&notifying.ask_of(&token, "x@example.org"), 422, "recipients[0].address");
    is(&notifying.ask_of(&token, "no address"), 422, "recipients[0].address");
    is(&notifying.ask(&token, &json!([])), 422, "at least one");
    let of_b = |status: &str| json!({"address": "b@example.org", "status": status});
    for status in ["2.0.0", "5.1", "", "5.1.1\r\nX: y"] {
        is(&notifying.ask(&token, &json!([of_b(status)])), 422, "recipients[0].status");
    }
    is(
        &notifying.ask(&token, &json!([of_b("5.1.1"), of_b("5.2.2")])),
        422,
        "recipients[1].address: it is there twice",
    );
    let long = json!([{"address": "b@example.org", "status": "5.1.1", "diagnostic": "x".repeat(3000)}]);
    is(&notifying.ask(&token, &long), 422, "diagnostic");
    let post = |kind: &str, body: &str| post_as(notifying.bounces, "/v1/bounces", kind, body);
    is(&post("application/json", "{"), 400, "EOF");
    is(&post("application/json", r#"{"token": "a", "recipients": [], "other": 1}"#), 400, "other");
    is(&post("text/plain", "{}"), 415, "application/json");
    is(&post("application/json", &" ".repeat(200_000)), 413, "128 KiB");
    assert_eq!(post_as(notifying.bounces, "/", "application/json", "{}").status, 404);
    assert!(relay.messages().is_empty(), "nothing was sent");
    assert_eq!(notifying.ask_of(&token, "b@example.org").status, 202, "the token is good");
}

#[test]
fn who_is_named_twice_is_told_of_once() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    let recipients = ["RCPT TO:<b@example.org>", "RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>"];
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &recipients, MESSAGE), 250);
    let event = &backend.received()[0];
    let token = event.header("ce-bouncetoken");
    assert_eq!(event.header("ce-rcptto"), "b@example.org,b@example.org,c@example.org");
    let of = |address: &str| json!({"address": address, "status": "5.1.1"});
    // By what the event says, as it is, and by each in another spelling.
    let asked = json!([of("b@example.org"), of("b@example.org"), of("c@example.org"), of("C@Example.org")]);
    assert_eq!(notifying.ask(token, &asked).status, 202);
    let text = relay.messages()[0].text();
    let times = |address: &str| text.matches(&format!("\r\nFinal-Recipient: rfc822; {address}\r\n")).count();
    assert_eq!((times("b@example.org"), times("c@example.org")), (1, 1), "{text}");
}

#[test]
fn what_is_asked_again_is_known_by_its_message_id() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    let recipients = ["RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>"];
    let mut token_of = || {
        let before = backend.received().len();
        assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &recipients, MESSAGE), 250);
        backend.wait_for(before + 1)[before].header("ce-bouncetoken").to_owned()
    };
    let (token, other) = (token_of(), token_of());
    let of = |address: &str, status: &str| json!({"address": address, "status": status});
    let (b, c) = (of("b@example.org", "5.1.1"), of("c@example.org", "5.1.1"));
    let ask = |token: &str, recipients| {
        let answer = notifying.ask(token, &recipients);
        let text = relay.messages().pop().unwrap().text();
        let id = answer.body["notification"].as_str().unwrap().to_owned();
        assert!(text.contains(&format!("\r\nMessage-ID: <{id}@mx.example.org>\r\n")), "{text}");
        id
    };
    let first = ask(&token, json!([b, c]));
    assert_eq!(first, ask(&token, json!([c, b, b])));
    let others = [
        ask(&token, json!([b])),
        ask(&token, json!([b, of("c@example.org", "5.2.2")])),
        ask(&other, json!([b, c])),
    ];
    assert!(!others.contains(&first), "{first} {others:?}");
}

#[test]
fn nobody_is_told_who_must_not_be() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let all = Notifying::start(backend.address, relay.address.port());
    for sender in ["", "alice@example.org", "x@MX.example.org"] {
        let token = token(&all, &backend, sender, MESSAGE);
        is(&all.ask_of(&token, "b@example.org"), 409, if sender.is_empty() { "null" } else { "itself" });
    }
    let answer = [b"Auto-Submitted: auto-replied\r\n", MESSAGE].concat();
    let token_of_answer = token(&all, &backend, ALICE, &answer);
    is(&all.ask_of(&token_of_answer, "b@example.org"), 409, "automatic answer");
    let vouched = Notifying::start_with(|port| {
        let manifests = Manifests::listening(port).all_to(backend.address);
        bounces(manifests, relay.address.port(), "Vouched", &keys(KEY, None))
    });
    let mut client = Client::connect(vouched.front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250);
    assert!(!hello.lines.iter().any(|line| line == "DSN"), "nobody can be vouched for: {hello:?}");
    let token = token(&vouched, &backend, ALICE, MESSAGE);
    is(&vouched.ask_of(&token, "b@example.org"), 409, "vouches");
    assert!(relay.messages().is_empty());
}

/// The hash of `pencil`.
const PENCIL: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";

/// Listeners `mx` and `submit`, where clients may sign in or show a certificate, and `partners`, where they may only
/// show one.
fn vouching(ports: [u16; 3], authority: &Authority, backend: &Recorder, relay: &Relay) -> Manifests {
    let certificates = "mode: StartTLS, clientCertificates: {caSecretRef: {name: partners}}";
    let certificates = tls(certificates, &["mx"]);
    let offers = format!("{certificates}, auth: {{mode: Offer, allowPlaintext: true}}");
    let manifests = Manifests::listening_with(ports[0], &offers)
        .listener("submit", ports[1], &format!("profile: Submission, {offers}"))
        .listener("partners", ports[2], &certificates)
        .certificate("mx", &authority.server(&["mx.example.org"]))
        .secret("partners", "Opaque", &[("ca.crt", &authority.pem())])
        .users(&[("alice", PENCIL)])
        .all_to(backend.address);
    bounces(manifests, relay.address.port(), "Vouched", &keys(KEY, None))
}

#[test]
fn who_is_vouched_for_is_told() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let authority = Authority::new();
    let [submit, partners] = [free_port(), free_port()];
    let vouched =
        Notifying::start_with(|port| vouching([port, submit, partners], &authority, &backend, &relay));
    let answer_to = |client: &mut Client, sender: &str| {
        let before = backend.received().len();
        let mail = format!("MAIL FROM:<{sender}>");
        assert_eq!(send(client, &mail, &["RCPT TO:<b@example.org>"], MESSAGE), 250);
        let event = &backend.wait_for(before + 1)[before];
        vouched.ask_of(event.header("ce-bouncetoken"), "b@example.org")
    };
    let mut client = Client::connect(vouched.front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250);
    assert!(hello.lines.iter().any(|line| line == "DSN"), "{hello:?}");
    is(&answer_to(&mut client, ALICE), 409, "vouches");
    // NUL alice NUL pencil.
    client.expect("AUTH PLAIN AGFsaWNlAHBlbmNpbA==", 235);
    assert_eq!(answer_to(&mut client, ALICE).status, 202);
    assert_eq!(answer_to(&mut client, "alice@example.org").status, 202, "nobody has forged it");
    // A mail server that shows who it is passes on what strangers say: their senders are as forged as ever.
    let certified = Tls::showing(&authority.client("someone", &["partner.example"]));
    for (port, announced, status) in
        [(vouched.front_end.smtp.port(), true, 409), (partners, false, 409), (submit, true, 202)]
    {
        let (mut client, _) = certified.start(([127, 0, 0, 1], port).into(), "mx.example.org").unwrap();
        let hello = client.expect("EHLO client.example", 250);
        assert_eq!(hello.lines.iter().any(|line| line == "DSN"), announced, "{hello:?}");
        assert_eq!(answer_to(&mut client, ALICE).status, status);
    }
    assert_eq!(relay.messages().len(), 3);
}

#[test]
fn one_sender_is_told_only_so_often() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let token = token(&notifying, &backend, ALICE, MESSAGE);
    let answers: Vec<u16> = (0..40).map(|_| notifying.ask_of(&token, "b@example.org").status).collect();
    let sent = answers.iter().filter(|status| **status == 202).count();
    assert!(
        (30..35).contains(&sent) && answers.iter().all(|status| [202, 429].contains(status)),
        "{answers:?}"
    );
    let last = notifying.ask_of(&token, "b@example.org");
    assert!(last.status == 429 && last.has("retry-after"), "{last:?}");
    let other = self::token(&notifying, &backend, "bob@client.example", MESSAGE);
    assert_eq!(notifying.ask_of(&other, "b@example.org").status, 202, "others are");
}

#[test]
fn what_the_relay_says_is_what_the_backend_hears() {
    let backend = Recorder::start();
    let defers = Relay::but(CAPABILITIES, &[("RCPT", Act::Say("451 4.3.0 Later"))]);
    let refuses = Relay::but(CAPABILITIES, &[("RCPT", Act::Say("550 5.1.1 Nobody"))]);
    let breaks = Relay::but(CAPABILITIES, &[("MESSAGE", Act::Close)]);
    for (port, status, error) in [
        (breaks.address.port(), 503, "not taken it"),
        (defers.address.port(), 503, "not taken it"),
        (refuses.address.port(), 502, "refuses it"),
        (free_port(), 503, "not taken it"),
    ] {
        let notifying = Notifying::start(backend.address, port);
        let token = token(&notifying, &backend, ALICE, MESSAGE);
        let answer = notifying.ask_of(&token, "b@example.org");
        is(&answer, status, error);
        assert_eq!(answer.has("retry-after"), status == 503);
    }
}

#[test]
fn a_relay_without_8bitmime_gets_what_it_can_take() {
    let (backend, relay) = (Recorder::start(), Relay::good(&[]));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    let mail = format!("MAIL FROM:<{ALICE}> SMTPUTF8");
    assert_eq!(send(&mut client, &mail, &["RCPT TO:<jürgen@example.org>"], MESSAGE), 250);
    let token = backend.received()[0].header("ce-bouncetoken").to_owned();
    assert_eq!(notifying.ask_of(&token, "jürgen@example.org").status, 202);
    let text = relay.messages()[0].text();
    assert!(text.is_ascii() && text.contains(r"utf-8; j\x{FC}rgen@example.org"), "{text}");
}

#[test]
fn without_a_usable_key_mail_is_taken_and_nothing_announced() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let short = Notifying::start_with(|port| {
        let manifests = Manifests::listening(port).all_to(backend.address);
        bounces(manifests, relay.address.port(), "All", &keys("short", None))
    });
    until_true("the key is told of", || short.front_end.log().contains("fewer than 32 octets"));
    let mut client = Client::greeted(short.front_end.smtp);
    client.expect(&format!("MAIL FROM:<{ALICE}> RET=FULL"), 555);
    assert_eq!(token(&short, &backend, ALICE, MESSAGE), "");
    let answer = short.ask("x", &unknown("b@example.org"));
    is(&answer, 503, "sends no notifications");
    assert!(answer.has("retry-after"));
}

#[test]
fn who_asks_is_told_that_a_message_was_passed_on() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    let recipients = ["RCPT TO:<a@example.org> NOTIFY=SUCCESS", "RCPT TO:<b@example.org>"];
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &recipients, MESSAGE), 250);
    let text = until("the notification", || relay.messages().first().map(Message::text));
    assert!(
        text.contains("\r\nFinal-Recipient: rfc822; a@example.org\r\nAction: relayed\r\nStatus: 2.1.9\r\n"),
        "{text}"
    );
    assert!(!text.contains("b@example.org") && text.contains("passed on"), "{text}");
    // It is no reason to send the message again.
    let gone = Notifying::start(backend.address, free_port());
    let mut client = Client::greeted(gone.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &recipients, MESSAGE), 250);
    gone.front_end.wait_for_metric(&["mailchute_bounces_total", "deferred"], 1.0);
}
