//! Messages in memory never exceed the byte budget: who is over it is told to come again.

use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

/// A message of so many KiB.
fn message(kib: usize) -> Vec<u8> {
    let line = [&[b'x'; 62][..], b"\r\n"].concat();
    [b"Message-ID: <1@client.example>\r\n\r\n".to_vec(), line.repeat(kib * 16)].concat()
}

#[test]
fn a_message_over_the_budget_is_told_to_come_again_and_then_taken() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to_with(backend.address, &["--message-memory", "2Mi"]);
    let message = message(1200);
    backend.hold();
    let mut first = Client::greeted(front_end.smtp);
    first.begin("a@client.example", "b@example.org");
    first.write(&stuffed(&message)).unwrap();
    backend.wait_for(1);
    let mut second = Client::greeted(front_end.smtp);
    let reply = second.send("a@client.example", &["b@example.org"], &message);
    assert_eq!((reply.code, reply.lines[0].get(..5)), (452, Some("4.3.1")));
    backend.release();
    assert_eq!(first.reply().code, 250);
    front_end.wait_for_metric(&["mailchute_message_memory_bytes"], 0.0);
    assert_eq!(second.send("a@client.example", &["b@example.org"], &message).code, 250);
    backend.wait_for(2)[1].assert_carries(&message);
}

#[test]
fn a_declared_size_over_the_budget_is_refused_at_mail() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to_with(backend.address, &["--message-memory", "2Mi"]);
    let mut client = Client::greeted(front_end.smtp);
    let reply = client.expect("MAIL FROM:<a@client.example> SIZE=3000000", 452);
    assert_eq!(reply.lines[0].get(..5), Some("4.3.1"));
    client.expect("MAIL FROM:<a@client.example> SIZE=1000000", 250);
}
