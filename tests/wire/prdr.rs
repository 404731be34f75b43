//! PRDR (draft-hall-prdr), as Exim speaks it: a reply for each recipient for those who ask.

use std::net::{SocketAddr, TcpListener};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const VERDICT: &str = "content-type: application/vnd.mailchute.verdict+json";
const RECIPIENTS: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];

fn front_end(target: SocketAddr) -> FrontEnd {
    let port = free_port();
    let verdicts = "perRecipientVerdicts: true";
    let manifests = Manifests::listening(port).route("all", "domain: example.org", target, verdicts);
    let yaml = manifests.yaml().replace("name: all}]}", "name: all}], retry: {attempts: 0}}");
    FrontEnd::start_with(port, &yaml, &[])
}

/// Has said EHLO to a listener that offers PRDR.
fn greeted(front_end: &FrontEnd) -> Client {
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250);
    assert!(hello.lines.iter().any(|line| line == "PRDR"), "{hello:?}");
    client
}

/// Sends a message to all three and gives all that is said to it.
fn sent(client: &mut Client, message: &[u8]) -> Vec<String> {
    client.expect("MAIL FROM:<me@client.example> PRDR", 250);
    for recipient in RECIPIENTS {
        client.expect(&format!("RCPT TO:<{recipient}>"), 250);
    }
    client.expect("DATA", 354);
    client.write(&[message, b".\r\nNOOP\r\n"].concat()).unwrap();
    let mut replies = Vec::new();
    loop {
        let reply = client.reply();
        let line = format!("{} {}", reply.code, reply.text());
        if line == "250 2.0.0 Ok" {
            return replies;
        }
        replies.push(line);
    }
}

fn begin_with(replies: &[String], expected: &[&str]) {
    let alike = replies.iter().zip(expected).all(|(reply, start)| reply.starts_with(start));
    assert!(alike && replies.len() == expected.len(), "{replies:?} begin not with {expected:?}");
}

#[test]
fn each_recipient_is_told_what_the_backend_says_of_it_and_then_the_message() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let refused = |address: &str, code: u16| {
        format!(r#"{{"address":"{address}@example.org","action":"reject","code":{code},"text":"No"}}"#)
    };
    let document = |lines: &[String]| format!(r#"{{"version":1,"recipients":[{}]}}"#, lines.join(","));
    let some = document(&[refused("b", 550), refused("c", 450)]);
    let none = document(&[refused("a", 550), refused("b", 551), refused("c", 552)]);
    let later = document(&[refused("a", 550), refused("b", 550), refused("c", 450)]);
    let acts = [some, none, later].map(|json| Act::Answer(answer("200 OK", &[VERDICT], &json)));
    let server = runtime.block_on(Misbehaving::start(acts));
    let front_end = front_end(server.address);
    let mut client = greeted(&front_end);
    begin_with(
        &sent(&mut client, MESSAGE),
        &["353 ", "250 2.0.0 Ok: ", "550 5.0.0 No", "450 4.0.0 No", "250 2.0.0 Ok: "],
    );
    begin_with(
        &sent(&mut client, MESSAGE),
        &["353 ", "550 5.0.0 No", "551 5.0.0 No", "552 5.0.0 No", "550 "],
    );
    begin_with(
        &sent(&mut client, MESSAGE),
        &["353 ", "550 5.0.0 No", "550 5.0.0 No", "450 4.0.0 No", "450 "],
    );
    assert_eq!(server.heard()[0].header("ce-rcptto"), Some("a@example.org,b@example.org,c@example.org"));
    for outcome in ["partial", "refused", "deferred"] {
        front_end.wait_for_metric(&["mailchute_messages_total", &format!("\"{outcome}\"")], 1.0);
    }
    front_end.wait_for_metric(&["smtp_commands_total", "\"MESSAGE\"", "\"353\""], 3.0);
    front_end.wait_for_metric(&["command_duration_seconds_count", "\"MESSAGE\""], 3.0);
}

#[test]
fn what_is_true_of_the_message_is_told_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let acts = [status("200 OK"), status("503 Service Unavailable")];
    let server = runtime.block_on(Misbehaving::start(acts));
    let front_end = front_end(server.address);
    let mut client = greeted(&front_end);
    for (message, expected, outcome) in [
        (MESSAGE, "250 2.0.0 Ok: ", "delivered"),
        (MESSAGE, "451 4.3.2 ", "deferred"),
        (b"A: b\n\r\n", "550 5.6.11 ", "rejected"),
    ] {
        begin_with(&sent(&mut client, message), &[expected]);
        front_end.wait_for_metric(&["mailchute_messages_total", &format!("\"{outcome}\"")], 1.0);
    }
}

#[test]
fn a_backend_that_is_down_defers_all() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let front_end = front_end(gone);
    begin_with(&sent(&mut greeted(&front_end), MESSAGE), &["451 4.4.1 "]);
    front_end.wait_for_metric(&["mailchute_messages_total", "\"deferred\""], 1.0);
}

#[test]
fn who_does_not_ask_has_one_recipient_per_transaction() {
    let backend = Recorder::start();
    let front_end = front_end(backend.address);
    let mut client = greeted(&front_end);
    client.expect("MAIL FROM:<me@client.example>", 250);
    client.expect("RCPT TO:<a@example.org>", 250);
    client.expect("RCPT TO:<b@example.org>", 452);
    client.expect("RSET", 250);
    for recipient in RECIPIENTS {
        assert_eq!(client.send("me@client.example", &[recipient], MESSAGE).code, 250);
    }
    let received: Vec<String> =
        backend.wait_for(3).iter().map(|each| each.header("ce-rcptto").to_owned()).collect();
    assert_eq!(received, RECIPIENTS);
    front_end.wait_for_metric(&["mailchute_recipients_total", "\"other_group\""], 1.0);
}

#[test]
fn it_is_not_offered_where_no_backend_gives_verdicts() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("EHLO client.example", 250);
    assert!(!hello.lines.iter().any(|line| line == "PRDR"), "{hello:?}");
    client.expect("MAIL FROM:<me@client.example> PRDR", 555);
    client.expect("HELO client.example", 250);
    client.expect("MAIL FROM:<me@client.example> PRDR", 555);
}
