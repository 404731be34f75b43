//! The reply before a close is not lost to a reset, though the client goes on talking.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::recorder::Recorder;

#[test]
fn what_is_said_behind_a_close_does_not_cost_the_last_reply() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.write(&b"BOGUS\r\n".repeat(300_000)).unwrap();
    client.finish();
    let rest = client.rest();
    let (errors, last) = rest.trim_end().rsplit_once("\r\n").unwrap();
    assert!(last.starts_with("421 4.7.0 "), "{last}");
    assert!(errors.lines().all(|line| line.starts_with("500 5.5.1 ")), "{errors}");
}

#[test]
fn what_is_said_behind_quit_does_not_cost_the_reply_to_the_message() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut client = Client::greeted(front_end.smtp);
    client.begin("a@client.example", "b@example.org");
    let junk = b"NOOP\r\n".repeat(100_000);
    client.write(&[b"Subject: x\r\n\r\nOne.\r\n.\r\nQUIT\r\n", &junk[..]].concat()).unwrap();
    client.finish();
    let rest = client.rest();
    let replies: Vec<&str> = rest.lines().collect();
    assert!(replies[0].starts_with("250 2.0.0 Ok: ") && replies[1].starts_with("221 "), "{rest}");
    assert_eq!((replies.len(), backend.wait_for(1).len()), (2, 1));
}
