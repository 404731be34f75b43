//! Notifications: what a backend may ask for afterwards, what is told of a message that was taken in part, and
//! to whom nothing is said.

use serde_json::{Value, json};

use crate::support::bounces::{KEY, Notifying, OTHER_KEY, bounces, keys, unknown};
use crate::support::client::Client;
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act as HttpAct, Misbehaving, answer};
use crate::support::post::post_as;
use crate::support::recorder::Recorder;
use crate::support::relay::{Act, Relay};
use crate::support::until::until;

const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nSubject: dinner\r\nFrom: <alice@client.example>\r\n\r\nOne.\r\n";
const ALICE: &str = "alice@client.example";
const CAPABILITIES: &[&str] = &["PIPELINING", "8BITMIME", "SMTPUTF8"];

/// Sends a message with these lines of MAIL and RCPT, and gives the code of its reply.
fn send(client: &mut Client, mail: &str, recipients: &[&str], message: &[u8]) -> u16 {
    client.expect(mail, 250);
    recipients.iter().for_each(|line| drop(client.expect(line, 250)));
    client.expect("DATA", 354);
    client.write(&[message, b".\r\n"].concat()).unwrap();
    client.reply().code
}

/// The token that comes with a message from `sender` to `b@example.org`.
fn token(notifying: &Notifying, backend: &Recorder, sender: &str, message: &[u8]) -> String {
    let before = backend.received().len();
    let mut client = Client::greeted(notifying.front_end.smtp);
    let code = send(&mut client, &format!("MAIL FROM:<{sender}>"), &["RCPT TO:<b@example.org>"], message);
    assert_eq!(code, 250);
    backend.wait_for(before + 1)[before].header("ce-bouncetoken").to_owned()
}

fn is(answer: &crate::support::post::Answer, status: u16, error: &str) {
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
fn what_can_not_be_asked_for_is_refused() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let token = token(&notifying, &backend, ALICE, MESSAGE);
    is(&notifying.ask_of(&token[..token.len() / 2], "b@example.org"), 403, "not sealed");
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
        &notifying.ask(&token, &json!([of_b("5.1.1"), of_b("5.1.1")])),
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
    for (port, status, error) in [
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
fn keys_are_changed_without_refusing_a_token() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let with = |keys: &str| {
        let manifests = |port| Manifests::listening(port).all_to(backend.address);
        Notifying::start_with(|port| bounces(manifests(port), relay.address.port(), "All", keys))
    };
    let old = with(&keys(KEY, None));
    let both = with(&keys(KEY, Some(OTHER_KEY)));
    let swapped = with(&keys(OTHER_KEY, Some(KEY)));
    let new = with(&keys(OTHER_KEY, None));
    let statuses =
        |token: &str| [&old, &both, &swapped, &new].map(|each| each.ask_of(token, "b@example.org").status);
    assert_eq!(statuses(&token(&both, &backend, ALICE, MESSAGE)), [202, 202, 202, 403]);
    assert_eq!(statuses(&token(&swapped, &backend, ALICE, MESSAGE)), [403, 202, 202, 202]);
}

#[test]
fn without_a_usable_key_mail_is_taken_and_nothing_announced() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let short = Notifying::start_with(|port| {
        let manifests = Manifests::listening(port).all_to(backend.address);
        bounces(manifests, relay.address.port(), "All", &keys("short", None))
    });
    assert!(short.front_end.log().contains("fewer than 32 octets"), "{}", short.front_end.log());
    let mut client = Client::greeted(short.front_end.smtp);
    client.expect(&format!("MAIL FROM:<{ALICE}> RET=FULL"), 555);
    assert_eq!(token(&short, &backend, ALICE, MESSAGE), "");
    let answer = short.ask("x", &unknown("b@example.org"));
    is(&answer, 503, "sends no notifications");
    assert!(answer.has("retry-after"));
}

/// A backend that takes a message for some and not for others, and a gateway that tells of it.
struct Partial {
    notifying: Notifying,
    _runtime: tokio::runtime::Runtime,
}

