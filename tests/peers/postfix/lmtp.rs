//! As an LMTP client: only a real queue shows that each reply is taken for its own recipient, and that
//! nothing is sent again or bounced that was not meant.

use super::Postfix;
use crate::MESSAGE;
use crate::judge::Judge;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::until::until_true;

#[test]
fn one_of_three_refused_is_the_one_that_bounces() {
    let judge = Judge::refusing("bert@example.org");
    let port = free_port();
    let manifests = Manifests::listening_with(port, "profile: LMTP").route(
        "all",
        "domain: example.org",
        judge.address(),
        "perRecipientVerdicts: true",
    );
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let postfix = Postfix::start(&format!(
        "default_transport = lmtp:inet:[127.0.0.1]:{port}\nlmtp_tls_security_level = none\n\
         transport_maps = inline:{{ client.example=discard: }}\n"
    ));
    let recipients = ["anna@example.org", "bert@example.org", "carl@example.org"];
    let mut client = Client::greeted(postfix.address);
    assert_eq!(client.send("a@client.example", &recipients, MESSAGE.as_bytes()).code, 250);
    // The bounce goes to the sender's domain, which this Postfix discards: then all is done.
    until_true("the bounce is sent", || postfix.line(&["to=<a@client.example>", "status=sent"]).is_some());
    for (recipient, status) in [
        ("anna@example.org", "status=sent (250 2.0.0 Ok: "),
        (
            "bert@example.org",
            "dsn=5.1.1, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.1.1 No such user",
        ),
        ("carl@example.org", "status=sent (250 2.0.0 Ok: "),
    ] {
        let line = postfix.line(&[&format!("to=<{recipient}>"), "postfix/lmtp"]);
        assert!(line.as_ref().is_some_and(|line| line.contains(status)), "{line:?}\n{}", postfix.log());
    }
    until_true("its queue is empty", || postfix.queue().contains("queue is empty"));
    let heard = judge.heard();
    assert_eq!(heard.len(), 1, "one transaction for all");
    assert_eq!(heard[0].header("ce-rcptto"), Some("anna@example.org,bert@example.org,carl@example.org"));
    assert_eq!(heard[0].header("ce-protocol"), Some("LMTP"));
    front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 1.0);
}
