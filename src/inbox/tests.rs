//! The inbox and its page over real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(10);
const MAIL: &[u8] = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.net>\r\n\
    Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n =?utf-8?q?_<script>alert(1)</script>?=\r\n\
    X-Odd: a\xff\r\n\r\nHello\x00 <b>\r\n.\r\nbare\nend";

struct Running {
    address: SocketAddr,
    inbox: Inbox,
}

struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

impl Running {
    async fn start() -> Self {
        Self::with(|options| options).await
    }

    async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, change).await
    }

    async fn at(bound: Ipv4Addr, change: impl FnOnce(Options) -> Options) -> Self {
        let listener = TcpListener::bind((bound, 0)).await.unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
        let inbox = Inbox::new(&change(Options::new("127.0.0.1:2525".parse().unwrap())));
        tokio::spawn(inbox.clone().serve(listener, std::future::pending()));
        Self { address, inbox }
    }

    async fn send(&self, head: &str, body: &[u8]) -> Heard {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut heard = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut heard)).await.expect("an answer in time").unwrap();
        let end = heard.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(heard[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Heard { status, head, body: heard[end + 4..].to_vec() }
    }

    async fn get(&self, path: &str) -> Heard {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address), b"").await
    }

    async fn post(&self, headers: &str, body: &[u8]) -> Heard {
        let head = format!("POST {INBOUND} HTTP/1.1\r\nHost: {}\r\n{headers}", self.address);
        self.send(&head, body).await
    }
}

fn event(id: &str) -> String {
    format!(
        "Content-Type: message/rfc822\r\nce-specversion: 1.0\r\nce-type: dev.mailchute.message.received.v1\r\n\
         ce-source: /mailchute/dev/dev/smtp\r\nce-id: {id}\r\nce-time: 2026-11-23T11:49:04.120Z\r\n\
         ce-mailfrom: <>\r\nce-rcptto: %2522a%252Cb%2522@example.org,c@example.org\r\n\
         ce-helo: a%20%22b%22\r\nce-dedupekey: mc1-{id}\r\nce-route: dev/inbox\r\n\
         Authorization: Bearer s3cret\r\ntraceparent: 00-1-2-00\r\n"
    )
}

#[tokio::test]
async fn a_posted_message_is_listed_shown_and_given_back_byte_exact() {
    let running = Running::start().await;
    let mut arrivals = running.inbox.arrivals();
    let taken = running.post(&event("one"), MAIL).await;
    assert_eq!((taken.status, taken.json()), (200, json!({"id": "one"})), "{}", taken.head);
    assert_eq!(&*arrivals.try_recv().unwrap().id, "one");

    let list = running.get("/api/v1/messages").await.json();
    let expected = json!([{
        "id": "one", "time": "2026-11-23T11:49:04.120Z", "mailFrom": "<>",
        "rcptTo": ["\"a,b\"@example.org", "c@example.org"], "subject": "Grüße <script>alert(1)</script>",
        "size": MAIL.len(), "route": "dev/inbox", "repeat": false, "deliveries": 1, "place": 1,
        "outcome": null, "code": null,
    }]);
    assert_eq!(list, expected);

    let raw = running.get("/api/v1/messages/one/raw").await;
    assert_eq!(raw.body, MAIL);
    assert!(raw.head.contains("content-type: message/rfc822\r\n"), "{}", raw.head);

    let whole = running.get("/api/v1/messages/one").await.json();
    assert_eq!(whole["event"]["helo"], "a \"b\"");
    assert_eq!(whole["event"]["source"], "/mailchute/dev/dev/smtp");
    assert_eq!(whole["fields"][2], json!({"name": "X-Odd", "value": "a\u{fffd}"}));
    assert!(whole["text"].as_str().unwrap().starts_with("Hello\0 <b>\r\n"), "{whole}");
    let traceparent = json!({"name": "traceparent", "value": "00-1-2-00"});
    assert!(whole["request"].as_array().unwrap().contains(&traceparent), "{whole}");
    assert!(!whole.to_string().contains("s3cret"), "{whole}");
}

