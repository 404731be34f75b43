//! As the relay behind Mailchute: inside TLS, with words of its own at RCPT and behind the message.

use std::fs;

use crate::MESSAGE;
use crate::support::certificates::Authority;
use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::maildir::{is_relayed, only_message};
use crate::support::manifests::{Manifests, free_port};
use crate::support::postfix::{Postfix, mailboxes};
use crate::support::server::folder;
use crate::support::until::until_true;

/// A Postfix that delivers to `ann` and `bob`, with a certificate of `authority` for `name`; `settings` are
/// lines of main.cf.
fn postfix(authority: &Authority, name: &str, settings: &str) -> Postfix {
    let files = folder();
    authority.server(&[name]).write(files.path(), "its");
    fs::write(files.path().join("checks"), "/^Subject: refuse me/ REJECT this subject is not welcome\n")
        .unwrap();
    let at = files.path().display().to_string();
    let maps = "inline:{ ann@example.org=ann/ , bob@example.org=bob/ }";
    let mailboxes = mailboxes(files.path(), "example.org", maps);
    let settings = format!(
        "{mailboxes}header_checks = regexp:{at}/checks\nmessage_size_limit = 200000\n\
         smtpd_tls_cert_file = {at}/its.crt\nsmtpd_tls_key_file = {at}/its.key\n{settings}\n"
    );
    Postfix::start_in(files, &settings)
}

fn manifests(port: u16, postfix: &Postfix, authority: &Authority, tls: &str) -> Manifests {
    Manifests::listening(port).secret("ca", "Opaque", &[("ca.crt", &authority.pem())]).relayed(
        "smtp",
        postfix.address,
        &format!("tls: {tls}, caSecretRef: {{name: ca}}"),
    )
}

fn front_end(postfix: &Postfix, authority: &Authority, tls: &str) -> FrontEnd {
    let port = free_port();
    FrontEnd::start(port, &manifests(port, postfix, authority, tls), &[])
}

#[test]
fn messages_go_through_it_inside_tls() {
    let authority = Authority::new();
    for (tls, settings) in [
        ("Required", "smtpd_tls_security_level = encrypt\nsmtpd_tls_received_header = yes"),
        ("Opportunistic", "smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes"),
        ("Implicit", "smtpd_tls_wrappermode = yes\nsmtpd_tls_received_header = yes"),
    ] {
        let postfix = postfix(&authority, "127.0.0.1", settings);
        let front_end = front_end(&postfix, &authority, tls);
        let mut client = Client::greeted(front_end.smtp);
        let reply = client.send("a@client.example", &["ann@example.org"], MESSAGE.as_bytes());
        assert_eq!(reply.code, 250, "{tls}: {reply:?}\n{}", postfix.log());
        // Its own words, and the number by which it can be asked.
        assert!(reply.text().contains(" queued as "), "{reply:?}");
        let message = only_message(&postfix.folder.path().join("mail/ann"));
        is_relayed(&message, MESSAGE);
        assert!(message.contains("using TLSv1.3 with cipher") && message.contains("from mx.example.org ("));
        until_true("its queue is empty", || postfix.queue().contains("queue is empty"));
    }
}

#[test]
fn a_certificate_that_does_not_verify_defers() {
    let (authority, other) = (Authority::new(), Authority::new());
    let settings = "smtpd_tls_security_level = may";
    for (name, believed) in [("127.0.0.1", &other), ("relay.elsewhere.example", &authority)] {
        let postfix = postfix(&authority, name, settings);
        let front_end = front_end(&postfix, believed, "Required");
        let mut client = Client::greeted(front_end.smtp);
        client.expect("MAIL FROM:<a@client.example>", 250);
        let refusal = client.expect("RCPT TO:<ann@example.org>", 451);
        assert!(refusal.text().starts_with("4.4.1 "), "{refusal:?}");
        front_end.wait_for_log(&["certificate"]);
    }
    // Without a certificate there is no TLS, and without TLS nothing is said.
    let postfix = Postfix::start("virtual_mailbox_domains = example.org\n");
    let front_end = front_end(&postfix, &authority, "Required");
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<ann@example.org>", 451);
    assert!(postfix.line(&["MAIL FROM"]).is_none(), "{}", postfix.log());
}

#[test]
fn its_word_on_a_recipient_and_on_the_message_is_ours() {
    let authority = Authority::new();
    let postfix = postfix(&authority, "127.0.0.1", "smtpd_tls_security_level = may");
    let front_end = front_end(&postfix, &authority, "Required");
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<ann@example.org>", 250);
    let refusal = client.expect("RCPT TO:<nobody@example.org>", 550);
    let words = "5.1.1 <nobody@example.org>: Recipient address rejected: User unknown";
    assert!(refusal.text().starts_with(words), "{refusal:?}");
    client.expect("RCPT TO:<bob@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(MESSAGE.as_bytes())).unwrap();
    assert_eq!(client.reply().code, 250);
    for name in ["ann", "bob"] {
        is_relayed(&only_message(&postfix.folder.path().join("mail").join(name)), MESSAGE);
    }
    let refused = b"Subject: refuse me\r\n\r\nText\r\n";
    let reply = client.send("a@client.example", &["ann@example.org"], refused);
    assert_eq!((reply.code, reply.text().as_str()), (550, "5.7.1 this subject is not welcome"));
    client.expect("MAIL FROM:<a@client.example> SIZE=200001", 250);
    assert!(client.expect("RCPT TO:<ann@example.org>", 552).text().starts_with("5.3.4 "));
    client.expect("RSET", 250);
    let large = [MESSAGE.as_bytes(), &b"0123456789\r\n".repeat(20_000)].concat();
    let reply = client.send("a@client.example", &["ann@example.org"], &large);
    assert_eq!(reply.code, 552, "{reply:?}");
}

#[test]
fn mail_of_any_octets_passes_through_it() {
    let authority = Authority::new();
    let postfix = postfix(&authority, "127.0.0.1", "smtpd_tls_security_level = may\nsmtputf8_enable = yes");
    let front_end = front_end(&postfix, &authority, "Required");
    let mut client = Client::greeted(front_end.smtp);
    // Without Date and From, Postfix would add them.
    let message = "Message-ID: <8@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
                   From: <süß@client.example>\r\nSubject: süß\r\n\r\n.süß\r\n..\r\n";
    client.expect("MAIL FROM:<süß@client.example> BODY=8BITMIME SMTPUTF8", 250);
    client.expect("RCPT TO:<ann@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&crate::support::client::stuffed(message.as_bytes())).unwrap();
    let reply = client.reply();
    assert_eq!(reply.code, 250, "{reply:?}");
    let delivered = only_message(&postfix.folder.path().join("mail/ann"));
    assert!(delivered.ends_with(message) && delivered.contains("UTF8SMTP"), "{delivered}");
}
