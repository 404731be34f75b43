//! `mailchute tail` against the real program: what it shows, to whom, and how it ends.

use std::io::Read;
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::front_end::FrontEnd;
use crate::support::get::get;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::{Running, program};
use crate::support::recorder::Recorder;
use crate::support::until::until_true;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
/// Who sends before all else, to see whether somebody watches yet.
const PROBE: &str = "probe@probe.example";

/// `mailchute tail` at work.
struct Tail {
    running: Running,
    _folder: TempDir,
}

impl Tail {
    fn start(admin: SocketAddr, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program();
        command.args(["tail", "--admin", &admin.to_string()]).args(arguments);
        Self { running: Running::start(&mut command, &folder.path().join("log")), _folder: folder }
    }

    /// The same; it has begun to watch, and shows what `probe.example` sends.
    fn watching(front_end: &FrontEnd, arguments: &[&str]) -> Self {
        let tail = Self::start(front_end.admin, arguments);
        until_true("it watches", || {
            let mut client = Client::greeted(front_end.smtp);
            client.expect(&format!("MAIL FROM:<{PROBE}>"), 250);
            client.expect("RCPT TO:<b@elsewhere.example>", 550);
            tail.running.log().contains("probe.example")
        });
        tail
    }

    /// Lines that don't tell of the probe.
    fn lines(&self) -> Vec<String> {
        let log = self.running.log();
        log.lines().filter(|line| !line.contains("probe.example")).map(str::to_owned).collect()
    }

    /// Waits until there are so many of them.
    fn wait_for(&self, lines: usize) -> Vec<String> {
        until_true(&format!("{lines} lines"), || self.lines().len() >= lines);
        self.lines()
    }
}

/// Says MAIL and RCPT, then leaves.
fn refused(front_end: &FrontEnd, sender: &str, recipient: &str) {
    let mut client = Client::greeted(front_end.smtp);
    client.expect(&format!("MAIL FROM:<{sender}>"), 250);
    client.expect(&format!("RCPT TO:<{recipient}>"), 550);
}

fn send(front_end: &FrontEnd, sender: &str, recipient: &str) {
    let mut client = Client::greeted(front_end.smtp);
    assert_eq!(client.send(sender, &[recipient], MESSAGE).code, 250);
}

#[test]
fn all_that_happens_is_a_line_with_its_addresses_redacted() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let tail = Tail::watching(&front_end, &[]);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<large@client.example> SIZE=999999999", 552);
    tail.wait_for(1);
    refused(&front_end, "ann@client.example", "x@elsewhere.example");
    tail.wait_for(2);
    let reply = client.send("ann@client.example", &["bob@example.org", "carl@example.org"], MESSAGE);
    let id = reply.text().rsplit_once(' ').unwrap().1.to_owned();
    tail.wait_for(3);
    client.begin("ann@client.example", "bob@example.org");
    client.write(b"Subject: one\nTwo.\r\n.\r\n").unwrap();
    assert_eq!(client.reply().code, 550);
    tail.wait_for(4);
    client.begin("ann@client.example", "bob@example.org");
    client.write(b"half a message\r\n").unwrap();
    drop(client);
    let lines = tail.wait_for(5);
    let untimed: Vec<&str> = lines.iter().map(|line| line.split_once("Z  ").unwrap().1).collect();
    let octets = backend.wait_for(1)[0].body.len();
    assert_eq!(untimed[0], "rejected 552 at MAIL  l…@client.example  from 127.0.0.1 at mx");
    assert_eq!(
        untimed[1],
        "rejected 550 at RCPT  a…@client.example → x…@elsewhere.example  from 127.0.0.1 at mx"
    );
    let to = "a…@client.example → b…@example.org";
    assert!(
        untimed[2].starts_with(&format!(
            "delivered 250  {to}, c…@example.org  from 127.0.0.1 at mx  by default/all to default/all  "
        )) && untimed[2].ends_with(&id),
        "{lines:#?}"
    );
    assert!(untimed[2].contains(" octets in ") && octets > MESSAGE.len());
    let by = "from 127.0.0.1 at mx  by default/all to default/all";
    assert_eq!(untimed[3], format!("rejected 550  {to}  {by}"));
    assert_eq!(untimed[4], format!("abandoned  {to}  {by}"));
    let log = tail.running.log();
    assert!(!["ann@", "bob@", "carl", "probe@"].iter().any(|hidden| log.contains(hidden)), "{log}");
}

