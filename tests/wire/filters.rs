//! Filters of a route: the backend gets the fields and is told the new recipient; all else knows the one
//! that was said.

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const MESSAGE: &[u8] =
    b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\r\nOne.\r\n";
const FILTERS: &str = "    filters: [{type: AddHeader, addHeader: {name: X-Team, value: support}}, \
                       {type: RewriteRecipient, rewriteRecipient: {localPart: inbox}}]\n";

#[test]
fn fields_are_added_and_recipients_rewritten_and_nothing_else_changes() {
    let backend = Recorder::start();
    let port = free_port();
    let plain = Manifests::listening(port).all_to(backend.address).yaml();
    let filtered = plain.replace("    delivery:", &format!("{FILTERS}    delivery:"));
    let front_end = FrontEnd::start_with(port, &filtered, &[]);
    let sent = |recipients: &[&str]| {
        let mut client = Client::greeted(front_end.smtp);
        client.expect("MAIL FROM:<me@client.example>", 250);
        recipients.iter().for_each(|each| drop(client.expect(&format!("RCPT TO:<{each}>"), 250)));
        client.expect("DATA", 354);
        client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
        assert_eq!(client.reply().code, 250);
    };
    sent(&["support+1@example.org"]);
    sent(&["a@example.org", "b@example.org"]);
    let received = backend.received();
    let [one, two] = &received[..] else { panic!("{} requests", received.len()) };
    assert_eq!(one.header("ce-rcptto"), "inbox@example.org");
    assert_eq!(one.header("ce-originalrcptto"), "support+1@example.org");
    let body = String::from_utf8(one.body.to_vec()).unwrap();
    let message = String::from_utf8(MESSAGE.to_vec()).unwrap();
    assert!(body.ends_with(&format!("\r\nX-Team: support\r\n{message}")), "{body}");
    assert!(body.contains("for <support+1@example.org>"), "Received tells what was said: {body}");
    assert_eq!(two.header("ce-rcptto"), "inbox@example.org,inbox@example.org");
    assert_eq!(two.header("ce-originalrcptto"), "a@example.org,b@example.org");
    assert_ne!(one.header("ce-dedupekey"), two.header("ce-dedupekey"));
    front_end.write(&plain);
    until_true("the rule has no filters", || {
        sent(&["support+1@example.org"]);
        backend.received().last().is_some_and(|last| last.header("ce-originalrcptto").is_empty())
    });
    let last = backend.received().pop().unwrap();
    assert_eq!(one.header("ce-dedupekey"), last.header("ce-dedupekey"), "a filter is no part of the key");
}
