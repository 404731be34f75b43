//! A message that goes in circles is refused (RFC 5321 §6.3).

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

fn passed(times: usize, by: &str) -> Vec<u8> {
    let field = format!("Received: from a.example by {by}; Mon, 23 Nov 2026 11:49:04 +0000\r\n");
    format!("{}Message-ID: <1@client.example>\r\n\r\nOne.\r\n", field.repeat(times)).into_bytes()
}

#[test]
fn a_hundred_hops_or_five_of_our_own_are_a_loop() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    for (times, by, code) in [
        (99, "b.example", 250),
        (100, "b.example", 554),
        (4, "mx.example.org", 250),
        (5, "MX.example.org", 554),
    ] {
        let reply = client.send("a@client.example", &["b@example.org"], &passed(times, by));
        assert_eq!(reply.code, code, "{times} times by {by}: {reply:?}");
    }
    assert_eq!(backend.wait_for(2).len(), 2);
    front_end.wait_for_metric(&["mailchute_messages_total", "outcome=\"rejected\""], 2.0);
}
