//! Everything by keyboard alone.

use super::browser::{Browser, DOWN, ENTER, ESCAPE, TAB, UP};
use super::dev::Dev;

const FOCUSED: &str = "document.activeElement.closest('tr')?.querySelector('a').textContent";

/// The script has begun, and with it the keys.
const READY: &str = "!document.querySelector('#help').hidden";

fn shows(browser: &Browser, subject: &str) {
    browser.wait(&format!("document.querySelector('h2')?.textContent === '{subject}' && {READY}"));
}

fn dev() -> Dev {
    let dev = Dev::start();
    for subject in ["first", "second", "third"] {
        let html = "Content-Type: text/html\r\n\r\n<p>there</p>\r\n";
        dev.send(format!("Subject: {subject}\r\n{html}").as_bytes());
    }
    dev
}

#[test]
fn messages_are_found_read_and_left_by_keys() {
    let (dev, browser) = (dev(), Browser::start());
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    for (key, expected) in
        [("j", "third"), ("j", "second"), (DOWN, "first"), ("j", "first"), ("k", "second"), (UP, "third")]
    {
        browser.press(key);
        assert_eq!(browser.text(FOCUSED), expected, "{key}");
    }
    browser.press("j");
    browser.press(ENTER);
    shows(&browser, "second");
    for (key, view) in
        [("1", "text"), ("3", "headers"), ("5", "delivery"), ("6", "transcript"), ("7", "source")]
    {
        browser.press(key);
        browser.wait(&format!("document.querySelector('.panel')?.classList.contains('{view}') && {READY}"));
    }
    // The next one in the same view, and back to where one was.
    browser.press("j");
    shows(&browser, "first");
    browser.wait("document.querySelector('.panel.source')");
    browser.press("k");
    shows(&browser, "second");
    browser.press("u");
    browser.wait(&format!("document.querySelector('#rows') && {FOCUSED} === 'second'"));
}

#[test]
fn a_search_and_the_help_are_a_key_away() {
    let (dev, browser) = (dev(), Browser::start());
    browser.open(&dev.url("/"));
    browser.wait(READY);
    browser.press("?");
    browser.wait("document.querySelector('#keys').open");
    browser.press(ESCAPE);
    browser.wait("!document.querySelector('#keys').open");
    browser.press("/");
    browser.press("second");
    browser.press(ENTER);
    browser.wait(&format!("document.querySelectorAll('#rows tr').length === 1 && {READY}"));
    browser.press("j");
    browser.press(ENTER);
    shows(&browser, "second");
    browser.press(ESCAPE);
    browser.wait(&format!("location.search === '?q=second' && document.querySelector('#rows') && {READY}"));
    // What is written in the search is no key.
    browser.press("/");
    browser.press("u?j");
    assert!(browser.is("document.activeElement.value === 'u?j' && !document.querySelector('dialog[open]')"));
    browser.press(ESCAPE);
    assert!(browser.is("document.activeElement === document.body"));
}

#[test]
fn the_tabulator_reaches_everything_and_shows_where_it_is() {
    let (dev, browser) = (dev(), Browser::start());
    for path in ["/", &format!("/messages/{}?view=text", dev.list()[0]["id"].as_str().unwrap())] {
        browser.open(&dev.url(path));
        browser.wait(READY);
        let all = browser.value(
            "const all = [...document.querySelectorAll('a, button, input, [tabindex=\"0\"]')];
             const seen = all.filter((each) => each.checkVisibility());
             seen.forEach((each, index) => { each.dataset.at = index; });
             return seen.length",
        );
        let mut reached = std::collections::BTreeSet::new();
        for _ in 0..all.as_u64().unwrap() {
            browser.press(TAB);
            let at = browser.text("document.activeElement.dataset.at ?? 'nothing'");
            let outlined = "(() => { const style = getComputedStyle(document.activeElement); \
                            return style.outlineStyle !== 'none' || style.textDecorationLine !== 'none'; })()";
            assert!(browser.is(outlined), "{path}: nothing shows that {at} has the focus");
            reached.insert(at);
        }
        assert_eq!(reached.len() as u64, all.as_u64().unwrap(), "{path}: {reached:?}");
        assert!(!reached.contains("nothing"), "{path}");
    }
}

#[test]
fn who_does_not_see_it_is_told_what_is_what() {
    let (dev, browser) = (dev(), Browser::start());
    browser.open(&dev.url("/"));
    for landmark in
        ["header", "main", "[role=search]", "#state[role=status]", "#news[aria-live=polite]", "h1", "h2"]
    {
        assert!(browser.is(&format!("document.querySelector('{landmark}')")), "{landmark}");
    }
    // Each control has a name; each frame a title.
    browser.open(&dev.url(&format!("/messages/{}", dev.list()[0]["id"].as_str().unwrap())));
    let tree = browser.tell("Accessibility.getFullAXTree", &serde_json::json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let named = |role: &str| {
        let of_role = nodes.iter().filter(|node| node["role"]["value"] == role && node["ignored"] == false);
        of_role.map(|node| node["name"]["value"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for role in ["link", "button", "searchbox", "navigation", "Iframe"] {
        let names = named(role);
        assert!(!names.is_empty() && names.iter().all(|name| !name.is_empty()), "{role}: {names:?}");
    }
}
