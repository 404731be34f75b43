//! Recipient verification: only a service that says so makes a recipient unknown.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailchute::lookup::{Verified, Verifier};
use mailchute::mail::AddressKey;
use mailchute::plan::{Format, Http, Verification};
use tokio::task::JoinHandle;

use crate::support::client::Client;
use crate::support::directory::{Directory, Word};
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::until::{PATIENCE, until_true};

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const CHECKS: &str = "mailchute_policy_checks_total";

/// All of `example.org` goes to `backend`, once the service at `directory` has said so.
fn manifests(port: u16, backend: &Recorder, directory: SocketAddr, fields: &str) -> Manifests {
    let policy = format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: RecipientPolicy\nmetadata: {{name: directory}}\nspec:\n  \
         targetRefs: [{{kind: MailRoute, name: all}}]\n  \
         verification: {{http: {{url: \"http://{directory}/verify\"}}{fields}}}"
    );
    let many = "connection: {perClient: {sessions: 100}}";
    Manifests::listening_with(port, many).all_to(backend.address).document(&policy)
}

/// A front-end that asks a directory, and what stands behind it.
struct Asking {
    front_end: FrontEnd,
    backend: Recorder,
    port: u16,
}

impl Asking {
    fn new(directory: SocketAddr, fields: &str) -> Self {
        let (backend, port) = (Recorder::start(), free_port());
        let front_end = FrontEnd::start(port, &manifests(port, &backend, directory, fields), &[]);
        Self { front_end, backend, port }
    }

    /// A session in a transaction.
    fn sender(&self) -> Client {
        let mut client = Client::greeted(self.front_end.smtp);
        client.expect("MAIL FROM:<a@client.example>", 250);
        client
    }

    fn checks(&self, outcome: &str) -> f64 {
        let outcome = format!("outcome=\"{outcome}\"");
        self.front_end.metric(&[CHECKS, "check=\"verification\"", &outcome])
    }

    fn recipients(&self, reason: &str) -> f64 {
        self.front_end.metric(&["mailchute_recipients_total", &format!("reason=\"{reason}\"")])
    }
}

fn is(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 0.5
}

#[test]
fn who_exists_is_taken_and_who_does_not_is_refused() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, "");
    let mut client = asking.sender();
    let reply = client.expect("RCPT TO:<nobody@example.org>", 550);
    assert_eq!(reply.lines, ["5.1.1 No such recipient here"]);
    client.expect("RCPT TO:<B@EXAMPLE.org>", 250);
    client.expect("DATA", 354);
    client.write(&[MESSAGE, b".\r\n"].concat()).unwrap();
    assert_eq!(client.reply().code, 250);
    let received = asking.backend.wait_for(1);
    assert_eq!(received[0].header("ce-rcptto"), "B@EXAMPLE.org");
    let lines: Vec<String> = directory.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        ["GET /verify?recipient=nobody%40example.org", "GET /verify?recipient=b%40example.org"]
    );
    assert_eq!(directory.asked()[0].headers["accept"], "application/vnd.mailchute.recipient+json");
    assert!(is(asking.checks("pass"), 1.0) && is(asking.checks("refuse"), 1.0));
    assert!(is(asking.recipients("no_such_recipient"), 1.0));
    assert!(asking.front_end.metric(&["mailchute_policy_check_duration_seconds_count"]) > 1.5);
}

#[test]
fn each_answer_has_its_reply() {
    let page = "<html>Not Found</html>";
    let large = format!("{{\"version\":1,\"exists\":false,\"x\":\"{}\"}}", "x".repeat(70_000));
    let document = "application/vnd.mailchute.recipient+json";
    for (word, code) in [
        (Word::yes(), 250),
        (Word::new(200, "", ""), 250),
        (Word::document(200, true), 250),
        (Word::document(200, false), 550),
        (Word::document(404, false), 550),
        (Word::document(410, false), 550),
        (Word::document(404, true), 451),
        (Word::new(404, "text/html", page), 451),
        (Word::new(404, "", ""), 451),
        (Word::new(404, "application/json", "{\"version\":1,\"exists\":false}"), 451),
        (Word::new(410, "text/plain", "gone"), 451),
        (Word::new(200, "text/html", page), 451),
        (Word::new(200, "text/plain", "ok"), 451),
        (Word::new(200, document, page), 451),
        (Word::new(200, document, "{\"version\":2,\"exists\":false}"), 451),
        (Word::new(200, document, &large), 451),
        (Word::document(301, false), 451),
        (Word::document(302, true), 451),
        (Word::document(401, false), 451),
        (Word::document(403, false), 451),
        (Word::document(429, false), 451),
    ] {
        let told = word.clone();
        let directory = Directory::deciding(move |_| word.clone());
        let asking = Asking::new(directory.address, "");
        let reply = asking.sender().try_say("RCPT TO:<b@example.org>").unwrap();
        assert_eq!(reply.code, code, "{told:?}: {reply:?}");
        if code == 451 {
            assert_eq!(reply.lines, ["4.3.0 Recipient can't be verified now, try again later"]);
            assert!(is(asking.checks("error"), 1.0) && is(asking.recipients("unverified"), 1.0));
        }
        assert_eq!(directory.asked().len(), 1, "{told:?}");
    }
}