#[tokio::test]
async fn the_list_is_newest_first_and_limited() {
    let running = Running::with(|options| Options { max_messages: 3, ..options }).await;
    for id in ["a", "b", "c", "d"] {
        assert_eq!(running.post(&event(id), MAIL).await.status, 200);
    }
    let ids = |list: Value| -> Vec<String> {
        let ids = list.as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(ids(running.get("/api/v1/messages").await.json()), ["d", "c", "b"]);
    assert_eq!(ids(running.get("/api/v1/messages?limit=1").await.json()), ["d"]);
    assert_eq!(running.get("/api/v1/messages?limit=x").await.status, 400);
    assert_eq!(running.get("/api/v1/messages/a").await.status, 404);
}

#[tokio::test]
async fn a_message_over_the_bound_is_not_taken() {
    let running = Running::with(|options| Options { max_bytes: 1_000, ..options }).await;
    assert_eq!(running.post(&event("large"), &[b'x'; 1_001]).await.status, 413);
    assert_eq!(running.get("/api/v1/messages").await.json(), json!([]));
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let running = Running::start().await;
    let without_id = event("x").replace("ce-id: x\r\n", "");
    let structured = event("x").replace("message/rfc822", "application/cloudevents+json");
    for (headers, status, word) in [
        (without_id, 400, "ce-id"),
        (event("../x"), 400, "ce-id"),
        (event("x").replace("version: 1.0", "version: 0.3"), 400, "ce-specversion"),
        (structured, 415, "message/rfc822"),
    ] {
        let answer = running.post(&headers, MAIL).await;
        assert_eq!(answer.status, status, "{headers}");
        assert!(answer.json()["error"].as_str().unwrap().contains(word), "{headers}");
    }
    assert_eq!(running.get("/api/v1/messages").await.json(), json!([]));
}

#[tokio::test]
async fn nothing_a_sender_wrote_is_markup() {
    let running = Running::start().await;
    let hostile = event("one").replace("a%20%22b%22", "%3Cimg%20src=x%20onerror=alert(1)%3E");
    running.post(&hostile, MAIL).await;
    for path in ["/", "/messages/one"] {
        let page = running.get(path).await;
        assert_eq!(page.status, 200);
        let html = page.text();
        assert!(html.contains("Grüße &lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
        assert_eq!(html.matches("<script").count(), 1, "only the page's own: {html}");
        assert!(!html.contains("<img src=x") && !html.contains("Hello\0"), "{html}");
    }
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let running = Running::start().await;
    running.post(&event("one"), MAIL).await;
    for path in ["/", "/messages/one", "/messages/none", "/live.js", "/api/v1/messages/one/raw", "/nowhere"] {
        let head = running.get(path).await.head;
        for expected in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(expected), "{path}: {expected} in {head}");
        }
        assert!(!head.contains("access-control-allow"), "{path}: {head}");
    }
}

#[tokio::test]
async fn the_page_brings_all_it_needs() {
    let running = Running::start().await;
    let html = running.get("/").await.text();
    assert!(html.contains("swaks --server 127.0.0.1:2525 ") && html.contains("curl smtp://127.0.0.1:2525 "));
    assert!(!html.contains("style=") && !html.contains("http://") && !html.contains("https://"), "{html}");
    let scripts = running.get("/inbox.js").await.text();
    for name in ["inbox.css", "message.css", "inbox.js", "favicon.svg", "live.js", "keys.js"] {
        let named = html.contains(&format!("\"/{name}\"")) || scripts.contains(&format!("'./{name}'"));
        assert!(named, "{name}");
        assert_eq!(running.get(&format!("/{name}")).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn foreign_host_names_are_turned_away() {
    let running = Running::start().await;
    running.post(&event("one"), MAIL).await;
    let port = running.address.port();
    for (host, status) in [
        (format!("localhost:{port}"), 200),
        (format!("LocalHost:{port}"), 200),
        (format!("mailchute.localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("127.0.0.1".to_owned(), 200),
        (format!("evil.example:{port}"), 421),
        (format!("localhost.evil.example:{port}"), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        (format!("192.0.2.1:{port}"), 421),
        (format!("inbox.support.svc:{port}"), 421),
        (format!("localhost:{port}\r\nHost: evil.example"), 421),
        ("evil.example@localhost".to_owned(), 421),
        (String::new(), 421),
    ] {
        let head = format!("GET /api/v1/messages HTTP/1.1\r\nHost: {host}\r\n");
        let answer = running.send(&head, b"").await;
        assert_eq!(answer.status, status, "{host}: {}", answer.head);
        assert_eq!(answer.text().contains("\"id\""), status == 200, "{host}");
    }
    let absolute = "GET http://evil.example/api/v1/messages HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(running.send(absolute, b"").await.status, 421);
}

#[tokio::test]
async fn where_every_address_is_bound_it_answers_as_a_service() {
    let running = Running::at(Ipv4Addr::UNSPECIFIED, |options| options).await;
    for (host, status) in [
        ("inbox.support.svc:8025", 200),
        ("inbox.support.svc", 200),
        ("Inbox.Support.svc.cluster.local:8025", 200),
        ("192.0.2.1:8025", 200),
        ("svc", 421),
        ("evilsvc", 421),
        ("inbox.support.svc.evil.example", 421),
        ("cluster.local", 421),
    ] {
        let head = format!("POST {INBOUND} HTTP/1.1\r\nHost: {host}\r\n{}", event("one"));
        assert_eq!(running.send(&head, MAIL).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_errors() {
    let running = Running::start().await;
    for path in ["/api/v1/messages/none", "/api/v1/messages/none/raw", "/api/v2/messages", "/x/y", "/x"] {
        let answer = running.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    for method in ["DELETE /", "DELETE /api/v1/messages/one", "PUT /api/v1/messages", "POST /api/v1/events"] {
        let head = format!("{method} HTTP/1.1\r\nHost: {}\r\n", running.address);
        assert_eq!(running.send(&head, b"").await.status, 405, "{method}");
    }
    let preflight = format!("OPTIONS {INBOUND} HTTP/1.1\r\nHost: {}\r\n", running.address);
    assert_eq!(running.send(&preflight, b"").await.status, 405);
}

#[tokio::test]
async fn attachments_are_listed_and_html_is_shown_as_text() {
    let running = Running::start().await;
    let mail = b"Subject: files\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>there</b></p>\r\n\
        --x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"<a>.pdf\"\r\n\r\nAAAA\r\n--x--\r\n";
    running.post(&event("one"), mail).await;
    let whole = running.get("/api/v1/messages/one").await.json();
    assert_eq!(
        whole["attachments"],
        json!([{"part": 2, "name": "<a>.pdf", "contentType": "application/pdf", "size": 3}])
    );
    assert!(whole["text"].as_str().unwrap().contains("Hello there"), "{whole}");
    for view in ["text", "attachments"] {
        let html = running.get(&format!("/messages/one?view={view}")).await.text();
        assert!(html.contains("&lt;a&gt;.pdf") && !html.contains("<b>there"), "{html}");
    }
}

#[tokio::test]
async fn html_is_a_document_of_its_own_that_may_do_nothing() {
    let running = Running::start().await;
    let mail = b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<link href=x><p>Gr\xfc\xdfe</p>\r\n";
    running.post(&event("one"), mail).await;
    let page = running.get("/messages/one").await.text();
    assert!(page.contains("<iframe sandbox src=\"/messages/one/html\""), "{page}");
    let document = running.get("/messages/one/html").await;
    for expected in [
        "content-security-policy: sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; ",
        "frame-ancestors 'self'",
        "x-dns-prefetch-control: off",
        "referrer-policy: no-referrer",
    ] {
        assert!(document.head.contains(expected), "{expected} in {}", document.head);
    }
    assert!(!document.head.contains("script-src"), "{}", document.head);
    assert!(document.text().contains("<p>Grüße</p>") && !document.text().contains("<link"));
    running.post(&event("two"), b"Subject: plain\r\n\r\ntext\r\n").await;
    assert_eq!(running.get("/messages/two/html").await.status, 404);
}

#[tokio::test]
async fn a_part_is_downloaded_and_never_shown() {
    let running = Running::start().await;
    let mail = b"Content-Type: text/html\r\nContent-Disposition: attachment; filename=\"../a;b.html\"\r\n\r\n<b>\r\n";
    running.post(&event("one"), mail).await;
    let part = running.get("/messages/one/parts/0").await;
    assert_eq!((part.status, part.body.as_slice()), (200, &b"<b>\r\n"[..]));
    for expected in [
        "content-type: application/octet-stream\r\n",
        "content-disposition: attachment; filename=\"a;b.html\"; filename*=UTF-8''a%3Bb.html\r\n",
        "x-content-type-options: nosniff",
    ] {
        assert!(part.head.contains(expected), "{expected} in {}", part.head);
    }
    for number in ["1", "-1", "x", "99999999999999999999"] {
        assert_eq!(running.get(&format!("/messages/one/parts/{number}")).await.status, 404, "{number}");
    }
}

#[tokio::test]
async fn all_are_cleared_but_not_by_a_page_elsewhere() {
    let running = Running::start().await;
    running.post(&event("one"), MAIL).await;
    let host = running.address;
    for (fields, status, left) in [
        ("Sec-Fetch-Site: cross-site\r\n".to_owned(), 403, 1),
        ("Sec-Fetch-Site: same-site\r\n".to_owned(), 403, 1),
        ("Origin: http://evil.example\r\n".to_owned(), 403, 1),
        ("Origin: null\r\n".to_owned(), 403, 1),
        (format!("Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n"), 200, 0),
        (String::new(), 200, 0),
    ] {
        let head = format!("DELETE /api/v1/messages HTTP/1.1\r\nHost: {host}\r\n{fields}");
        assert_eq!(running.send(&head, b"").await.status, status, "{fields}");
        let list = running.get("/api/v1/messages").await.json();
        assert_eq!(list.as_array().unwrap().len(), left, "{fields}");
    }
}

#[tokio::test]
async fn a_list_is_searched_and_goes_on() {
    let running = Running::start().await;
    for id in ["a", "b", "c"] {
        running.post(&event(id).replace("c@example.org", &format!("{id}@example.org")), MAIL).await;
    }
    let ids =
        |list: Value| list.as_array().unwrap().iter().map(|mail| mail["id"].clone()).collect::<Vec<_>>();
    let first = running.get("/api/v1/messages?limit=2").await.json();
    assert_eq!(ids(first.clone()), ["c", "b"]);
    let before = &first[1]["place"];
    assert_eq!(ids(running.get(&format!("/api/v1/messages?before={before}")).await.json()), ["a"]);
    assert_eq!(ids(running.get("/api/v1/messages?q=GR%C3%9C%C3%9FE+b%40example").await.json()), ["b"]);
    let page = running.get("/?q=%22%3E%3Cb%3E").await.text();
    assert!(page.contains("value=\"&quot;&gt;&lt;b&gt;\"") && page.contains("None fits"), "{page}");
    assert!(running.get("/?limit=2").await.text().contains(&format!("href=\"/?before={before}\"")));
}

/// Reads of a stream until it has said this.
async fn hear(stream: &mut TcpStream, heard: &mut String, words: &str) {
    while !heard.contains(words) {
        let mut octets = [0; 4096];
        let length = timeout(DEADLINE, stream.read(&mut octets)).await.expect(words).unwrap();
        assert_ne!(length, 0, "it ended without {words}: {heard}");
        heard.push_str(std::str::from_utf8(&octets[..length]).unwrap());
    }
}

#[tokio::test]
async fn what_comes_is_told_and_nothing_is_missed_in_between() {
    let running = Running::start().await;
    let listen = async |fields: &str, path: &str| {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", running.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut heard = String::new();
        hear(&mut stream, &mut heard, "retry: ").await;
        assert!(heard.contains("content-type: text/event-stream\r\n"), "{heard}");
        (stream, heard)
    };
    let (mut stream, mut heard) = listen("", "/api/v1/events").await;
    running.post(&event("one"), MAIL).await;
    hear(&mut stream, &mut heard, "\"id\":\"one\"").await;
    let id = heard.split("id: ").nth(1).unwrap().split('\n').next().unwrap().to_owned();
    drop(stream);

    running.post(&event("two"), MAIL).await;
    let (mut stream, mut heard) = listen(&format!("Last-Event-ID: {id}\r\n"), "/events").await;
    hear(&mut stream, &mut heard, "\"id\":\"two\"").await;
    assert!(!heard.contains("\"id\":\"one\""), "{heard}");
    assert!(heard.contains("&lt;script&gt;") && !heard.contains("<script"), "{heard}");
    let cleared = format!("DELETE /api/v1/messages HTTP/1.1\r\nHost: {}\r\n", running.address);
    running.send(&cleared, b"").await;
    hear(&mut stream, &mut heard, "event: reset").await;

    let (mut stream, mut heard) = listen("", "/api/v1/events?q=nobody").await;
    running.post(&event("three"), MAIL).await;
    running.post(&event("four").replace("c@example.org", "nobody@example.org"), MAIL).await;
    hear(&mut stream, &mut heard, "\"id\":\"four\"").await;
    assert!(!heard.contains("\"id\":\"three\""), "{heard}");

    let (mut stream, mut heard) = listen("", "/api/v1/events?after=another-process-17").await;
    hear(&mut stream, &mut heard, "event: reset").await;
}

#[tokio::test]
async fn who_watches_does_not_hold_up_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let inbox = Inbox::new(&Options::new(address));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(inbox.serve(listener, async { drop(stopped.await) }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    hear(&mut stream, &mut String::new(), "retry: ").await;
    stop.send(()).unwrap();
    timeout(LIMITS.grace / 2, serving).await.expect("the end in time").unwrap();
}
