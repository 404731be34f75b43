//! Behind the domain `*` a relay works only for those who have signed in.

use super::{CLEAR, MESSAGE, PENCIL, SENDER, SIGN_IN, USUAL, send};
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::relay::Relay;

#[test]
fn nobody_is_an_open_relay() {
    let relay = Relay::good(USUAL);
    let (mx, submission) = (free_port(), free_port());
    let signed_in = "auth: {mode: Require, allowPlaintext: true}";
    let manifests = Manifests::listening(mx)
        .listener("offer", free_port(), "auth: {mode: Offer, allowPlaintext: true}")
        .listener("submission", submission, signed_in)
        .users(&[("ann", PENCIL)])
        .relayed("smtp", relay.address, CLEAR);
    let any = "  - {name: \"*\", allowedRoutes: {namespaces: {from: All}}}\n";
    let yaml = manifests.yaml().replace("  domains:\n", &format!("  domains:\n{any}"));
    let yaml = yaml.replace("recipient: {domain: example.org}", "recipient: {domain: \"*\"}");
    let front_end = FrontEnd::start_with(mx, &yaml, &[]);
    for recipient in ["b@elsewhere.example", "Postmaster"] {
        let mut client = Client::greeted(front_end.smtp);
        client.expect(SENDER, 250);
        let refusal = client.try_say(&format!("RCPT TO:<{recipient}>")).unwrap();
        let expected = if recipient == "Postmaster" { 250 } else { 451 };
        assert_eq!(refusal.code, expected, "{recipient}: {refusal:?}");
    }
    let mut client = Client::greeted(([127, 0, 0, 1], submission).into());
    client.expect(SENDER, 530);
    client.expect(SIGN_IN, 235);
    client.expect(SENDER, 250);
    client.expect("RCPT TO:<b@elsewhere.example>", 250);
    assert!(send(&mut client, MESSAGE).starts_with("250 "));
    assert_eq!(relay.messages()[0].recipients, ["RCPT TO:<b@elsewhere.example>"]);
    assert!(front_end.log().contains("OpenRelay"), "{}", front_end.log());
}
