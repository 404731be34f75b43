//! So many connections and messages a minute of a client, so many messages of a sender.

use super::proxy::{line, listening, through};
use crate::support::client::{Client, Reply};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const PROXY: &str = "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}";
const MESSAGE: &[u8] = b"\r\nOne.\r\n";

fn is(reply: &Reply, code: u16, enhanced: &str) {
    assert_eq!((reply.code, reply.lines[0].get(..5)), (code, Some(enhanced)), "{reply:?}");
}

fn greeted(front_end: &FrontEnd, client: &str) -> Client {
    let mut client = through(front_end, &line(client));
    assert_eq!(client.reply().code, 220);
    client.expect("EHLO client.example", 250);
    client
}

fn refused(front_end: &FrontEnd, check: &str, times: f64) {
    let label = format!("check=\"{check}\"");
    front_end.wait_for_metric(&["policy_checks_total", &label, r#"outcome="refuse""#], times);
}

#[test]
fn more_connections_a_minute_than_a_client_may_make_are_421() {
    let fields = format!("{PROXY}, connection: {{perClient: {{connectionsPerMinute: 2}}}}");
    let (front_end, _backend) = listening(&fields);
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"] {
        greeted(&front_end, client).expect("QUIT", 221);
    }
    for (nth, client) in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::3"].into_iter().enumerate() {
        let mut client = through(&front_end, &line(client));
        is(&client.reply(), 421, "4.7.0");
        assert_eq!(client.rest(), "");
        refused(&front_end, "connection_rate", nth as f64 + 1.0);
    }
    greeted(&front_end, "192.0.2.2");
    front_end.wait_for_metric(&["smtp_commands_total", "CONNECT", r#"code="421""#], 3.0);
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="refused""#], 3.0);
}

#[test]
fn an_edit_gives_nobody_anything() {
    let (backend, port) = (Recorder::start(), free_port());
    let limit = |rate| {
        let fields = format!("{PROXY}, connection: {{perClient: {{connectionsPerMinute: {rate}}}}}");
        Manifests::listening_with(port, &fields).all_to(backend.address)
    };
    let front_end = FrontEnd::start(port, &limit(1), &[]);
    greeted(&front_end, "192.0.2.1");
    is(&through(&front_end, &line("192.0.2.1")).reply(), 421, "4.7.0");
    let before = front_end.metric(&["config_last_success_timestamp_seconds"]);
    front_end.edit(&limit(1).gateway("subaddressing: {separators: \"-\"}"));
    until_true("the edit is taken into use", || {
        front_end.metric(&["config_last_success_timestamp_seconds"]) > before
    });
    is(&through(&front_end, &line("192.0.2.1")).reply(), 421, "4.7.0");
}

#[test]
fn more_messages_a_minute_than_a_client_may_send_are_451_at_mail() {
    let fields = format!("{PROXY}, connection: {{perClient: {{messagesPerMinute: 2}}}}");
    let (front_end, backend) = listening(&fields);
    let mut client = greeted(&front_end, "192.0.2.1");
    for _ in 0..2 {
        assert_eq!(client.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    }
    is(&client.try_say("MAIL FROM:<a@client.example>").unwrap(), 451, "4.7.1");
    is(&greeted(&front_end, "192.0.2.1").try_say("MAIL FROM:<c@client.example>").unwrap(), 451, "4.7.1");
    refused(&front_end, "message_rate", 2.0);
    front_end.wait_for_metric(&["smtp_commands_total", "MAIL", r#"code="451""#], 2.0);
    let mut other = greeted(&front_end, "192.0.2.2");
    assert_eq!(other.send("a@client.example", &["b@example.org"], MESSAGE).code, 250);
    assert_eq!(backend.wait_for(3).len(), 3);
}

/// A policy of the gateway that lets each sender send so many messages a minute.
fn per_sender(rate: u32) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {{name: senders}}\nspec:\n  \
         targetRefs: [{{kind: MailGateway, name: public}}]\n  \
         limits: {{perSender: {{messagesPerMinute: {rate}}}}}\n"
    )
}

#[test]
fn more_messages_a_minute_than_a_sender_may_send_are_451_at_rcpt() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, PROXY).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests.document(&per_sender(1)), &[]);
    let mut client = greeted(&front_end, "192.0.2.1");
    // A message counts once, however many recipients it has.
    let two = ["b@example.org", "c@example.org"];
    assert_eq!(client.send("a@client.example", &two, MESSAGE).code, 250);
    let refuse = |client: &mut Client, sender: &str| {
        client.expect(&format!("MAIL FROM:<{sender}>"), 250);
        is(&client.try_say("RCPT TO:<b@example.org>").unwrap(), 451, "4.7.1");
        client.expect("RSET", 250);
    };
    refuse(&mut client, "a@client.example");
    refuse(&mut greeted(&front_end, "192.0.2.2"), "A@CLIENT.example");
    assert_eq!(client.send("other@client.example", &two, MESSAGE).code, 250);
    // Bounces have no sender: they count for the client.
    assert_eq!(client.send("", &two, MESSAGE).code, 250);
    refuse(&mut client, "");
    assert_eq!(greeted(&front_end, "192.0.2.2").send("", &two, MESSAGE).code, 250);
    refused(&front_end, "sender_rate", 3.0);
    front_end.wait_for_metric(&["recipients_total", r#"reason="rate""#, r#"outcome="deferred""#], 3.0);
    front_end.wait_for_metric(&["smtp_commands_total", "RCPT", r#"code="451""#], 3.0);
    assert_eq!(backend.wait_for(4).len(), 4);
}