/// Each filter lets the probe through, too, and of four others those whose senders are named.
const FILTERS: [(&[&str], &[&str]); 7] = [
    (&["--rcpt", "Bob@EXAMPLE.org", "--rcpt", "@elsewhere.example"], &["ann", "dora", "eve"]),
    (&["--rcpt", "@example.org", "--rcpt", "b@elsewhere.example"], &["ann", "<>"]),
    (&["--from", "<>", "--from", "@probe.example"], &["<>"]),
    (&["--from", "@client.example", "--from", "@probe.example"], &["ann", "dora", "eve"]),
    (&["--client", "127.0.0.1"], &["ann", "<>", "dora"]),
    (&["--client", "127.0.0.1", "--client", "127.0.0.4/30"], &["ann", "<>", "dora", "eve"]),
    (&["--outcome", "rejected"], &["dora", "eve"]),
];

#[test]
fn only_what_is_asked_for_is_shown_and_whole_where_that_is_asked_for() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let tails = FILTERS
        .map(|(filters, _)| Tail::watching(&front_end, &[&["--addresses", "--json"], filters].concat()));
    send(&front_end, "ann@client.example", "bob@example.org");
    send(&front_end, "", "carl@example.org");
    refused(&front_end, "dora@client.example", "x@elsewhere.example");
    let mut client = Client::connect_from([127, 0, 0, 5].into(), front_end.smtp).unwrap();
    client.reply();
    client.expect("EHLO client.example", 250);
    client.expect("MAIL FROM:<eve@client.example>", 250);
    client.expect("RCPT TO:<x@elsewhere.example>", 550);
    // Who is shown this was shown all that came before it.
    refused(&front_end, "last@probe.example", "b@elsewhere.example");
    for (tail, (filters, senders)) in tails.iter().zip(FILTERS) {
        until_true("the last one is shown", || tail.running.log().contains("last@probe.example"));
        let shown = tail.lines();
        let shown = shown.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let shown: Vec<String> =
            shown.map(|transaction| transaction["sender"].as_str().unwrap().to_owned()).collect();
        let senders = senders.iter().map(|sender| match *sender {
            "<>" => "<>".to_owned(),
            name => format!("{name}@client.example"),
        });
        assert_eq!(shown, senders.collect::<Vec<_>>(), "{filters:?}");
    }
}

#[test]
fn it_ends_after_as_many_as_are_asked_for() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut tail = Tail::start(front_end.admin, &["--count", "2", "--outcome", "delivered"]);
    until_true("it has ended, or sees none of it", || {
        send(&front_end, "ann@client.example", "bob@example.org");
        tail.lines().len() >= 2
    });
    assert_eq!(tail.running.wait().code(), Some(0));
    assert_eq!(tail.lines().len(), 2);
}

#[test]
fn what_came_too_fast_is_counted() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let tail = Tail::watching(&front_end, &[]);
    tail.running.freeze();
    let mut client = Client::greeted(front_end.smtp);
    let sent = 1200;
    for _ in 0..sent {
        client.expect("MAIL FROM:<ann@client.example> SIZE=999999999", 552);
    }
    tail.running.thaw();
    let missed = |line: &String| -> Option<usize> {
        let told = line.strip_prefix("mailchute: ")?;
        told.split_once(" transactions were missed: ")?.0.parse().ok()
    };
    until_true("all are shown, or counted", || {
        let lines = tail.lines();
        let missed: usize = lines.iter().filter_map(missed).sum();
        let shown = lines.iter().filter(|line| line.contains("rejected 552 at MAIL")).count();
        assert!(shown + missed <= sent, "{shown} shown, {missed} missed");
        missed > 0 && shown + missed == sent
    });
}

#[test]
fn a_front_end_that_is_not_there_or_ends_is_exit_code_69() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut tail = Tail::start(nobody, &[]);
    assert_eq!(tail.running.wait().code(), Some(69));
    assert!(tail.running.log().contains("kubectl port-forward"), "{}", tail.running.log());

    let backend = Recorder::start();
    let mut front_end = FrontEnd::to(backend.address);
    let mut tail = Tail::watching(&front_end, &[]);
    front_end.kill();
    assert_eq!(tail.running.wait().code(), Some(69));
    front_end.restart();
    let again = Tail::watching(&front_end, &[]);
    send(&front_end, "ann@client.example", "bob@example.org");
    again.wait_for(1);
}

