//! A client that has said all it has to say is answered; one that has not delivers nothing.

use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\r\nOne.\r\n";
const ENVELOPE: &[u8] = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";

#[test]
fn end_of_stream_behind_complete_input_is_answered_and_delivered() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.write(ENVELOPE).unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().code, code);
    }
    client.write(&stuffed(MESSAGE)).unwrap();
    client.finish();
    assert_eq!(client.reply().code, 250);
    assert_eq!(client.rest(), "");
    backend.wait_for(1)[0].assert_carries(MESSAGE);
}

#[test]
fn disconnect_in_data_delivers_nothing() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.begin("a@client.example", "b@example.org");
    client.write(MESSAGE).unwrap();
    drop(client);
    front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 0.0);
    assert!(backend.received().is_empty());
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"abandoned\""], 1.0);
}

#[test]
fn a_bad_line_does_not_make_it_our_doing_that_a_client_leaves() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("NO\0OP", 500);
    drop(client);
    front_end.wait_for_metric(&["mailchute_smtp_sessions_total", r#"outcome="disconnected""#], 1.0);
}

#[test]
fn a_message_that_is_refused_in_data_is_counted_once() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    let reply = client.send("a@client.example", &["b@example.org"], b"Subject: bare\n\r\n");
    assert_eq!(reply.code, 550);
    client.expect("QUIT", 221);
    front_end.wait_for_metric(&["mailchute_messages_total", r#"outcome="rejected""#], 1.0);
    front_end.wait_for_metric(&["mailchute_messages_total"], 1.0);
}

#[test]
fn disconnect_behind_the_final_dot_does_not_cancel_the_delivery() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    backend.hold();
    let mut client = Client::greeted(front_end.smtp);
    client.begin("a@client.example", "b@example.org");
    client.write(&stuffed(MESSAGE)).unwrap();
    backend.wait_for(1);
    drop(client);
    backend.release();
    front_end.wait_for_metric(&["mailchute_messages_total", r#"outcome="delivered""#], 1.0);
    front_end.wait_for_metric(&["mailchute_smtp_sessions_active"], 0.0);
    assert_eq!(backend.received().len(), 1);
}
