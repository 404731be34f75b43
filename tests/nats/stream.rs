//! A stream that is not there, or not what it should be: `451 4.3.5`, and the log says what to do.

use serde_json::json;

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::{Said, Stage};
use crate::support::consumer::{Consumer, config, config_with};

const MISCONFIGURED: &str = "451 4.3.5";

#[test]
fn a_stream_that_is_not_there_defers_mail_until_it_is() {
    let server = Server::start();
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&["WARN", "stream can't be used", "stream not found"]);
    stage.expect(MESSAGE, MISCONFIGURED);
    stage.front_end.wait_for_log(&[
        "WARN",
        "delivery failed",
        "misconfigured",
        "no stream takes the subject",
    ]);
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    consumer.delete();
    stage.expect(MESSAGE, MISCONFIGURED);
    assert!(stage.front_end.metric(&["mailchute_circuit_state"]) < 0.5);
}

#[test]
fn a_stream_that_is_not_the_one_meant_gets_nothing() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config_with(&json!({"name": "OTHER"})));
    let stage = Stage::to(server.address);
    stage.expect(MESSAGE, MISCONFIGURED);
    stage.front_end.wait_for_log(&["delivery failed", "expected stream does not match (10060)"]);
}

#[test]
fn a_server_without_jetstream_defers_mail() {
    let server = Server::plain();
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&["WARN", "JetStream is not enabled"]);
    stage.expect(MESSAGE, MISCONFIGURED);
}

#[test]
fn somebody_else_who_answers_confirms_nothing() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config_with(&json!({"subjects": ["other"]})));
    consumer.respond("mail.in", "+OK".into());
    let stage = Stage::to(server.address);
    stage.expect(MESSAGE, "451 4.3.0");
    stage.front_end.wait_for_log(&["delivery failed", "the answer is no acknowledgement"]);
}

#[test]
fn a_stream_that_acknowledges_nothing_is_told_of_and_confirms_nothing() {
    let server = Server::start();
    Consumer::connect(server.address).create(&config_with(&json!({"no_ack": true})));
    let stage = Stage::with(server.address, Said { delivery: crate::stage::HASTY, ..Said::default() });
    stage.front_end.wait_for_log(&["WARN", "no_ack"]);
    stage.expect(MESSAGE, "451 4.4.2");
}
