//! AUTH, mostly on a listener where anybody may listen in, and the profile Submission.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::certificates::Authority;
use crate::support::client::{Client, Reply};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::scene::tls;
use crate::support::secure::Tls;
use crate::support::until::until_true;

/// `pencil` in each of the kinds that passwords are kept in.
const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$vXQTl6bhlwxuzjsAw4jRD9aTmUANL+UAzccrZZeh7TM";
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
const SCRAM: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                     WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn manifests(port: u16, mode: &str, users: &[(&str, &str)], backend: SocketAddr) -> Manifests {
    let fields = format!("auth: {{mode: {mode}, allowPlaintext: true}}");
    Manifests::listening_with(port, &fields).users(users).all_to(backend)
}

fn front_end(mode: &str, users: &[(&str, &str)], backend: &Recorder) -> FrontEnd {
    let port = free_port();
    FrontEnd::start(port, &manifests(port, mode, users, backend.address), &[])
}

fn plain(name: &str, password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{name}\0{password}")))
}

fn login(client: &mut Client, name: &str, password: &str) -> Reply {
    assert_eq!(client.expect("AUTH LOGIN", 334).text(), STANDARD.encode("Username:"));
    assert_eq!(client.expect(&STANDARD.encode(name), 334).text(), STANDARD.encode("Password:"));
    client.try_say(&STANDARD.encode(password)).unwrap()
}

