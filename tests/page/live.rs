//! What comes shows at once, and nothing that the reader has is lost by it.

use super::browser::Browser;
use super::dev::{Dev, SENDER};
use crate::support::client::Client;
use crate::support::until::until_true;

fn message(subject: &str) -> Vec<u8> {
    format!("Subject: {subject}\r\n\r\nText.\r\n").into_bytes()
}

#[test]
fn a_message_appears_in_a_page_that_is_open() {
    let (dev, browser) = (Dev::start(), Browser::start());
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    browser.value("window.same = true");
    // The list begins with the first, without a load.
    dev.send(&message("=?utf-8?q?Gr=C3=BC=C3=9Fe?="));
    browser.wait("document.querySelector('#rows .subject a')?.textContent === 'Grüße'");
    assert_eq!(browser.text("document.querySelector('h2').textContent"), "1 message");
    browser.value("document.querySelector('#rows a').focus(); window.row = document.activeElement");
    for number in 0..30 {
        dev.send(&message(&format!("number {number}")));
    }
    browser.wait("document.querySelectorAll('#rows tr').length === 31");
    assert_eq!(browser.text("document.querySelector('#rows .subject a').textContent"), "number 29");
    assert_eq!(browser.text("document.querySelector('h2').textContent"), "31 messages");
    assert!(browser.is("window.same && document.activeElement === window.row"), "focus is where it was");
    browser.wait("document.querySelector('#news').textContent.length > 0");

    // Whoever reads further down stays there.
    browser.value("window.row.scrollIntoView(); getSelection().selectAllChildren(window.row)");
    let top = "Math.round(window.row.getBoundingClientRect().top)";
    let before = browser.text(top);
    dev.send(&message("one more"));
    browser.wait("document.querySelectorAll('#rows tr').length === 32");
    // Windows scroll by whole pixels.
    let moved = format!("Math.abs({top} - {before})");
    until_true("the row is where it was", || browser.is(&format!("{moved} <= 1")));
    assert_eq!(browser.text("String(getSelection())"), "Grüße");
}

#[test]
fn the_next_message_can_be_had_from_the_one_that_was_the_newest() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let first = dev.send(&message("first"));
    browser.open(&dev.url(&format!("/messages/{first}?view=source")));
    browser.wait("document.querySelector('#state').className === 'up'");
    assert!(!browser.is("document.querySelector('a[rel=prev]')"));
    dev.send(&message("second"));
    dev.send(&message("third"));
    browser.wait("document.querySelector('a[rel=prev]')");
    browser.press("k");
    browser
        .wait("document.querySelector('h2')?.textContent === 'second' && document.querySelector('.source')");
}

#[test]
fn what_comes_while_nobody_looks_is_there_after() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let first = dev.send(&message("first"));
    browser.open(&dev.url(&format!("/messages/{first}")));
    browser.wait("document.querySelector('#state').className === 'up'");
    let look = |hidden: bool| {
        browser.value(&format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        ));
    };
    look(true);
    browser.wait("document.querySelector('#state').textContent === 'paused'");
    dev.send(&message("second"));
    look(false);
    browser.wait("document.querySelector('a[rel=prev]')");
}

/// Holds the next answer that the page asks for, after it has come, until `release()`.
const HOLD: &str = "window.asked = 0; const ask = window.fetch; window.fetch = async (...what) => { \
                    const answer = await ask(...what); window.asked += 1; \
                    if (window.asked === 1) await new Promise((done) => { window.release = done; }); return answer; }";

/// From now on counts the messages of which all is told.
fn hear(browser: &Browser) {
    browser.value(
        "window.heard = 0; window.ear = new EventSource('/api/v1/events'); window.ear.onmessage = ({ data }) => { \
         window.heard += Number(JSON.parse(data).message.outcome !== null); }",
    );
    browser.wait("window.ear.readyState === EventSource.OPEN");
}

#[test]
fn what_comes_while_the_list_is_fetched_anew_is_there_after() {
    let (mut dev, browser) = (Dev::start(), Browser::start());
    dev.send(&message("before"));
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    browser.value(HOLD);
    dev.kill();
    dev.restart();
    // The list without it is on its way.
    browser.wait("window.release");
    hear(&browser);
    dev.send(&message("meanwhile"));
    browser.wait("window.heard > 0");
    // It would be in the list by now, did the list not wait.
    browser.value(
        "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))",
    );
    browser.value("window.release()");
    browser.wait("document.querySelector('#rows a')?.textContent === 'meanwhile'");
    assert!(browser.is("document.querySelectorAll('#rows tr').length === 1"));
}

