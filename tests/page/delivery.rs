//! Which way a message went and why, what was said on it, and by whom it was taken.

use super::browser::Browser;
use super::dev::{Dev, SENDER};
use crate::support::client::Client;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Subject: way\r\n\r\nText.\r\n";

#[test]
fn it_says_which_way_a_message_went_and_why() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let id = dev.send(MESSAGE);
    browser.open(&dev.url(&format!("/messages/{id}?view=delivery")));
    let panel = browser.text("document.querySelector('.panel').innerText");
    for expected in [
        "delivered",
        "250 2.0.0",
        "default/dev",
        "127.0.0.1:",
        "EHLO ",
        "anyone@example.org",
        "default/everything",
        "inbox",
        "default/inbox",
        "200",
        &format!("http://{}/inbound", dev.page),
        "dev.mailchute.message.received.v1",
    ] {
        assert!(panel.contains(expected), "{expected} is not in {panel}");
    }
    browser.press("6");
    browser.wait("document.querySelector('.lines')");
    let lines = browser.text("document.querySelector('.lines').innerText");
    let expected = [
        "220 ",
        "EHLO ",
        &format!("MAIL FROM:<{SENDER}>"),
        "RCPT TO:<anyone@example.org>",
        "DATA",
        "354",
        "250 2.0.0",
    ];
    let mut rest = lines.as_str();
    for words in expected {
        let at =
            rest.find(words).unwrap_or_else(|| panic!("{words} is not behind what is before it in {lines}"));
        rest = &rest[at..];
    }
    assert!(lines.contains(" ms"), "{lines}");
    let whole: serde_json::Value =
        serde_json::from_slice(&dev.get(&format!("/api/v1/messages/{id}"))).unwrap();
    assert_eq!(whole["outcome"], "delivered");
    assert_eq!(whole["account"]["gateway"], "default/dev");
    assert_eq!(whole["account"]["delivery"]["kind"], "http");
    assert!(whole["account"]["transcript"].as_array().unwrap().len() > 5, "{whole}");
}

#[test]
fn messages_that_go_elsewhere_are_shown_too() {
    let recorder = Recorder::start();
    let port = free_port();
    let dev = Dev::with(port, &Manifests::listening(port).all_to(recorder.address).yaml());
    let browser = Browser::start();
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    let id = dev.send(MESSAGE);
    browser.wait("document.querySelector('#rows a')?.textContent === 'way'");
    assert_eq!(recorder.received().len(), 1);
    assert_eq!(dev.get(&format!("/messages/{id}/raw")), recorder.received()[0].body);

    let mut client = Client::greeted(dev.smtp);
    client.expect(&format!("MAIL FROM:<{SENDER}>"), 250);
    let refused = client.try_say("RCPT TO:<nobody@elsewhere.example>").unwrap();
    assert!(refused.code >= 500, "{refused:?}");
    let badge = format!("document.querySelector('#rows .badge')?.textContent.includes('{}')", refused.code);
    browser.wait(&badge);
    browser.click("#rows .subject a");
    browser.wait("document.querySelector('.outcome')?.textContent.includes('at RCPT')");
    assert!(browser.is("document.querySelector('.panel').textContent.includes('nobody@elsewhere.example')"));
    until_true("the terminal says so as well", || {
        dev.log()
            .lines()
            .any(|line| line.contains("nobody@elsewhere.example") && line.contains(&refused.code.to_string()))
    });
}

#[test]
fn a_message_that_nobody_took_is_shown_with_what_its_backend_said() {
    let recorder = Recorder::deciding(|_| 503);
    let port = free_port();
    let dev = Dev::with(port, &Manifests::listening(port).all_to(recorder.address).yaml());
    let browser = Browser::start();
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    let reply = Client::greeted(dev.smtp).send(SENDER, &["a@example.org"], MESSAGE);
    assert_eq!(reply.code, 451, "{reply:?}");
    browser.wait("document.querySelector('#rows .badge')?.textContent === 'deferred 451'");
    browser.click("#rows .subject a");
    browser.wait("document.querySelector('.prose')?.textContent.startsWith('Text.')");
    browser.click(".tabs a[href$='view=delivery']");
    browser.wait("document.querySelector('.attempts')?.innerText.includes('503')");
    assert!(browser.is("document.querySelector('.reply').textContent.startsWith('451 ')"));
}