fn attempts(front_end: &FrontEnd, mechanism: &str, outcome: &str) -> f64 {
    let labels = [format!(r#"mechanism="{mechanism}""#), format!(r#"outcome="{outcome}""#)];
    front_end.metric(&["mailchute_smtp_auth_total", r#"listener="mx""#, &labels[0], &labels[1]])
}

fn said(reply: &Reply) -> String {
    format!("{} {}", reply.code, reply.text())
}

#[test]
fn who_has_signed_in_is_stamped_and_told() {
    let backend = Recorder::start();
    let front_end =
        front_end("Require", &[("alice", BCRYPT), ("people", &format!("a@b:{ARGON2}"))], &backend);
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.reply();
    let announced = client.expect("EHLO client.example", 250).lines;
    assert!(announced.contains(&"AUTH PLAIN LOGIN".to_owned()), "{announced:?}");
    let refused = client.try_say("MAIL FROM:<a@client.example>").unwrap();
    assert_eq!(said(&refused), "530 5.7.0 Authentication required");
    client.expect("AUTH CRAM-MD5", 504);
    client.expect("AUTH SCRAM-SHA-256", 504);
    assert_eq!(login(&mut client, "a@b", "pencil").code, 235);
    client.expect(&plain("alice", "pencil"), 503);
    assert_eq!(client.send("a@client.example", &["b@example.org"], b"Subject: x\r\n\r\n").code, 250);
    let received = &backend.received()[0];
    assert_eq!(received.header("ce-authid"), "a@b");
    assert!(String::from_utf8_lossy(&received.body).contains(" with ESMTPA id "));
    assert_eq!(attempts(&front_end, "LOGIN", "accepted"), 1.0);
    assert_eq!(front_end.metric(&["commands_total", r#"command="MAIL""#, r#"code="530""#]), 1.0);
}

#[test]
fn every_kind_of_hash_takes_its_password_and_no_other() {
    let users = [("argon2", ARGON2), ("bcrypt", BCRYPT), ("scram", SCRAM)];
    let front_end = front_end("Offer", &users, &Recorder::start());
    for (name, _) in users {
        let mut client = Client::greeted(front_end.smtp);
        let wrong = client.expect(&plain(name, "crayon"), 535);
        assert_eq!(wrong.text(), "5.7.8 Authentication credentials invalid");
        client.expect(&plain(name, "pencil"), 235);
    }
    assert_eq!(attempts(&front_end, "PLAIN", "accepted"), 3.0);
    assert_eq!(attempts(&front_end, "PLAIN", "refused"), 3.0);
}

#[test]
fn scram_is_announced_where_all_have_its_keys() {
    let front_end = front_end("Offer", &[("user", SCRAM)], &Recorder::start());
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.reply();
    let announced = client.expect("EHLO client.example", 250).lines;
    assert!(announced.contains(&"AUTH SCRAM-SHA-256 PLAIN LOGIN".to_owned()), "{announced:?}");
    for name in ["user", "nobody"] {
        let first = STANDARD.encode(format!("n,,n={name},r=abc"));
        let challenge = client.expect(&format!("AUTH SCRAM-SHA-256 {first}"), 334);
        let challenge = String::from_utf8(STANDARD.decode(challenge.text()).unwrap()).unwrap();
        assert!(challenge.starts_with("r=abc") && challenge.ends_with(",i=4096"), "{challenge}");
        client.expect("*", 501);
    }
    assert_eq!(attempts(&front_end, "SCRAM-SHA-256", "cancelled"), 2.0);
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let front_end = front_end("Offer", &[("alice", BCRYPT)], &Recorder::start());
    let replies = ["alice", "nobody"].map(|name| {
        let mut client = Client::greeted(front_end.smtp);
        let replies =
            [said(&client.try_say(&plain(name, "secret")).unwrap()), said(&login(&mut client, name, "x"))];
        // The third failure is the last.
        let last = said(&client.try_say(&plain(name, "secret")).unwrap());
        assert_eq!(client.rest(), "");
        (replies, last)
    });
    assert_eq!(replies[0], replies[1]);
    assert_eq!(replies[0].0[0], "535 5.7.8 Authentication credentials invalid");
    assert_eq!(replies[0].1, "421 4.7.0 Too many authentication failures, closing connection");
    let log = front_end.log();
    assert!(log.contains("sign-in failed") && !log.contains("nobody") && !log.contains("alice"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn to_connect_again_gives_no_more_tries() {
    let front_end = front_end("Offer", &[("alice", BCRYPT)], &Recorder::start());
    let address = front_end.smtp;
    let sessions: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::greeted(address);
                for code in [535, 535, 421] {
                    client.expect(&plain("alice", "crayon"), code);
                }
            })
        })
        .collect();
    for session in sessions {
        session.join().unwrap();
    }
    let mut client = Client::greeted(address);
    let reply = client.expect(&plain("alice", "pencil"), 421);
    assert_eq!(reply.text(), "4.7.0 Too many authentication failures from your address, try again later");
    assert_eq!(client.rest(), "");
    assert_eq!(attempts(&front_end, "PLAIN", "blocked"), 1.0);
    assert_eq!(attempts(&front_end, "PLAIN", "refused"), 60.0);
}

#[test]
fn a_failure_may_be_ours_while_an_entry_can_not_be_read() {
    let front_end = front_end("Offer", &[("alice", BCRYPT), ("bob", "hunter2")], &Recorder::start());
    let mut client = Client::greeted(front_end.smtp);
    let reply = client.expect(&plain("bob", "hunter2"), 454);
    assert_eq!(reply.text(), "4.7.0 Temporary authentication failure");
    client.expect(&plain("alice", "pencil"), 235);
    assert!(!front_end.log().contains("hunter2"));
}

#[test]
fn credentials_change_without_a_restart() {
    let (backend, port) = (Recorder::start(), free_port());
    let before = manifests(port, "Offer", &[("alice", BCRYPT)], backend.address);
    let front_end = FrontEnd::start(port, &before, &[]);
    let mut early = Client::greeted(front_end.smtp);
    Client::greeted(front_end.smtp).expect(&plain("alice", "pencil"), 235);
    let after = manifests(port, "Offer", &[("alice2", BCRYPT)], backend.address);
    front_end.edit(&after);
    until_true("the new user may sign in", || {
        Client::greeted(front_end.smtp)
            .try_say(&plain("alice2", "pencil"))
            .is_ok_and(|reply| reply.code == 235)
    });
    early.expect(&plain("alice", "pencil"), 535);
    early.expect(&plain("alice2", "pencil"), 235);
}

/// RFC 6409: users sign in inside TLS, and name domains in full.
#[test]
fn submission_asks_for_tls_a_password_and_whole_domains() {
    let (backend, port) = (Recorder::start(), free_port());
    let fields = format!("profile: Submission, {}", tls("mode: StartTLS", &["mx"]));
    let manifests =
        Manifests::listening_with(port, &fields).users(&[("alice", SCRAM)]).all_to(backend.address);
    let certificate = Authority::new().server(&["mx.example.org"]);
    let front_end = FrontEnd::start(port, &manifests.certificate("mx", &certificate), &[]);
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.reply();
    let outside = client.expect("EHLO client.example", 250).text();
    assert!(outside.contains("STARTTLS") && !outside.contains("AUTH"), "{outside}");
    client.expect(&plain("alice", "pencil"), 502);
    let refused = client.expect("MAIL FROM:<a@client.example>", 530);
    assert_eq!(refused.text(), "5.7.0 Must issue a STARTTLS command first");
    client.expect("STARTTLS", 220);
    let (mut client, _) = Tls::any().on(client, "mx.example.org").unwrap();
    let inside = client.expect("EHLO client.example", 250).lines;
    assert!(inside.contains(&"AUTH SCRAM-SHA-256 PLAIN LOGIN".to_owned()), "{inside:?}");
    let refused = client.expect("MAIL FROM:<a@client.example>", 530);
    assert_eq!(refused.text(), "5.7.0 Authentication required");
    client.expect(&plain("alice", "pencil"), 235);
    let refused = client.expect("MAIL FROM:<a@sales>", 554);
    assert_eq!(refused.text(), "5.1.8 Sender domain must be fully qualified");
    client.expect("MAIL FROM:<a@client.example>", 250);
    let refused = client.expect("RCPT TO:<b@sales>", 554);
    assert_eq!(refused.text(), "5.1.2 Recipient domain must be fully qualified");
    client.expect("RSET", 250);
    assert_eq!(client.send("a@client.example", &["b@example.org"], b"Subject: x\r\n\r\n").code, 250);
    let received = &backend.received()[0];
    assert_eq!(received.header("ce-authid"), "alice");
    let body = String::from_utf8_lossy(&received.body);
    assert!(
        body.contains(" with ESMTPSA id ") && body.contains("Message-ID: <") && body.contains("Date: "),
        "{body}"
    );
    front_end.wait_for_metric(&["mailchute_recipients_total", r#"reason="syntax""#, "refused"], 1.0);
}
