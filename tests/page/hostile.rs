//! Mail that wants something of its reader: to run, to load, to lead away, to be taken for the page.

use super::browser::Browser;
use super::canary::Canary;
use super::dev::Dev;
use crate::support::client::Client;

/// What each would load if it could; `CANARY` is where.
const LOADS: &str = r#"
<script>document.title = 'pwned'; top.document.title = 'pwned'; alert(1); fetch('http://CANARY/fetch')</script>
<script src="http://CANARY/script"></script>
<img src="http://CANARY/img" onerror="document.title = 'pwned'; new Image().src = 'http://CANARY/onerror'">
<img srcset="http://CANARY/srcset 1x"><picture><source srcset="http://CANARY/source"><img></picture>
<iframe src="http://CANARY/iframe"></iframe><iframe srcdoc="<img src='http://CANARY/srcdoc'>"></iframe>
<object data="http://CANARY/object"></object><embed src="http://CANARY/embed">
<link rel="stylesheet" href="http://CANARY/stylesheet"><link rel="preload" as="image" href="http://CANARY/preload">
<link rel="preconnect" href="http://CANARY"><link rel="dns-prefetch" href="http://CANARY">
<link rel="prefetch" href="http://CANARY/prefetch"><link rel="icon" href="http://CANARY/icon">
<LINK REL="modulepreload" HREF="http://CANARY/modulepreload"><link/rel="manifest"/href="http://CANARY/manifest">
<style>@import url('http://CANARY/import'); body { background: url('http://CANARY/background') }
@font-face { font-family: x; src: url('http://CANARY/font') } p { font-family: x }</style>
<p style="background-image: image-set('http://CANARY/image-set' 1x); cursor: url('http://CANARY/cursor'), auto">text</p>
<table background="http://CANARY/table"><tr><td>x</td></tr></table>
<video src="http://CANARY/video" poster="http://CANARY/poster" autoplay></video><audio src="http://CANARY/audio" autoplay></audio>
<input type="image" src="http://CANARY/input" autofocus onfocus="document.title = 'pwned'">
<svg><image href="http://CANARY/svg-image"/><script>document.title = 'pwned'</script>
<use href="http://CANARY/use#x"/><animate onbegin="document.title = 'pwned'" attributeName="x"/></svg>
<details open ontoggle="document.title = 'pwned'"><summary>x</summary></details>
<base href="http://CANARY/base/"><img src="relative">
<form action="http://CANARY/form" method="post"><button id="post" autofocus>Go</button></form>
<a id="script" href="javascript:top.document.title = 'pwned'">script</a>
<a id="data" href="data:text/html,<script>document.title = 'pwned'</script>" target="_top">data</a>
<a id="away" href="http://CANARY/away" target="_top" ping="http://CANARY/ping">away</a>
"#;

/// What a page without any protection loads of it, at least.
const LOADED: &[&str] = &[
    "/fetch",
    "/script",
    "/img",
    "/onerror",
    "/srcset",
    "/source",
    "/iframe",
    "/srcdoc",
    "/object",
    "/embed",
    "/stylesheet",
    "/preload",
    "/import",
    "/font",
    "/image-set",
    "/table",
    "/poster",
    "/input",
    "/svg-image",
];

const REFRESH: &str = r#"<meta http-equiv="refresh" content="0;url=http://CANARY/refresh"><p>Wait</p>"#;

fn html(body: &str, canary: &Canary) -> String {
    body.replace("CANARY", &canary.address.to_string()).replace('\n', "\r\n")
}

/// Opens the HTML of a message, in its frame and by itself.
fn look(dev: &Dev, browser: &Browser, html: &str) {
    let message = format!("Subject: hostile\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n");
    let id = dev.send(message.as_bytes());
    browser.open(&dev.url(&format!("/messages/{id}?view=html")));
    let frame = format!(
        "performance.getEntriesByType('resource').some((each) => each.name.endsWith('/messages/{id}/html') && each.responseEnd > 0)"
    );
    browser.wait(&frame);
    assert_eq!(browser.text("document.title"), "hostile · Mailchute");
    assert!(browser.is("document.querySelector('iframe') && frames.length === 1"));
    assert!(!browser.has_dialog());
    browser.open(&dev.url(&format!("/messages/{id}/html")));
    assert!(!browser.has_dialog());
    assert_ne!(browser.text("document.title"), "pwned");
    assert!(browser.is("location.pathname.endsWith('/html')"), "it has led away");
}

#[test]
fn html_can_neither_run_nor_load_anything() {
    let (dev, browser) = (Dev::start(), Browser::start());
    let (canary, control) = (Canary::start(), Canary::start());
    look(&dev, &browser, &html(LOADS, &canary));
    look(&dev, &browser, &html(REFRESH, &canary));
    // The same without protection does all of it, in the same browser: so nothing is still to come.
    let unprotected = html(LOADS, &control).replace("alert(1);", "");
    browser.open(&control.serve(&unprotected));
    control.wait_for(LOADED);
    assert!(browser.is("document.title === 'pwned'"));
    browser.open(&control.serve(&html(REFRESH, &control)));
    control.wait_for(&["/refresh"]);
    let heard = canary.heard();
    assert_eq!(heard.connections, 0, "{heard:?}");
}

