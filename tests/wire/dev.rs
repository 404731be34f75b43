//! `mailchute dev`: one command, and any message can be sent and looked at.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::get::{get, is_ready};
use crate::support::manifests::free_port;
use crate::support::program::{Running, program};
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\nDate: Mon, 23 Nov 2026 11:49:04 +0000\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n.\r\nOne.\r\n";

#[test]
fn a_message_to_anyone_is_listed_and_kept_as_it_was_sent() {
    let [smtp, page, admin] = [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.arg("dev");
    for (option, address) in [("--smtp", smtp), ("--page", page), ("--admin", admin)] {
        command.args([option, &address.to_string()]);
    }
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

#[test]
fn an_address_of_the_built_in_listener_beside_ones_own_manifests_is_exit_code_64() {
    let run = program().args(["dev", "--manifests", ".", "--smtp", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(run.status.code(), Some(64));
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(text.contains("--smtp") && text.contains("--manifests"), "{text}");
}
