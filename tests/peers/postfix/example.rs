//! `manifests/examples/lmtp-behind-postfix.yaml`, and a Postfix that is set up as its comments say.

use super::Postfix;
use crate::MESSAGE;
use crate::judge::Judge;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::free_port;
use crate::support::until::until_true;

const EXAMPLE: &str = include_str!("../../../manifests/examples/lmtp-behind-postfix.yaml");

/// The lines of main.cf among the comments, for a Mailchute at this port.
fn settings(port: u16) -> String {
    let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix("#   "));
    let settings: Vec<&str> = lines.filter(|line| line.contains(" = ")).collect();
    assert_eq!(settings.len(), 4, "{settings:?}");
    let settings = settings.join("\n");
    let service = "mailchute-public.mail-system.svc.cluster.local:24";
    assert!(settings.contains(service), "{settings}");
    settings.replace(service, &format!("[127.0.0.1]:{port}"))
}

#[test]
fn the_example_is_what_postfix_needs() {
    let judge = Judge::refusing("bob@example.net");
    let port = free_port();
    let service = "    service: {name: inbox, port: 80}\n    path: /inbound\n";
    let url = format!("    url: \"http://{}/inbound\"\n", judge.address());
    let yaml = EXAMPLE.replace(service, &url).replace("port: 2424", &format!("port: {port}"));
    assert!(yaml.contains(&url) && !yaml.contains("port: 2424"), "{yaml}");
    let _front_end = FrontEnd::start_with(port, &yaml, &[]);
    let postfix = Postfix::start(&format!(
        "{}\nlmtp_tls_security_level = none\ntransport_maps = inline:{{ client.example=discard: }}\n",
        settings(port)
    ));
    let mut client = Client::greeted(postfix.address);
    client.expect("MAIL FROM:<a@client.example>", 250);
    // It asks Mailchute, and says 450 to come again while it has no answer.
    let mut last = 450;
    until_true("a recipient that does not exist is known to be none", || {
        last = client.try_say("RCPT TO:<carl@example.net>").unwrap().code;
        last != 450
    });
    assert_eq!(last, 550, "{}", postfix.log());
    client.expect("RSET", 250);
    let recipients = ["ann@example.net", "bob@example.net"];
    let mut reply = None;
    until_true("both recipients are known to be some", || {
        let sent = client.send("a@client.example", &recipients, MESSAGE.as_bytes());
        client.expect("RSET", 250);
        let again = sent.code == 450;
        reply = Some(sent);
        !again
    });
    assert_eq!(reply.unwrap().code, 250, "{}", postfix.log());
    for (recipient, status) in
        [("ann@example.net", "status=sent (250 2.0.0 Ok: "), ("bob@example.net", "dsn=5.1.1, status=bounced")]
    {
        let words = [&format!("to=<{recipient}>"), "postfix/lmtp", status];
        until_true(status, || postfix.line(&words).is_some());
    }
    until_true("its queue is empty", || postfix.queue().contains("queue is empty"));
    let heard = judge.heard();
    assert_eq!(heard.len(), 1, "one request for both");
    assert_eq!(heard[0].header("ce-rcptto"), Some("ann@example.net,bob@example.net"));
}