#[test]
fn a_service_that_fails_or_is_not_there_defers_or_lets_pass() {
    let failing = Directory::deciding(|_| Word::document(500, false));
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [failing.address, gone] {
        let asking = Asking::new(address, "");
        asking.sender().expect("RCPT TO:<b@example.org>", 451);
        assert!(is(asking.checks("error"), 1.0));
        let lenient = Asking::new(address, ", onError: Accept");
        lenient.sender().expect("RCPT TO:<b@example.org>", 250);
        assert!(is(lenient.checks("error"), 1.0) && is(lenient.recipients("ok"), 1.0));
    }
}

#[test]
fn a_service_that_hangs_costs_its_time_limit_and_no_other_session_anything() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, ", timeout: 1s");
    let mut known = asking.sender();
    known.expect("RCPT TO:<b@example.org>", 250);
    directory.hold();
    let mut waiting = asking.sender();
    let began = Instant::now();
    // What was said before does not wait with it.
    waiting.write(b"NOOP\r\nRCPT TO:<c@example.org>\r\n").unwrap();
    assert_eq!(waiting.reply().code, 250);
    directory.wait_asked(2);
    let mut other = asking.sender();
    other.expect("RCPT TO:<b@example.org>", 250);
    other.expect("RCPT TO:<postmaster@example.org>", 250);
    let before = began.elapsed();
    assert_eq!(waiting.reply().code, 451);
    let took = began.elapsed();
    assert!(before < Duration::from_secs(1), "{before:?}");
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
    // The session goes on, and the transaction too.
    waiting.expect("RCPT TO:<b@example.org>", 250);
}

#[test]
fn a_dead_service_is_left_alone_for_a_while() {
    let directory = Directory::of(&[]);
    directory.hold();
    let asking = Asking::new(directory.address, ", timeout: 500ms");
    let mut client = asking.sender();
    for n in 0..8 {
        client.expect(&format!("RCPT TO:<r{n}@example.org>"), 451);
    }
    assert_eq!(directory.asked().len(), 5);
    assert!(is(asking.checks("error"), 8.0));
    // After ten seconds one request finds out that it is back.
    directory.release();
    until_true("it is asked again", || client.try_say("RCPT TO:<r9@example.org>").unwrap().code == 550);
}

#[test]
fn answers_are_remembered_and_trouble_is_not() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, "");
    for _ in 0..3 {
        let mut client = asking.sender();
        client.expect("RCPT TO:<b@example.org>", 250);
        client.expect("RCPT TO:<B@example.ORG>", 250);
        client.expect("RCPT TO:<c@example.org>", 550);
    }
    assert_eq!(directory.asked().len(), 2);
    directory.decide(|_| Word::new(404, "text/html", "<html>"));
    let mut client = asking.sender();
    client.expect("RCPT TO:<d@example.org>", 451);
    client.expect("RCPT TO:<d@example.org>", 451);
    assert_eq!(directory.asked().len(), 4);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert_eq!(directory.asked().len(), 4);
}

#[test]
fn what_is_remembered_for_0s_is_not_remembered() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, ", cache: {positive: 0s, negative: 200ms}");
    let mut client = asking.sender();
    client.expect("RCPT TO:<b@example.org>", 250);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert_eq!(directory.asked().len(), 2);
    client.expect("RCPT TO:<c@example.org>", 550);
    directory.decide(|_| Word::yes());
    until_true("it is asked again", || client.try_say("RCPT TO:<c@example.org>").unwrap().code == 250);
    assert_eq!(directory.asked().len(), 4);
}

#[test]
fn those_who_ask_at_once_share_a_request() {
    let directory = Directory::of(&["b@example.org"]);
    directory.hold();
    let asking = Asking::new(directory.address, ", timeout: 20s");
    let waiting = || {
        let mut client = asking.sender();
        client.write(b"NOOP\r\nRCPT TO:<b@example.org>\r\n").unwrap();
        // Told before the answer to RCPT is waited for.
        assert_eq!(client.reply().code, 250);
        client
    };
    // Who asks first and goes away does not take the answer along.
    drop(waiting());
    let mut clients: Vec<Client> = (0..50).map(|_| waiting()).collect();
    directory.wait_asked(1);
    directory.release();
    for client in &mut clients {
        assert_eq!(client.reply().code, 250);
    }
    assert_eq!(directory.asked().len(), 1);
}

#[test]
fn postmaster_is_never_asked_about() {
    let directory = Directory::of(&[]);
    let asking = Asking::new(directory.address, "");
    let mut client = asking.sender();
    client.expect("RCPT TO:<postmaster@example.org>", 250);
    client.expect("RCPT TO:<PostMaster>", 250);
    assert_eq!(directory.asked().len(), 0);
    client.expect("RCPT TO:<b@example.org>", 550);
    assert_eq!(directory.asked().len(), 1);
}

