//! A message that is refused before there is anything to deliver is counted and logged too.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

#[test]
fn a_message_with_a_bare_newline_is_counted_at_its_route_and_logged() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    for _ in 0..2 {
        client.begin("a@client.example", "b@example.org");
        client.write(b"Subject: one\nTwo.\r\n.\r\n").unwrap();
        assert_eq!(client.reply().code, 550);
    }
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"rejected\"", "route=\"default/"], 2.0);
    until_true("the log says so", || front_end.log().contains("550 5.6.11"));
    client.begin("a@client.example", "b@example.org");
    client.write(b"Subject: one\r\n\r\nTwo.\r\n.\r\n").unwrap();
    assert_eq!(client.reply().code, 250);
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"delivered\""], 1.0);
    assert_eq!(front_end.metric(&["mailchute_messages_total", "outcome=\"rejected\""]), 2.0);
    assert_eq!(front_end.metric(&["mailchute_messages_total", "outcome=\"abandoned\""]), 0.0);
}
