//! No room: in the stream, or for a message of that size.

use serde_json::json;

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::consumer::{Consumer, config, config_with};
use crate::support::until::until_true;

/// Of octets, behind a header of its own.
fn message(octets: usize) -> Vec<u8> {
    let mut message = MESSAGE.to_vec();
    while message.len() < octets {
        message.extend_from_slice(&[b'x'; 998]);
        message.extend_from_slice(b"\r\n");
    }
    message
}

#[test]
fn a_full_stream_defers_mail_until_it_has_room() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config_with(&json!({"max_msgs": 1})));
    let stage =
        Stage::with(server.address, Said { backend: "circuit: {consecutiveFailures: 1}", ..Said::default() });
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    let other = message(2000);
    for _ in 0..3 {
        stage.expect(&other, "452 4.3.1 Backend has no room, try again later");
    }
    stage.front_end.wait_for_log(&["delivery failed", "full", "maximum messages exceeded (10077)"]);
    assert!(stage.front_end.metric(&["mailchute_circuit_state"]) < 0.5);
    consumer.update(&config_with(&json!({"max_msgs": 2})));
    stage.expect(&other, "250 2.0.0 Ok");
    assert_eq!(consumer.messages().len(), 2);
}

#[test]
fn a_message_over_the_servers_limit_is_refused_where_size_tells_or_else_after_its_data() {
    let server = Server::with(|_| "max_payload: 100KB".to_owned());
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&["WARN", "too large for the server or the stream"]);
    let mut client = stage.client();
    client.expect("MAIL FROM:<a@client.example> SIZE=102401", 250);
    assert!(client.expect("RCPT TO:<b@example.org>", 552).text().starts_with("5.3.4"));
    client.expect("RSET", 250);
    // Beyond the limit while it comes, and only with what we put before it.
    for octets in [200_000, 102_300] {
        stage.expect(&message(octets), "552 5.3.4 Message exceeds the size limit");
    }
    stage.expect(&message(90_000), "250 2.0.0 Ok");
    assert_eq!(consumer.messages().len(), 1);
}

#[test]
fn a_message_over_the_streams_limit_is_refused_too_and_taken_once_the_limit_is_raised() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config_with(&json!({"max_msg_size": 50_000})));
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&["WARN", "too large for the server or the stream", "\"room\":50000"]);
    let text = message(60_000);
    stage.expect(&text, "552 5.3.4 Message exceeds the size limit");
    stage.front_end.wait_for_log(&["delivery failed", "too_large", "10054"]);
    consumer.update(&config_with(&json!({"max_msg_size": 100_000})));
    stage.expect(&text, "250 2.0.0 Ok");
}

#[test]
fn a_limit_that_the_server_lowers_holds_at_once() {
    let mut server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = Stage::to(server.address);
    stage.expect(&message(200_000), "250 2.0.0 Ok");
    server.set("max_payload: 100KB");
    until_true("the limit is known", || stage.send(&message(210_000)).code == 552);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
}