#[test]
fn links_and_forms_lead_nowhere() {
    let (dev, browser, canary) = (Dev::start(), Browser::start(), Canary::start());
    let page = r#"<style>a, button { position: fixed; inset: 0; font-size: 40px }</style>"#;
    let away = "http://CANARY/away";
    let svg = |link: &str| {
        let style = "position: fixed; inset: 0; width: 100%; height: 100%";
        format!("<svg style=\"{style}\">{link}<rect width=\"100%\" height=\"100%\"/></a></svg>")
    };
    for inside in [
        format!("<a href=\"{away}\">x</a>"),
        format!("<a href=\"{away}\" target=_top>x</a>"),
        format!("<a href=\"{away}\" target=_self>x</a>"),
        format!("<a href=\"{away}\" target=_parent>x</a>"),
        "<a href=\"javascript:top.location = 'http://CANARY/away'\" target=_self>x</a>".to_owned(),
        format!("<a href=\"data:text/html,<img src='{away}'>\" target=_self>x</a>"),
        svg(&format!("<a><set attributeName=href to=\"{away}\" />")),
        svg(&format!("<a><animate attributeName=\"xlink:href\" values=\"{away};{away}\" dur=9s />")),
        format!("<form action=\"{away}\" target=_top><button>x</button></form>"),
        format!("<form action=\"{away}\" method=post target=_self><button>x</button></form>"),
    ] {
        let html = html(&format!("{page}{inside}"), &canary);
        let message = format!("Subject: links\r\nContent-Type: text/html\r\n\r\n{html}\r\n");
        let id = dev.send(message.as_bytes());
        browser.open(&dev.url(&format!("/messages/{id}?view=html")));
        browser.wait("performance.getEntriesByType('resource').some((each) => each.name.endsWith('/html') && each.responseEnd > 0)");
        // In the middle of the frame, where the link is.
        browser.click("iframe");
        assert_eq!(browser.text("document.title"), "links · Mailchute", "{inside}");
        assert!(browser.is(&format!("location.href.startsWith('{}')", dev.url("/messages/"))), "{inside}");
    }
    // Where nothing keeps it from that, the same click leads away, in the same browser.
    for inside in
        [format!("<a href='{away}'>x</a>"), svg(&format!("<a><set attributeName=href to=\"{away}\" />"))]
    {
        let control = Canary::start();
        browser.open(&control.serve(&html(&format!("{page}{inside}"), &control)));
        browser.click("a");
        control.wait_for(&["/away"]);
    }
    assert_eq!(canary.heard().connections, 0, "{:?}", canary.heard());
}

#[test]
fn nothing_else_that_a_sender_writes_is_markup() {
    let (dev, browser, canary) = (Dev::start(), Browser::start(), Canary::start());
    let evil = html(
        "<img src=http://CANARY/x onerror=\"document.title='pwned'\">'\"</title><script>document.title='pwned'</script>",
        &canary,
    );
    let message = format!(
        "Subject: {evil}\r\nFrom: {evil}\r\nX-{}: {evil}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{evil}\r\n--b\r\n\
         Content-Type: text/<script>; x=y\r\nContent-Disposition: attachment; filename*=UTF-8''{}\r\n\r\nx\r\n--b--\r\n",
        "<b>odd</b>",
        evil.bytes().map(|octet| format!("%{octet:02X}")).collect::<String>(),
    );
    let mut client = Client::connect(dev.smtp).unwrap();
    client.reply();
    client.expect("EHLO <script>document.title='pwned'</script>", 250);
    let to = "\"<script>document.title='pwned'</script>\"@example.org";
    let reply =
        client.send("\"<img/src=x/onerror=document.title=1>\"@example.net", &[to], message.as_bytes());
    assert_eq!(reply.code, 250, "{reply:?}");
    let id = dev.list()[0]["id"].as_str().unwrap().to_owned();
    let only = "document.querySelectorAll('script').length === 1 && document.querySelectorAll('img').length === 1 \
                && document.querySelectorAll('main b b, main script, main img').length === 0";
    for path in ["/".to_owned(), format!("/?q={}", "%3Cscript%3E"), format!("/messages/{id}")] {
        browser.open(&dev.url(&path));
        assert!(browser.is(only), "{path}");
    }
    for view in ["text", "headers", "attachments", "delivery", "transcript", "source"] {
        browser.open(&dev.url(&format!("/messages/{id}?view={view}")));
        assert!(browser.is(only), "{view}");
        assert!(browser.text("document.title").ends_with(" · Mailchute"), "{view}");
        assert!(!browser.has_dialog());
    }
    assert!(browser.is("document.querySelector('h2').textContent.includes('</title><script>')"));
    // The same, come to a page that is open.
    browser.open(&dev.url("/"));
    browser.wait("document.querySelector('#state').className === 'up'");
    dev.send_to(&[to], message.as_bytes());
    browser.wait("document.querySelectorAll('#rows tr').length === 2");
    assert!(browser.is(only));
    assert_eq!(browser.text("document.title"), "Inbox · Mailchute");
    assert_eq!(canary.heard().connections, 0);
}
