//! The profile LMTP (RFC 2033): behind the message a reply for each recipient, whatever became of it.

use std::net::{SocketAddr, TcpListener};

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const VERDICT: &str = "content-type: application/vnd.mailchute.verdict+json";
const RECIPIENTS: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];

fn front_end(target: SocketAddr, backend: &str) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening_with(port, "profile: LMTP");
    let yaml = manifests.route("all", "domain: example.org", target, backend).yaml();
    let yaml = yaml.replace("name: all}]}", "name: all}], retry: {attempts: 0}}");
    FrontEnd::start_with(port, &yaml, &[])
}

fn greeted(front_end: &FrontEnd) -> Client {
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert_eq!(client.reply().code, 220);
    let hello = client.expect("LHLO client.example", 250);
    assert!(!hello.lines.iter().any(|line| line == "PRDR"), "{hello:?}");
    client
}

/// Sends a message to all three, and gives what each was told.
fn sent(client: &mut Client, message: &[u8]) -> Vec<String> {
    client.expect("MAIL FROM:<me@client.example>", 250);
    for recipient in RECIPIENTS {
        client.expect(&format!("RCPT TO:<{recipient}>"), 250);
    }
    client.expect("DATA", 354);
    client.write(&[message, b".\r\n"].concat()).unwrap();
    let replies = RECIPIENTS.map(|_| client.reply());
    client.expect("NOOP", 250);
    replies.map(|reply| format!("{} {}", reply.code, reply.text())).to_vec()
}

fn begin_with(replies: &[String], expected: [&str; 3]) {
    assert!(
        replies.iter().zip(expected).all(|(reply, start)| reply.starts_with(start)),
        "{replies:?} begin not with {expected:?}"
    );
}

#[test]
fn each_recipient_is_told_what_the_backend_says_of_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let verdict = r#"{"version":1,"recipients":[
        {"address":"b@example.org","action":"reject","code":550,"enhancedCode":"5.1.1","text":"No such user"}]}"#;
    let both = r#"{"version":1,"recipients":[
        {"address":"c@example.org","action":"reject","code":421,"text":"Later"},
        {"address":"a@example.org","action":"reject","code":552,"enhancedCode":"5.2.2","text":"Full"}]}"#;
    let acts = [verdict, both].map(|json| Act::Answer(answer("200 OK", &[VERDICT], json)));
    let server = runtime.block_on(Misbehaving::start(acts));
    let front_end = front_end(server.address, "perRecipientVerdicts: true");
    let mut client = greeted(&front_end);
    begin_with(&sent(&mut client, MESSAGE), ["250 2.0.0 Ok: ", "550 5.1.1 No such user", "250 2.0.0 Ok: "]);
    // A `421` would keep those behind it from being told: it is `451` here.
    begin_with(&sent(&mut client, MESSAGE), ["552 5.2.2 Full", "250 2.0.0 Ok: ", "451 4.0.0 Later"]);
    let heard = &server.heard()[0];
    assert_eq!(heard.header("ce-rcptto"), Some("a@example.org,b@example.org,c@example.org"));
    assert_eq!(heard.header("ce-protocol"), Some("LMTP"));
    let body = String::from_utf8_lossy(&heard.body);
    assert!(body.contains(" with LMTP id ") && !body.contains("\tfor <"), "{body}");
    // A message counts once, its replies by their codes, its time once.
    front_end.wait_for_metric(&["mailchute_messages_total", "\"default/all\"", "\"partial\""], 2.0);
    for (code, replies) in [("250", 3.0), ("550", 1.0), ("552", 1.0), ("451", 1.0)] {
        let words = ["smtp_commands_total", "\"MESSAGE\"", &format!("\"{code}\"")];
        assert!((front_end.metric(&words) - replies).abs() < 0.5, "{code}");
    }
    front_end.wait_for_metric(&["command_duration_seconds_count", "\"MESSAGE\""], 2.0);
}

#[test]
fn what_is_true_of_the_message_is_told_to_each() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let refusal = r#"{"version":1,"reply":{"code":554,"enhancedCode":"5.6.0","text":"Not this"}}"#;
    let acts = [
        status("200 OK"),
        status("503 Service Unavailable"),
        Act::Answer(answer("200 OK", &[VERDICT], refusal)),
    ];
    let server = runtime.block_on(Misbehaving::start(acts));
    let front_end = front_end(server.address, "");
    let mut client = greeted(&front_end);
    for (message, expected, outcome) in [
        (MESSAGE, "250 2.0.0 Ok: ", "delivered"),
        (MESSAGE, "451 4.3.2 ", "deferred"),
        (MESSAGE, "554 5.6.0 Not this", "refused"),
        (b"A: b\n\r\n", "550 5.6.11 ", "rejected"),
    ] {
        begin_with(&sent(&mut client, message), [expected; 3]);
        front_end.wait_for_metric(&["mailchute_messages_total", &format!("\"{outcome}\"")], 1.0);
    }
    front_end.wait_for_metric(&["command_duration_seconds_count", "\"MESSAGE\""], 4.0);
}

#[test]
fn a_backend_that_is_down_defers_each() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let front_end = front_end(gone, "perRecipientVerdicts: true");
    begin_with(&sent(&mut greeted(&front_end), MESSAGE), ["451 4.4.1 "; 3]);
    front_end.wait_for_metric(&["mailchute_messages_total", "\"deferred\""], 1.0);
}

#[test]
fn one_transaction_is_one_delivery_group_here_too() {
    let [sales, support] = [(); 2].map(|()| Recorder::start());
    let exact = |local: &str| format!("domain: example.org, localPart: {{type: Exact, value: {local}}}");
    let port = free_port();
    let manifests = Manifests::listening_with(port, "profile: LMTP")
        .route("sales", &exact("sales"), sales.address, "perRecipientVerdicts: true")
        .route("support", &exact("support"), support.address, "perRecipientVerdicts: true");
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let mut client = greeted(&front_end);
    client.expect("MAIL FROM:<me@client.example>", 250);
    client.expect("RCPT TO:<sales@example.org>", 250);
    client.expect("RCPT TO:<support@example.org>", 452);
    client.expect("RCPT TO:<nobody@example.org>", 550);
    client.expect("DATA", 354);
    client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    client.expect("NOOP", 250);
    assert_eq!(sales.wait_for(1)[0].header("ce-rcptto"), "sales@example.org");
    assert!(support.received().is_empty());
    front_end.wait_for_metric(&["mailchute_recipients_total", "\"other_group\""], 1.0);
}

#[test]
fn what_smtp_greets_with_is_not_spoken() {
    let backend = Recorder::start();
    let front_end = front_end(backend.address, "");
    let mut client = Client::connect(front_end.smtp).unwrap();
    assert!(client.reply().text().contains("LMTP"));
    // RFC 2033 §4.1: "A LMTP server MUST NOT return a Positive Completion reply" to HELO or EHLO.
    for line in ["EHLO client.example", "HELO client.example"] {
        client.expect(line, 500);
    }
    client.expect("MAIL FROM:<me@client.example>", 503);
    front_end.wait_for_metric(&["smtp_commands_total", "\"500\""], 2.0);
}
