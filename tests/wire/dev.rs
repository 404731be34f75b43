//! `mailchute dev`: one command, and any message can be sent and looked at.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::get::{get, is_ready};
use crate::support::manifests::free_port;
use crate::support::program::{Running, program};
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n.\r\nOne.\r\n";

/// Where it takes mail, has its page and its admin port; and how it is started so.
fn dev() -> ([SocketAddr; 3], Command) {
    let addresses = [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let mut command = program();
    command.arg("dev");
    for (option, address) in ["--smtp", "--page", "--admin"].into_iter().zip(addresses) {
        command.args([option, &address.to_string()]);
    }
    (addresses, command)
}

#[test]
fn a_message_to_anyone_is_listed_and_kept_as_it_was_sent() {
    let ([smtp, page, admin], mut command) = dev();
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&mut command, &folder.path().join("log"));
    running.wait_until(|| is_ready(admin));

    let mut client = Client::greeted(smtp);
    let recipients = ["anyone@any.example", "b@any.example", "c@any.example", "d@any.example"];
    let reply = client.send("a@client.example", &recipients, MESSAGE);
    assert_eq!(reply.code, 250);
    let (_, list) = get(page, "/api/v1/messages").unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["subject"], "Grüße");
    assert_eq!(list[0]["mailFrom"], "a@client.example");
    assert_eq!(list[0]["rcptTo"], serde_json::json!(recipients));
    let id = list[0]["id"].as_str().unwrap();
    assert!(reply.text().contains(id), "{reply:?} does not name {id}");
    let (status, raw) = get(page, &format!("/api/v1/messages/{id}/raw")).unwrap();
    assert_eq!(status, 200);
    assert!(raw.ends_with(MESSAGE), "{}", String::from_utf8_lossy(&raw));
    let (status, html) = get(page, "/").unwrap();
    assert_eq!(status, 200);
    assert!(String::from_utf8(html).unwrap().contains(" and 1 more"));

    for words in [smtp.to_string(), page.to_string(), "c@any.example and 1 more".to_owned()] {
        until_true(&format!("it says {words}"), || running.log().contains(&words));
    }
    running.terminate();
    assert_eq!(running.wait().code(), Some(0));
}

/// Of a pipe, by pipe(7).
const PIPE: usize = 64 * 1024;

#[test]
fn nobody_has_to_read_what_it_says() {
    let ([smtp, page, admin], mut command) = dev();
    let folder = tempfile::tempdir().unwrap();
    let (unread, written) = std::io::pipe().unwrap();
    let mut running = Running::start_into(&mut command, &folder.path().join("log"), written);
    running.wait_until(|| is_ready(admin));
    let subject = "x".repeat(900);
    let message = format!("Subject: {subject}\r\n\r\nText.\r\n");
    let mut client = Client::greeted(smtp);
    let messages = 2 * PIPE / subject.len();
    for _ in 0..messages {
        assert_eq!(client.send("a@client.example", &["b@any.example"], message.as_bytes()).code, 250);
    }
    let (_, list) = get(page, "/api/v1/messages?limit=1000").unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), messages);
    drop(client);
    running.terminate();
    assert_eq!(running.wait().code(), Some(0));
    drop(unread);
}

#[test]
fn an_address_of_the_built_in_listener_beside_ones_own_manifests_is_exit_code_64() {
    let run = program().args(["dev", "--manifests", ".", "--smtp", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(run.status.code(), Some(64));
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(text.contains("--smtp") && text.contains("--manifests"), "{text}");
}
