//! The same message again is kept once; another is another.

use serde_json::json;

use crate::MESSAGE;
use crate::server::Server;
use crate::stage::Stage;
use crate::support::consumer::{Consumer, config, config_with};

#[test]
fn the_same_message_again_is_confirmed_and_kept_once() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    consumer.create(&config());
    let stage = Stage::to(server.address);
    for _ in 0..3 {
        stage.expect(MESSAGE, "250 2.0.0 Ok");
    }
    let other = [MESSAGE, b"more\r\n"].concat();
    stage.expect(&other, "250 2.0.0 Ok");
    let messages = consumer.messages();
    assert_eq!(messages.len(), 2);
    messages[0].received.assert_carries(MESSAGE);
    messages[1].received.assert_carries(&other);
    // Whoever else sends it, to whomever else: another message.
    let mut client = stage.client();
    assert_eq!(client.send("other@client.example", &["b@example.org"], MESSAGE).code, 250);
    assert_eq!(client.send("a@client.example", &["c@example.org"], MESSAGE).code, 250);
    assert_eq!(consumer.messages().len(), 4);
}

#[test]
fn a_stream_that_forgets_soon_is_told_of_at_start() {
    let server = Server::start();
    let mut consumer = Consumer::connect(server.address);
    // What a stream has unless it is told otherwise.
    consumer.create(&config_with(&json!({"duplicate_window": 0})));
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_log(&[
        "WARN",
        "duplicate window is under 1h",
        "\"backend\":\"default/queue\"",
        "\"window_seconds\":120",
    ]);
    let window = ["mailchute_stream_duplicate_window_seconds", "default/queue"];
    stage.front_end.wait_for_metric(&window, 120.0);
    stage.front_end.wait_for_metric(&["mailchute_backend_connected", "default/queue"], 1.0);
}

#[test]
fn one_that_remembers_long_enough_is_not_told_of() {
    let server = Server::start();
    Consumer::connect(server.address).create(&config());
    let stage = Stage::to(server.address);
    stage.front_end.wait_for_metric(&["mailchute_stream_duplicate_window_seconds"], 3600.0);
    assert!(!stage.front_end.log().contains("duplicate window"), "{}", stage.front_end.log());
}