#[test]
fn lists_come_first() {
    let directory = Directory::of(&["b@example.org"]);
    let (backend, port) = (Recorder::start(), free_port());
    let fields = "}\n  recipients: {addresses: [b@example.org, c@example.org]";
    let front_end = FrontEnd::start(port, &manifests(port, &backend, directory.address, fields), &[]);
    let mut client = Client::greeted(front_end.smtp);
    client.expect("MAIL FROM:<a@client.example>", 250);
    client.expect("RCPT TO:<d@example.org>", 550);
    assert_eq!(directory.asked().len(), 0);
    client.expect("RCPT TO:<c@example.org>", 550);
    client.expect("RCPT TO:<b@example.org>", 250);
    assert_eq!(directory.asked().len(), 2);
}

#[test]
fn harvesting_costs_the_harvester() {
    let directory = Directory::of(&[]);
    let asking = Asking::new(directory.address, "");
    let mut client = asking.sender();
    let began = Instant::now();
    for n in 0..19 {
        client.expect(&format!("RCPT TO:<r{n}@example.org>"), 550);
    }
    let before = began.elapsed();
    client.expect("RCPT TO:<r19@example.org>", 550);
    let took = began.elapsed() - before;
    assert!(took >= Duration::from_secs(1), "{took:?}");
}

#[test]
fn what_was_heard_survives_another_configuration() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, "");
    asking.sender().expect("RCPT TO:<b@example.org>", 250);
    let same = manifests(asking.port, &asking.backend, directory.address, "");
    let second = free_port();
    asking.front_end.edit(&same.clone().listener("second", second, ""));
    let second = SocketAddr::from(([127, 0, 0, 1], second));
    until_true("the listener opens", || Client::connect(second).is_ok());
    asking.sender().expect("RCPT TO:<b@example.org>", 250);
    assert_eq!(directory.asked().len(), 1);
    let other = manifests(asking.port, &asking.backend, directory.address, ", timeout: 3s");
    asking.front_end.edit(&other);
    until_true("it is asked anew", || {
        asking.sender().expect("RCPT TO:<b@example.org>", 250);
        directory.asked().len() == 2
    });
}

#[test]
fn a_policy_that_can_not_be_used_defers() {
    let directory = Directory::of(&["b@example.org"]);
    let asking = Asking::new(directory.address, "");
    let yaml = manifests(asking.port, &asking.backend, directory.address, "").yaml();
    let broken =
        yaml.replace("/verify\"}", "/verify\", auth: {bearer: {secretRef: {name: none, key: token}}}}");
    asking.front_end.write(&broken);
    until_true("it is in use", || {
        let reply = asking.sender().try_say("RCPT TO:<b@example.org>").unwrap();
        reply.lines[0].starts_with("4.3.5")
    });
    assert!(is(asking.recipients("misconfigured"), 1.0));
}

/// A service that is asked by this process.
fn verifier(directory: &Directory, timeout: Duration) -> Arc<Verifier> {
    let http = Http {
        https: false,
        host: directory.address.ip().to_string(),
        port: directory.address.port(),
        path: "/verify".to_owned(),
        format: Format::CloudEvent,
        auth: None,
        signing: Vec::new(),
        ca: None,
        server_name: None,
        identity: None,
        allow_loopback: true,
    };
    let hour = Duration::from_secs(3600);
    let plan = Verification {
        label: "test/policy".into(),
        http,
        timeout,
        positive: hour,
        negative: hour,
        accept_on_error: false,
    };
    Arc::new(Verifier::new(Arc::new(plan)))
}

/// Asks in a task of its own.
fn ask(verifier: &Arc<Verifier>, local_part: &str) -> JoinHandle<Verified> {
    let key = AddressKey { local_part: local_part.to_owned(), domain: "example.org".to_owned() };
    let verifier = Arc::clone(verifier);
    tokio::spawn(async move { verifier.verify(&key).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn whoever_asked_first_may_go_away() {
    let directory = Directory::of(&["b@example.org"]);
    directory.hold();
    let verifier = verifier(&directory, PATIENCE);
    let first = ask(&verifier, "b");
    directory.wait_asked(1);
    let others: Vec<_> = (0..10).map(|_| ask(&verifier, "b")).collect();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    directory.wait_asked(2);
    directory.release();
    for other in others {
        assert_eq!(other.await.unwrap(), Verified::Exists);
    }
    assert_eq!(directory.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn so_many_requests_at_a_time_and_no_more() {
    let directory = Directory::of(&[]);
    directory.hold();
    let verifier = verifier(&directory, PATIENCE);
    let asked: Vec<_> = (0..100).map(|n| ask(&verifier, &format!("r{n}"))).collect();
    directory.wait_asked(64);
    directory.release();
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Verified::Missing);
    }
    assert_eq!((directory.asked().len(), directory.most_at_once()), (100, 64));
}