impl Partial {
    fn start(verdicts: &Value, relay: u16, senders: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let verdict = json!({"version": 1, "recipients": verdicts}).to_string();
        let kind = "content-type: application/vnd.mailchute.verdict+json";
        let backend =
            runtime.block_on(Misbehaving::start([HttpAct::Answer(answer("200 OK", &[kind], &verdict))]));
        let target = backend.address;
        std::mem::forget(backend);
        let notifying = Notifying::start_with(|port| {
            let fields = "perRecipientVerdicts: true\nonPartial: Bounce";
            let manifests = Manifests::listening(port).route("all", "domain: example.org", target, fields);
            bounces(manifests, relay, senders, &keys(KEY, None))
        });
        Self { notifying, _runtime: runtime }
    }
}

fn refused(address: &str, code: u16, enhanced: &str) -> Value {
    json!({"address": address, "action": "reject", "code": code, "enhancedCode": enhanced, "text": "No such user"})
}

const THREE: [&str; 3] = ["RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>"];

#[test]
fn of_a_message_that_is_taken_in_part_the_sender_is_told_before_250() {
    let relay = Relay::good(CAPABILITIES);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    let mail = format!("MAIL FROM:<{ALICE}> RET=FULL");
    assert_eq!(send(&mut client, &mail, &THREE, MESSAGE), 250);
    let messages = relay.messages();
    let text = messages[0].text();
    assert!(
        text.contains("\r\nFinal-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n")
    );
    assert!(
        text.contains("Content-Type: message/rfc822") && text.contains("One."),
        "all of it was asked for: {text}"
    );
    assert!(!text.contains("a@example.org") && !text.contains("c@example.org"), "{text}");
    let never = [THREE[0], "RCPT TO:<b@example.org> NOTIFY=NEVER"];
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &never, MESSAGE), 250);
    assert_eq!(relay.messages().len(), 1, "who asked to hear nothing hears nothing");
    partial.notifying.front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 2.0);
}

#[test]
fn without_a_notification_a_message_taken_in_part_comes_again() {
    let defers = Relay::but(CAPABILITIES, &[("MAIL", Act::Say("451 4.3.0 Later"))]);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), defers.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &THREE, MESSAGE), 451);
    let relay = Relay::good(CAPABILITIES);
    let later = json!([refused("b@example.org", 550, "5.1.1"), refused("c@example.org", 451, "4.3.0")]);
    let partial = Partial::start(&later, relay.address.port(), "All");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &THREE, MESSAGE), 451);
    assert!(relay.messages().is_empty(), "what is tried again is not told");
}

#[test]
fn who_can_not_be_told_gets_a_transaction_for_each_recipient() {
    let relay = Relay::good(CAPABILITIES);
    let partial =
        Partial::start(&json!([refused("b@example.org", 550, "5.1.1")]), relay.address.port(), "Vouched");
    let mut client = Client::greeted(partial.notifying.front_end.smtp);
    client.expect(&format!("MAIL FROM:<{ALICE}>"), 250);
    client.expect(THREE[0], 250);
    client.expect(THREE[1], 452);
    client.expect("RSET", 250);
    let all = Partial::start(&json!([]), relay.address.port(), "All");
    let mut client = Client::greeted(all.notifying.front_end.smtp);
    client.expect("MAIL FROM:<>", 250);
    client.expect(THREE[0], 250);
    client.expect(THREE[1], 452);
}

#[test]
fn who_asks_is_told_that_a_message_was_passed_on() {
    let (backend, relay) = (Recorder::start(), Relay::good(CAPABILITIES));
    let notifying = Notifying::start(backend.address, relay.address.port());
    let mut client = Client::greeted(notifying.front_end.smtp);
    let recipients = ["RCPT TO:<a@example.org> NOTIFY=SUCCESS", "RCPT TO:<b@example.org>"];
    assert_eq!(send(&mut client, &format!("MAIL FROM:<{ALICE}>"), &recipients, MESSAGE), 250);
    let text = until("the notification", || relay.messages().first().map(|message| message.text()));
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
