//! Signing in: each way works, and each failure defers mail and says in the log why.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::MESSAGE;
use crate::decentralized::Operator;
use crate::keys::{Holder, Pair};
use crate::server::Server;
use crate::stage::{Said, Stage, manifests};
use crate::support::consumer::{Consumer, config};
use crate::support::manifests::free_port;
use crate::support::until::until_true;

const CREDENTIALS: Said<'_> =
    Said { nats: ", credentialsSecretRef: {name: nats}", backend: "", delivery: "" };

/// A stage that signs in by a Secret with these keys.
fn stage(server: &Server, secret: &[(&str, &str)]) -> Stage {
    Stage::among(server.address, CREDENTIALS, |manifests| manifests.secret("nats", "Opaque", secret))
}

/// One way in: what the server is told, and what a Secret holds.
fn way_in(server: impl FnOnce(&Path) -> String, says: impl FnOnce(&str) -> Value, secret: &[(&str, &str)]) {
    let server = Server::with(server);
    let mut consumer = Consumer::connect_with(server.address, says);
    consumer.create(&config());
    stage(&server, secret).expect(MESSAGE, "250 2.0.0 Ok");
    assert_eq!(consumer.messages().len(), 1);
    let wrong = Stage::to(server.address);
    wrong.expect(MESSAGE, "451 4.3.5");
    wrong.front_end.wait_for_log(&["WARN", "not connected", "default/queue", "Authorization Violation"]);
    wrong.front_end.wait_for_log(&["WARN", "delivery failed", "no credentials were shown"]);
}

#[test]
fn by_token() {
    let server = |_: &Path| "authorization { token: sesame-open }".to_owned();
    way_in(server, |_| json!({"auth_token": "sesame-open"}), &[("token", "sesame-open\n")]);
}

#[test]
fn by_user_and_password() {
    let password = "open \" sesame";
    let server = |_: &Path| format!("authorization {{ user: mail, password: '{password}' }}");
    let says = |_: &str| json!({"user": "mail", "pass": password});
    way_in(server, says, &[("username", "mail"), ("password", password)]);
}

#[test]
fn by_nkey() {
    let pair = Pair::new(Holder::User);
    let server = |_: &Path| format!("authorization {{ users: [ {{ nkey: {} }} ] }}", pair.public());
    let sign = |nonce: &str| URL_SAFE_NO_PAD.encode(pair.sign(nonce.as_bytes()));
    let says = |nonce: &str| json!({"nkey": pair.public(), "sig": sign(nonce)});
    way_in(server, says, &[("nkey", &pair.seed())]);
}

#[test]
fn by_credentials() {
    let operator = Operator::new();
    let user = operator.user();
    let server = |_: &Path| operator.configuration();
    way_in(server, |nonce| user.says(nonce), &[("creds", &user.credentials())]);
}

#[test]
fn who_is_refused_says_why_and_shows_no_secret() {
    let other = Pair::new(Holder::User).seed();
    let stranger = Operator::new().user().credentials();
    for (secret, shown, says) in [
        (vec![("token", "xyzzy-secret")], "xyzzy-secret", "a token was shown"),
        (
            vec![("username", "mail"), ("password", "xyzzy-secret")],
            "xyzzy-secret",
            "a user and its password were shown",
        ),
        (vec![("nkey", other.as_str())], other.as_str(), "signed by U"),
        (vec![("creds", stranger.as_str())], "eyJ", "credentials were shown that have not expired"),
    ] {
        let known = Pair::new(Holder::User).public();
        let server = Server::with(|_| format!("authorization {{ users: [ {{ nkey: {known} }} ] }}"));
        let stage = stage(&server, &secret);
        stage.expect(MESSAGE, "451 4.3.5");
        stage.front_end.wait_for_log(&[
            "WARN",
            "delivery failed",
            "misconfigured",
            "Authorization Violation",
            says,
        ]);
        assert!(!stage.front_end.log().contains(shown), "{}", stage.front_end.log());
    }
}

