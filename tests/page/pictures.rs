//! Light and dark, wide and narrow: readable, and looked at.

use std::path::PathBuf;

use super::browser::Browser;
use super::dev::{Dev, SENDER};
use crate::support::client::Client;

/// WCAG 2.2 §1.4.3: the contrast of text and what is behind it, of all text that is shown: what has too little.
const CONTRAST: &str = r"
const parse = (color) => {
  const canvas = parse.context ??= new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const luminance = ([r, g, b]) => {
  const linear = [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = parse(getComputedStyle(each).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255, 255];
};
const found = [];
for (const element of document.body.querySelectorAll('*')) {
  const has = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!has || !element.checkVisibility() || element.closest('.unseen, .skip')) continue;
  const [text, back] = [parse(getComputedStyle(element).color), behind(element)].map(luminance);
  const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
  if (contrast < 4.5) found.push(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
}
return found.join()";

const LETTER: &str = "Subject: =?utf-8?q?Your_order_is_on_its_way_=F0=9F=93=A6?=\r\nFrom: Shop <orders@shop.example>\r\n\
    To: you@example.org\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\nMessage-ID: <42@shop.example>\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\
    Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
    Hello,\r\n\r\nyour order 1234 left our house this morning. It should be with you on Wednesday.\r\n\r\n\
    > What about the blue one?\r\n\r\nIt is in the same parcel.\r\n\r\n-- \r\nThe shop\r\n--a\r\n\
    Content-Type: text/html; charset=utf-8\r\n\r\n<h1 style=\"color:#0a5\">On its way</h1><p>Your order <b>1234</b> \
    left our house this morning. <a href=\"https://shop.example/track\">Follow it</a>.</p><table border=1 cellpadding=6>\
    <tr><td>Blue one</td><td>1</td></tr><tr><td>Green one</td><td>2</td></tr></table><img src=\"https://shop.example/p.gif\">\
    \r\n--a--\r\n--m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"invoice 1234.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n--m\r\nContent-Type: text/calendar\r\n\
    Content-Disposition: attachment; filename*=UTF-8''Lieferung%20am%20Mittwoch.ics\r\n\r\nBEGIN:VCALENDAR\r\n--m--\r\n";

fn fill(dev: &Dev) -> String {
    for (subject, to) in [
        ("Weekly report", "reports@example.org"),
        (
            "A subject that goes on and on, because somebody put the whole of the message into it and did not stop",
            "b@example.org",
        ),
        ("Re: Lunch?", "c@example.org"),
        ("", "d@example.org"),
    ] {
        let message = format!("Subject: {subject}\r\n\r\nText.\r\n");
        dev.send_to(
            &[to, "second@example.org", "third@example.org", "fourth@example.org"],
            message.as_bytes(),
        );
    }
    let mut client = Client::greeted(dev.smtp);
    client.expect(&format!("MAIL FROM:<{SENDER}> SIZE=99999999"), 552);
    dev.send_to(&["you@example.org", "me@example.org"], LETTER.as_bytes())
}

/// Puts it where it can be looked at, if somebody wants to.
fn keep(name: &str, picture: &[u8]) {
    assert!(picture.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("MAILCHUTE_PICTURES").map(PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

#[test]
fn every_page_is_readable_in_light_and_dark_wide_and_narrow() {
    let (dev, browser) = (Dev::start(), Browser::start());
    browser.open(&dev.url("/"));
    keep("empty", &browser.picture());
    let id = fill(&dev);
    let views = ["text", "html", "headers", "attachments", "delivery", "transcript", "source"];
    let mut pages = vec![("list", "/".to_owned())];
    pages.extend(views.map(|view| (view, format!("/messages/{id}?view={view}"))));
    let refused = dev.list().iter().find(|each| each["outcome"] == "rejected").unwrap()["id"].clone();
    pages.push(("refused", format!("/messages/{}", refused.as_str().unwrap())));
    let mut backgrounds = std::collections::BTreeSet::new();
    for (scheme, width, height) in
        [("light", 1200, 1200), ("dark", 1200, 1200), ("light", 400, 900), ("dark", 400, 900)]
    {
        browser.prefer(scheme);
        browser.resize(width, height);
        for (name, path) in &pages {
            browser.open(&dev.url(path));
            browser.wait("!document.querySelector('#help').hidden");
            if *name == "list" {
                browser.wait("document.querySelector('#state').className === 'up'");
                browser.press("j");
            }
            assert_eq!(browser.value(CONTRAST), "", "{name} {scheme}");
            let wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
            assert!(browser.is(wide), "{name} at {width} is wider than the window");
            backgrounds.insert(browser.text("getComputedStyle(document.body).backgroundColor"));
            keep(&format!("{name}-{scheme}-{width}"), &browser.picture());
        }
        browser.press("?");
        browser.wait("document.querySelector('#keys').open");
        keep(&format!("keys-{scheme}-{width}"), &browser.picture());
    }
    assert_eq!(backgrounds.len(), 2, "{backgrounds:?}");
}