#[test]
fn a_message_that_has_gone_stays_and_is_asked_for_once() {
    let (mut dev, browser) = (Dev::start(), Browser::start());
    let id = dev.send(&message("read"));
    browser.open(&dev.url(&format!("/messages/{id}")));
    browser.wait("document.querySelector('#state').className === 'up'");
    browser.value(HOLD);
    // Whatever is to be done later is done at once.
    browser.value("const later = setTimeout; window.setTimeout = (act) => later(act, 0)");
    dev.kill();
    dev.restart();
    browser.wait("window.release");
    browser.value("window.release()");
    hear(&browser);
    for number in 1..=5 {
        dev.send(&message("other"));
        browser.wait(&format!("window.heard >= {number}"));
    }
    assert_eq!(browser.text("window.asked"), "1");
    assert_eq!(browser.text("document.querySelector('h2').textContent"), "read");
}

#[test]
fn a_message_that_comes_once_more_leaves_the_focus_where_it_is() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let id = dev.send(&message("first"));
    browser.open(&dev.url(&format!("/messages/{id}")));
    browser.wait("document.querySelector('#state').className === 'up'");
    browser.value(&format!(
        "document.querySelector('.tabs a[href$=\"view=headers\"]').focus(); \
         fetch('/inbound', {{ method: 'POST', body: 'Subject: again\\r\\n\\r\\n', headers: {{ \
         'content-type': 'message/rfc822', 'ce-specversion': '1.0', 'ce-type': 't', 'ce-source': '/s', \
         'ce-id': '{id}' }} }})"
    ));
    browser.wait("document.querySelector('h2').textContent.includes('posted 2 times')");
    assert!(browser.is("document.activeElement.textContent.startsWith('Headers')"));
}

#[test]
fn what_was_refused_is_listed_with_its_reason() {
    let (dev, browser) = (Dev::start(), Browser::start());
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    let mut client = Client::greeted(dev.smtp);
    client.expect(&format!("MAIL FROM:<{SENDER}> SIZE=99999999"), 552);
    browser.wait("document.querySelector('#rows .badge')?.textContent === 'rejected 552'");
    browser.click("#rows .subject a");
    browser.wait("document.querySelector('.panel .reply')?.textContent.startsWith('552 5.3.4')");
    assert!(browser.is("document.querySelector('.outcome').textContent.includes('rejected at MAIL')"));
    assert!(!browser.is("document.querySelector('a[rel=enclosure]')"), "there is nothing to download");
    browser.press("6");
    browser.wait("document.querySelector('.lines')?.textContent.includes('SIZE=99999999')");
    dev.send(&message("taken"));
    browser.open(&dev.url("/?q=rejected"));
    assert!(browser.is("document.querySelectorAll('#rows tr').length === 1"));
}

#[test]
fn it_says_when_mailchute_has_gone_and_goes_on_with_the_next() {
    let (mut dev, browser) = (Dev::start(), Browser::start());
    dev.send(&message("before"));
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').textContent === 'live'");
    dev.kill();
    browser.wait("document.querySelector('#state').textContent === 'Mailchute is not running'");
    assert!(browser.is("document.querySelector('#rows a').textContent === 'before'"), "it can still be read");
    dev.restart();
    browser.wait("document.querySelector('#state').textContent === 'live'");
    browser.wait("!document.querySelector('#rows')");
    dev.send(&message("after"));
    browser.wait("document.querySelector('#rows a')?.textContent === 'after'");
}

#[test]
fn a_search_lives_too_and_all_can_be_cleared() {
    let (dev, browser) = (Dev::start(), Browser::start());
    dev.send(&message("apples"));
    dev.send(&message("pears"));
    browser.open(&dev.url("/?q=APPLES"));
    browser.wait("document.querySelector('#state').className === 'up'");
    let rows = "[...document.querySelectorAll('#rows a')].map((row) => row.textContent).join()";
    assert_eq!(browser.text(rows), "apples");
    dev.send(&message("more pears"));
    dev.send(&message("more apples"));
    browser.wait(&format!("{rows} === 'more apples,apples'"));
    assert_eq!(browser.text("document.querySelector('#count').textContent"), "4");
    browser.click("#clear");
    browser.click("#clearing .grave");
    browser.wait("document.querySelector('.empty')");
    assert!(dev.list().is_empty());
}

#[test]
fn all_of_it_can_be_read_without_scripts() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let id = dev.send(&message("plain"));
    browser.disable_scripts(true);
    browser.open(&dev.url("/?q=plain"));
    browser.click("#rows .subject a");
    for view in ["html", "headers", "attachments", "delivery", "transcript", "source", "text"] {
        browser.click(&format!(".tabs a[href$='view={view}']"));
        browser.click(&format!(".tabs a[href='/messages/{id}?view={view}'][aria-current=page]"));
    }
    browser.click("a[rel=up]");
    browser.click(&format!("tr[id='m-{id}']:target a"));
}