#[test]
fn credentials_that_expire_are_told_of() {
    let operator = Operator::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let user = operator.user_until(now.as_secs() + 8);
    let server = Server::with(|_| operator.configuration());
    let other = operator.user();
    Consumer::connect_with(server.address, |nonce| other.says(nonce)).create(&config());
    let stage = stage(&server, &[("creds", &user.credentials())]);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    stage.front_end.wait_for_log(&["WARN", "not connected", "User Authentication Expired"]);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&[
        "WARN",
        "delivery failed",
        "misconfigured",
        "the credentials have expired",
    ]);
}

#[test]
fn a_password_that_changes_defers_mail_until_the_secret_has_the_new_one() {
    let user = |password: &str| format!("authorization {{ user: mail, password: {password} }}");
    let mut server = Server::with(|_| user("sesame-old"));
    let says = |_: &str| json!({"user": "mail", "pass": "sesame-old"});
    Consumer::connect_with(server.address, says).create(&config());
    let port = free_port();
    let secret = |password: &str| {
        let manifests = manifests(port, &format!("nats://{}", server.address), CREDENTIALS);
        manifests.secret("nats", "Opaque", &[("username", "mail"), ("password", password)])
    };
    let (old, new) = (secret("sesame-old"), secret("sesame-new"));
    let stage = Stage::starting(port, &old);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
    // Whoever is connected by a word that holds no more is put out.
    server.set(&user("sesame-new"));
    stage.front_end.wait_for_log(&["WARN", "not connected"]);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&["WARN", "delivery failed", "a user and its password were shown"]);
    stage.front_end.edit(&new);
    until_true("mail is taken", || stage.send(MESSAGE).code == 250);
}

#[test]
fn credentials_that_the_server_does_not_ask_for_are_told_of() {
    let seed = Pair::new(Holder::User).seed();
    let server = Server::start();
    let stage = stage(&server, &[("nkey", &seed)]);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&["delivery failed", "the server asks for no signature"]);
}

#[test]
fn a_user_who_may_do_what_the_readme_names_and_no_more_is_enough() {
    let users = "authorization { users: [
        { user: admin, password: admin },
        { user: mail, password: mail, permissions: {
            publish: [\"mail.>\", \"$JS.API.STREAM.INFO.MAIL\"], subscribe: [\"_INBOX.>\"] } } ] }";
    let server = Server::with(|_| users.to_owned());
    let says = |_: &str| json!({"user": "admin", "pass": "admin"});
    Consumer::connect_with(server.address, says).create(&config());
    let stage = stage(&server, &[("username", "mail"), ("password", "mail")]);
    stage.front_end.wait_for_metric(&["mailchute_stream_duplicate_window_seconds"], 3600.0);
    stage.expect(MESSAGE, "250 2.0.0 Ok");
}

#[test]
fn a_user_who_may_not_publish_is_told_at_once() {
    let users = "authorization { users: [
        { user: admin, password: admin },
        { user: mail, password: mail, permissions: { publish: [\"other\"] } } ] }";
    let server = Server::with(|_| users.to_owned());
    let says = |_: &str| json!({"user": "admin", "pass": "admin"});
    Consumer::connect_with(server.address, says).create(&config());
    let stage = stage(&server, &[("username", "mail"), ("password", "mail")]);
    stage.front_end.wait_for_log(&["WARN", "can't be looked at", "Permissions Violation"]);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&["delivery failed", "Permissions Violation for Publish", "mail.in"]);
}

#[test]
fn a_user_who_may_hear_no_answer_is_told_so() {
    let users = "authorization { users: [
        { user: mail, password: mail, permissions: { subscribe: [\"other\"] } } ] }";
    let server = Server::with(|_| users.to_owned());
    let stage = stage(&server, &[("username", "mail"), ("password", "mail")]);
    stage.expect(MESSAGE, "451 4.3.5");
    stage.front_end.wait_for_log(&["delivery failed", "Permissions Violation for Subscription"]);
}
