//! What the sender hears for each way a backend answers, over the whole path.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::misbehaving::{Act, Misbehaving, answer, status};

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const VERDICT: &str = "content-type: application/vnd.mailchute.verdict+json";

/// Sends a message to each of `acts`, one after the other, and gives the replies.
fn replies(acts: Vec<Act>, backend: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let count = acts.len();
    let server = runtime.block_on(Misbehaving::start(acts));
    let port = free_port();
    let fields = format!("circuit: {{consecutiveFailures: 1000}}\n{backend}");
    let yaml = Manifests::listening(port).route("all", "domain: example.org", server.address, &fields);
    let yaml =
        yaml.yaml().replace("name: all}]}", "name: all}], retry: {attempts: 0}, timeouts: {total: 1s}}");
    let front_end = FrontEnd::start_with(port, &yaml, &[]);
    let mut client = Client::greeted(front_end.smtp);
    let texts = (0..count).map(|_| {
        let reply = client.send("a@client.example", &["b@example.org"], MESSAGE);
        format!("{} {}", reply.code, reply.text())
    });
    texts.collect()
}

/// Each reply begins as it should; a confirmed one names the transaction.
fn check(rows: &[(Act, &str)], backend: &str) {
    let replies = replies(rows.iter().map(|(act, _)| act.clone()).collect(), backend);
    for ((reply, (_, expected)), row) in replies.iter().zip(rows).zip(1..) {
        assert!(reply.starts_with(expected), "row {row}: {reply:?} does not begin with {expected:?}");
    }
}

#[test]
fn each_status_has_its_reply() {
    check(
        &[
            (status("200 OK"), "250 2.0.0 Ok: "),
            (status("202 Accepted"), "250 2.0.0 Ok: "),
            (Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()), "250 2.0.0 Ok: "),
            (status("301 Moved Permanently"), "451 4.3.5 "),
            (status("400 Bad Request"), "451 4.3.5 "),
            (status("401 Unauthorized"), "451 4.3.5 "),
            (status("404 Not Found"), "451 4.3.5 "),
            (status("413 Content Too Large"), "451 4.3.5 "),
            (status("429 Too Many Requests"), "451 4.3.2 "),
            (status("500 Internal Server Error"), "451 4.3.0 "),
            (status("502 Bad Gateway"), "451 4.3.0 "),
            (status("503 Service Unavailable"), "451 4.3.2 "),
            (status("504 Gateway Timeout"), "451 4.3.0 "),
        ],
        "",
    );
}

#[test]
fn what_ends_before_it_is_whole_is_never_confirmed() {
    let ok = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nfour").into_bytes();
    check(
        &[
            (Act::ResetBeforeBody, "451 4.4.2 "),
            (Act::ResetAfterBody, "451 4.4.2 "),
            (Act::Close, "451 4.4.2 "),
            (Act::AnswerAndClose(ok(10)), "451 4.4.2 "),
            (Act::AnswerAndReset(ok(10)), "451 4.4.2 "),
            (Act::AnswerAndClose(b"HTTP/1.1 200 O".to_vec()), "451 4.4.2 "),
            (Act::AnswerAndClose(b"no HTTP at all\r\n\r\n".to_vec()), "451 4.4.2 "),
            (Act::Hang, "451 4.4.2 "),
            (Act::AnswerAndClose(ok(4)), "250 2.0.0 Ok: "),
        ],
        "",
    );
}

#[test]
fn a_verdict_is_the_senders_reply() {
    let refusal = r#"{"version":1,"reply":{"code":552,"enhancedCode":"5.2.2","text":"Mailbox full"}}"#;
    let accept = r#"{"version":1,"reply":{"code":250,"text":"Queued"},"queueId":"shop-123"}"#;
    let one = r#"{"version":1,"recipients":[{"address":"b@example.org","action":"reject","code":550,"enhancedCode":"5.1.1","text":"No such user"}]}"#;
    check(
        &[
            (Act::Answer(answer("200 OK", &[VERDICT], refusal)), "552 5.2.2 Mailbox full"),
            (Act::Answer(answer("500 Oops", &[VERDICT], refusal)), "552 5.2.2 Mailbox full"),
            (Act::Answer(answer("200 OK", &[VERDICT], accept)), "250 2.0.0 Queued ("),
            (Act::Answer(answer("200 OK", &[VERDICT], one)), "550 5.1.1 No such user"),
            (
                Act::Answer(answer("200 OK", &["mailchute-reply: 550 5.7.1 Not here"], "")),
                "550 5.7.1 Not here",
            ),
            (Act::Answer(answer("200 OK", &["mailchute-reply: perhaps"], "")), "451 4.3.0 "),
            (Act::Answer(answer("200 OK", &[VERDICT], "{\"version\":2}")), "451 4.3.0 "),
            (Act::Answer(answer("404 Not Found", &[VERDICT], "<html>")), "451 4.3.0 "),
            (Act::Answer(answer("404 Not Found", &["content-type: text/html"], refusal)), "451 4.3.5 "),
        ],
        "",
    );
}

#[test]
fn a_status_that_is_mapped_has_the_reply_of_the_map() {
    check(
        &[
            (status("406 Not Acceptable"), "550 5.7.1 Not wanted here"),
            (status("413 Content Too Large"), "552 5.3.4 Too large for us"),
            (status("404 Not Found"), "451 4.3.5 "),
        ],
        "responses: {\"406\": \"550 5.7.1 Not wanted here\", \"413\": \"552 5.3.4 Too large for us\"}",
    );
}

#[test]
fn nobody_there_is_temporary() {
    let front_end = FrontEnd::to(([127, 0, 0, 1], free_port()).into());
    let reply = Client::greeted(front_end.smtp).send("a@client.example", &["b@example.org"], MESSAGE);
    assert_eq!((reply.code, reply.lines[0].get(..5)), (451, Some("4.4.1")));
}
