//! Dovecot's LMTP as the store behind Mailchute: real mailboxes, one of which is full.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::MESSAGE;
use crate::support::certificates::Authority;
use crate::support::client::{Client, stuffed};
use crate::support::front_end::FrontEnd;
use crate::support::maildir::{messages, only_message};
use crate::support::manifests::{Manifests, free_port};
use crate::support::server::{Server, folder};

/// A store with mailboxes of `ann`, and of `bob`, which takes 3000 octets.
struct Dovecot {
    address: SocketAddr,
    server: Server,
}

impl Dovecot {
    fn start(authority: &Authority) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let files = folder();
        authority.server(&["127.0.0.1"]).write(files.path(), "its");
        for name in ["run", "mail"] {
            fs::create_dir(files.path().join(name)).unwrap();
        }
        crate::run(Command::new("chown").arg("nobody").arg(files.path().join("mail")));
        let at = files.path().display().to_string();
        let user = |name: &str, quota: &str| {
            format!("{name}@example.org:{{PLAIN}}x:65534:65534::{at}/mail/{name}::{quota}\n")
        };
        fs::write(
            files.path().join("users"),
            user("ann", "") + &user("bob", "userdb_quota_rule=*:bytes=3000"),
        )
        .unwrap();
        fs::write(files.path().join("dovecot.conf"), settings(&at, address)).unwrap();
        let configuration = format!("{at}/dovecot.conf");
        let server = Server::start(files, address, "dovecot", &["-F", "-c", &configuration]);
        Self { address, server }
    }

    fn mailbox(&self, name: &str) -> std::path::PathBuf {
        self.server.folder().join("mail").join(name).join("Maildir")
    }
}

fn settings(at: &str, address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    format!(
        "protocols = lmtp\nlisten = {host}\nbase_dir = {at}/run\nstate_dir = {at}/run\nlog_path = /dev/stderr\n\
         ssl = yes\nssl_cert = <{at}/its.crt\nssl_key = <{at}/its.key\nmail_location = maildir:~/Maildir\n\
         first_valid_uid = 1\nhostname = store.example.org\n\
         passdb {{\n  driver = passwd-file\n  args = {at}/users\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = {at}/users\n}}\n\
         service lmtp {{\n  inet_listener lmtp {{\n    port = {port}\n  }}\n}}\n\
         protocol lmtp {{\n  mail_plugins = quota\n}}\n\
         plugin {{\n  quota = count:User quota\n  quota_vsizes = yes\n}}\n"
    )
}

fn front_end(dovecot: &Dovecot, authority: &Authority, listener: &str) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening_with(port, listener)
        .secret("ca", "Opaque", &[("ca.crt", &authority.pem())])
        .relayed("lmtp", dovecot.address, "caSecretRef: {name: ca}");
    FrontEnd::start(port, &manifests, &[])
}

/// More than `bob` has room for.
fn large() -> Vec<u8> {
    [MESSAGE.as_bytes(), &b"0123456789\r\n".repeat(400)].concat()
}

#[test]
fn each_recipient_hears_what_became_of_its_mailbox() {
    let authority = Authority::new();
    let dovecot = Dovecot::start(&authority);
    let front_end = front_end(&dovecot, &authority, "profile: LMTP");
    let mut client = Client::connect(front_end.smtp).unwrap();
    client.reply();
    client.expect("LHLO client.example", 250);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<ann@example.org>", 250);
    let refusal = client.expect("RCPT TO:<nobody@example.org>", 550);
    assert!(refusal.text().starts_with("5.1.1 <nobody@example.org> User doesn't exist"), "{refusal:?}");
    client.expect("RCPT TO:<bob@example.org>", 250);
    client.expect("DATA", 354);
    client.write(&stuffed(&large())).unwrap();
    let replies = [client.reply(), client.reply()];
    assert!(replies[0].code == 250 && replies[0].text().contains(" Saved ("), "{replies:?}");
    assert!(replies[1].code == 552 && replies[1].text().contains("Quota exceeded"), "{replies:?}");
    let delivered = only_message(&dovecot.mailbox("ann"));
    assert!(delivered.ends_with(&String::from_utf8(large()).unwrap()), "{delivered}");
    assert_eq!(delivered.matches("Return-Path: <a@client.example>").count(), 1, "{delivered}");
    assert!(messages(&dovecot.mailbox("bob")).is_empty());
    front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 1.0);
    front_end.wait_for_metric(&["mailchute_delivery_attempts_total", "\"lmtp\""], 1.0);
}

#[test]
fn over_smtp_each_recipient_has_its_own_transaction() {
    let authority = Authority::new();
    let dovecot = Dovecot::start(&authority);
    let front_end = front_end(&dovecot, &authority, "");
    let mut client = Client::greeted(front_end.smtp);
    for (name, code) in [("ann", 250), ("bob", 552)] {
        let reply = client.send("a@client.example", &[&format!("{name}@example.org")], &large());
        assert_eq!(reply.code, code, "{reply:?}\n{}", dovecot.server.log());
    }
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<ann@example.org>", 250);
    client.expect("RCPT TO:<bob@example.org>", 452);
    client.expect("RSET", 250);
    // A store that is full for one is not full for others.
    let reply = client.send("a@client.example", &["bob@example.org"], MESSAGE.as_bytes());
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(messages(&dovecot.mailbox("ann")).len(), 1);
    only_message(&dovecot.mailbox("bob"));
}
