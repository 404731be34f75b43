//! 10,000 messages: the page stays as it is with ten.

use std::time::{Duration, Instant};

use super::browser::{Browser, ENTER};
use super::dev::{Dev, SENDER};
use crate::support::client::Client;

const MESSAGES: usize = 10_000;
const CLIENTS: usize = 4;
/// Rows on a page.
const PAGE: usize = 100;
/// What the inbox holds at most, MiB. Ten thousand small messages are much less.
const BOUND: usize = 256;
/// So long nothing may take on a machine that is busy. It is much more than it should.
const GENEROUS: Duration = Duration::from_secs(10);

fn message(number: usize) -> Vec<u8> {
    format!("Subject: number {number} of many\r\n\r\nText of message {number}.\r\n").into_bytes()
}

/// Says how long something took.
fn measured<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = act();
    let took = started.elapsed();
    println!("{what}: {took:.1?}");
    assert!(took < GENEROUS, "{what} took {took:?}");
    done
}

/// Has them sent by several clients at once.
fn fill(dev: &Dev) {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for first in 0..CLIENTS {
            scope.spawn(move || {
                let mut client = Client::greeted(dev.smtp);
                for number in (first..MESSAGES).step_by(CLIENTS) {
                    let reply = client.send(SENDER, &["many@example.org"], &message(number));
                    assert_eq!(reply.code, 250, "{reply:?}");
                }
            });
        }
    });
    println!("{MESSAGES} messages: {:.1?}", started.elapsed());
}

#[test]
fn ten_thousand_messages_stay_quick() {
    let dev = Dev::start();
    let before = dev.memory();
    fill(&dev);
    let held = dev.memory() - before;
    println!("memory: {before} MiB before, {held} MiB more with them");
    assert!(held < BOUND, "{held} MiB");
    let browser = Browser::start();
    let rows = format!("document.querySelectorAll('#rows tr').length === {PAGE}");
    measured("the list", || {
        browser.open(&dev.url("/"));
        browser.wait(&rows);
    });
    assert_eq!(browser.text("document.querySelector('#count').textContent"), MESSAGES.to_string());
    let parts = "performance.getEntriesByType('navigation').map((each) => \
                 `answer ${Math.round(each.responseEnd)} ms, loaded ${Math.round(each.loadEventEnd)} ms`)[0]";
    println!("as the browser sees it: {}", browser.text(parts));
    browser.wait("document.querySelector('#state').className === 'up'");
    measured("a message that comes", || {
        dev.send(b"Subject: the newest\r\n\r\nx\r\n");
        browser.wait("document.querySelector('#rows a').textContent === 'the newest'");
    });
    assert!(browser.is(&rows), "the oldest row has gone");
    measured("a hundred older ones", || {
        browser.click(".older a");
        browser.wait(&format!("{rows} && location.search.startsWith('?before=')"));
    });
    browser.wait("!document.querySelector('#help').hidden");
    measured("a search for one", || {
        browser.press("/");
        browser.press("4711 MANY");
        browser.press(ENTER);
        browser.wait("document.querySelectorAll('#rows tr').length === 1 && location.search.includes('q=')");
    });
    assert_eq!(browser.text("document.querySelector('#rows a').textContent"), "number 4711 of many");
    measured("the message", || {
        browser.click("#rows a");
        browser.wait("document.querySelector('.prose')?.textContent.startsWith('Text of message 4711.')");
    });
    storm(&dev, &browser);
    assert!(browser.is(&rows));
    measured("clearing", || {
        browser.click("#clear");
        browser.click("#clearing .grave");
        browser.wait("document.querySelector('.empty')");
    });
}

/// All of it passes through a page that is open, which keeps up.
fn storm(dev: &Dev, browser: &Browser) {
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    browser.value(
        "window.longest = 0; let last = performance.now(); const frame = (now) => { \
         window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(frame); }; \
         requestAnimationFrame(frame)",
    );
    let mut client = Client::greeted(dev.smtp);
    for number in MESSAGES..MESSAGES + 1_000 {
        client.send(SENDER, &["storm@example.org"], &message(number));
    }
    let sent = Instant::now();
    browser.wait("document.querySelector('#rows a').textContent === 'number 10999 of many'");
    println!("the last of a thousand shows after {:.1?}", sent.elapsed());
    println!("its longest frame: {} ms", browser.text("Math.round(window.longest)"));
}