#[test]
fn a_reading_of_a_front_end_that_was_here_before_goes_on_with_the_new_one() {
    let backend = Recorder::start();
    let mut front_end = FrontEnd::to(backend.address);
    let reading = |front_end: &FrontEnd, after: u64| {
        let (status, body) = front_end.get(&format!("/v1/transactions?after={after}")).unwrap();
        assert_eq!(status, 200);
        serde_json::from_str::<Value>(&body).unwrap()
    };
    reading(&front_end, 0);
    (0..3).for_each(|_| send(&front_end, "ann@client.example", "bob@example.org"));
    let before = reading(&front_end, 0);
    assert_eq!((&before["next"], before["transactions"].as_array().unwrap().len()), (&3.into(), 3));
    front_end.kill();
    front_end.restart();
    reading(&front_end, 3);
    send(&front_end, "ann@client.example", "bob@example.org");
    let after = reading(&front_end, 3);
    assert_eq!((&after["next"], &after["missed"]), (&1.into(), &0.into()));
}

#[test]
fn a_wrong_question_is_exit_code_64_and_what_is_no_front_end_76() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    for (arguments, words) in [
        (["--outcome", "lost"], "outcome=lost: not one of delivered"),
        (["--client", "mx"], "client=mx: neither an address nor a network"),
        (["--rcpt", "a%4"], "recipient=a%4: neither an address"),
    ] {
        let mut tail = Tail::start(front_end.admin, &arguments);
        assert_eq!(tail.running.wait().code(), Some(64), "{arguments:?}");
        assert!(tail.running.log().contains(words), "{}", tail.running.log());
    }
    for nobody in [backend.address, front_end.smtp] {
        let mut tail = Tail::start(nobody, &[]);
        assert_eq!(tail.running.wait().code(), Some(76), "{}", tail.running.log());
        assert!(tail.running.log().contains("what answers is no front-end"), "{}", tail.running.log());
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_a_normal_end() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let mut command = program();
    command.args(["tail", "--admin", &front_end.admin.to_string()]).stdout(Stdio::piped());
    let mut tail = command.spawn().unwrap();
    drop(tail.stdout.take());
    until_true("it has ended", || {
        send(&front_end, "ann@client.example", "bob@example.org");
        tail.try_wait().unwrap().is_some()
    });
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}

/// What the admin port answers to a client at this address, who asks for that host.
fn asked_from(source: [u8; 4], host: &str, admin: SocketAddr) -> String {
    let mut client = Client::connect_from(source.into(), admin).unwrap();
    let request = format!("GET /v1/transactions HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    client.write(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.writer().read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn others_than_the_pod_itself_are_told_nothing() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    for (source, host, status) in [
        ([127, 0, 0, 1], "127.0.0.1", "200"),
        ([127, 0, 0, 2], "127.0.0.1", "403"),
        ([127, 0, 0, 1], "rebound.example", "403"),
    ] {
        let answer = asked_from(source, host, front_end.admin);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{source:?} {host}: {answer}");
    }
    // What is no secret is told to them all the same.
    assert_eq!(get(front_end.admin, "/livez").unwrap().0, 200);
}

#[test]
fn a_user_is_shown_as_an_address_is() {
    let (backend, port) = (Recorder::start(), free_port());
    let manifests = Manifests::listening_with(port, "auth: {mode: Offer, allowPlaintext: true}")
        .users(&[("alice@client.example", "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2")])
        .all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let tail = Tail::watching(&front_end, &[]);
    let mut client = Client::greeted(front_end.smtp);
    // NUL, alice@client.example, NUL, pencil.
    client.expect("AUTH PLAIN AGFsaWNlQGNsaWVudC5leGFtcGxlAHBlbmNpbA==", 235);
    assert_eq!(client.send("alice@client.example", &["bob@example.org"], MESSAGE).code, 250);
    let line = &tail.wait_for(1)[0];
    assert!(line.contains(" at mx as a…@client.example "), "{line}");
}
