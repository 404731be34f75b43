//! `mailchute probe` against the real program, and against what is none: what it prints, and how it ends.

use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::certificates::Authority;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::program;
use crate::support::recorder::Recorder;
use crate::support::scene::{Scene, tls};

/// `pencil`.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";

/// Exit code and what was printed.
fn probe(to: &dyn Display, arguments: &[&str]) -> (i32, String) {
    let output = program().args(["probe", "--to", &to.to_string()]).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The same, which is to end so, with a verdict that begins so.
fn expect(to: &dyn Display, arguments: &[&str], code: i32, verdict: &str) -> String {
    let (found, text) = probe(to, arguments);
    let last = text.lines().last().unwrap_or_default();
    assert!(found == code && last.starts_with(verdict), "{arguments:?}: {found}\n{text}");
    text
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_listener_that_answers_is_0() {
    let front_end = FrontEnd::to(Recorder::start().address);
    let text = expect(&front_end.smtp, &[], 0, "*** accepted: the listener answers");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("*** connected to {}", front_end.smtp));
    assert!(lines[1].starts_with("S: 220 mx.example.org "), "{text}");
    assert_eq!(lines[2], "C: EHLO [127.0.0.1]");
    assert!(lines[3].starts_with("S: 250-mx.example.org"), "{text}");
    assert!(lines[lines.len() - 2].starts_with("S: 221 ") && lines[lines.len() - 3] == "C: QUIT", "{text}");
}

#[test]
fn a_recipient_that_is_taken_is_0_and_nothing_is_sent_unless_asked() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let port = front_end.smtp.port();
    let named = format!("localhost:{port}");
    for to in [front_end.smtp.to_string(), named] {
        let verdict = "*** accepted: a@example.org is a recipient; nothing was sent";
        let text = expect(&to, &["--rcpt", "a@example.org"], 0, verdict);
        assert!(text.contains("C: MAIL FROM:<>\n") && text.contains("C: RSET\n"), "{text}");
    }
    assert!(backend.received().is_empty());
    let arguments = ["--from", "me@client.example", "--rcpt", "<a@example.org>", "--message"];
    let text =
        expect(&front_end.smtp, &arguments, 0, "*** accepted: the message for <a@example.org> is delivered");
    assert!(
        text.contains("C: MAIL FROM:<me@client.example>\n") && text.contains("C: (a message of "),
        "{text}"
    );
    let received = backend.wait_for(1);
    assert_eq!(received[0].header("ce-rcptto"), "a@example.org");
    assert!(String::from_utf8_lossy(&received[0].body).contains("\r\nSubject: mailchute probe\r\n"));
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_refusal_for_good_is_1() {
    let front_end = FrontEnd::to(Recorder::start().address);
    expect(&front_end.smtp, &["--rcpt", "a@elsewhere.example"], 1, "*** refused at RCPT: 550 5.7.1 ");
}

#[test]
fn a_refusal_for_now_is_75() {
    let front_end = FrontEnd::to(Recorder::deciding(|_| 500).address);
    let arguments = ["--rcpt", "postmaster", "--message"];
    expect(&front_end.smtp, &arguments, 75, "*** refused at the message: 451 4.3.0 ");
}

#[test]
fn lmtp_is_spoken() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening_with(port, "profile: LMTP").all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let arguments = ["--lmtp", "--rcpt", "a@example.org", "--message"];
    let text = expect(&front_end.smtp, &arguments, 0, "*** accepted: the message");
    assert!(text.contains("C: LHLO [127.0.0.1]\n"), "{text}");
    expect(&front_end.smtp, &[], 1, "*** refused at EHLO: 5");
}

#[test]
fn certificates_are_verified_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    for (scene, mode) in [(Scene::starttls(), "starttls"), (Scene::implicit(), "implicit")] {
        let (ours, theirs) = (file(&folder, "ours", &scene.authority.pem()), Authority::new().pem());
        let (to, theirs) = (scene.front_end.smtp, file(&folder, "theirs", &theirs));
        let good = ["--tls", mode, "--ca", name(&ours), "--server-name", "mx.example.org"];
        let text = expect(&to, &good, 0, "*** accepted");
        assert!(text.contains(", certificate of mx.example.org verified\n"), "{text}");
        assert!(text.contains("*** TLSv1_3, "), "{text}");
        let other_name = ["--tls", mode, "--ca", name(&ours)];
        expect(&to, &other_name, 69, "*** unavailable: TLS: ");
        let other_authority = ["--tls", mode, "--ca", name(&theirs), "--server-name", "mx.example.org"];
        expect(&to, &other_authority, 69, "*** unavailable: TLS: ");
        expect(&to, &["--tls", mode, "--server-name", "mx.example.org"], 69, "*** unavailable: TLS: ");
        let text = expect(&to, &["--tls", mode, "--insecure"], 0, "*** accepted");
        assert!(text.contains(", certificate of 127.0.0.1 not verified\n"), "{text}");
    }
}

#[test]
fn who_signs_in_shows_no_password() {
    let (backend, authority) = (Recorder::start(), Authority::new());
    let port = free_port();
    let fields = format!("profile: Submission, {}", tls("mode: StartTLS", &["mx"]));
    let manifests = Manifests::listening_with(port, &fields).users(&[("alice", BCRYPT)]);
    let manifests = manifests.certificate("mx", &authority.server(&["127.0.0.1"])).all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca", &authority.pem());
    let (right, wrong) = (file(&folder, "right", "pencil\n"), file(&folder, "wrong", "crayon"));
    let base = ["--tls", "starttls", "--ca", name(&ca), "--rcpt", "a@example.org"];
    let with = |password: &Path| {
        let login = ["--user", "alice", "--password-file", name(password)].map(ToOwned::to_owned);
        [base.map(ToOwned::to_owned).to_vec(), login.to_vec()].concat()
    };
    let (right, wrong) = (with(&right), with(&wrong));
    let right: Vec<&str> = right.iter().map(String::as_str).collect();
    let text = expect(&front_end.smtp, &right, 0, "*** accepted");
    assert!(text.contains("C: AUTH PLAIN (user alice, and the password)\n"), "{text}");
    assert!(!text.contains("pencil") && !text.contains("AGFsaWNl"), "{text}");
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    expect(&front_end.smtp, &wrong, 1, "*** refused at AUTH: 535 5.7.8 ");
    expect(&front_end.smtp, &base, 1, "*** refused at MAIL: 530 5.7.0 ");
}

/// A server that says this to whoever comes, then waits for the client to close, or closes itself.
fn saying(greeting: &'static str, waits: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(greeting.as_bytes());
            if waits {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    address
}

#[test]
fn nobody_to_talk_to_is_69() {
    let short = ["--timeout", "200ms"];
    expect(&format!("127.0.0.1:{}", free_port()), &[], 69, "*** unavailable: can't connect: ");
    expect(&"nowhere.invalid:25", &[], 69, "*** unavailable: can't connect: ");
    expect(&saying("", true), &short, 69, "*** unavailable: no answer to the greeting in time");
    expect(&saying("220 hi\r\n", true), &short, 69, "*** unavailable: no answer to EHLO in time");
    expect(&saying("220", true), &["--timeout", "200ms", "--tls", "implicit"], 69, "*** unavailable: TLS: ");
    let broken = "*** unavailable: the connection broke while waiting for the answer to the greeting";
    expect(&saying("", false), &[], 69, broken);
}

#[test]
fn no_mail_server_or_one_that_offers_less_is_76() {
    let malformed = "*** failed: what answers is no SMTP reply, to the greeting";
    expect(&saying("HTTP/1.1 400 Bad Request\r\n", true), &[], 76, malformed);
    expect(&saying("354 hi\r\n", true), &[], 76, "*** failed: the greeting is answered 354 hi");
    let front_end = FrontEnd::to(Recorder::start().address);
    let starttls = ["--tls", "starttls", "--insecure"];
    expect(&front_end.smtp, &starttls, 76, "*** failed: the listener does not offer STARTTLS");
    let injected = "220 hi\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250 mx\r\n";
    expect(&saying(injected, true), &starttls, 76, "*** failed: the server went on in the clear");
}

#[test]
fn a_greeting_that_turns_away_ends_as_its_code_says() {
    expect(&saying("421 4.3.2 Busy\r\n", false), &[], 75, "*** refused at the greeting: 421 4.3.2 Busy");
    expect(&saying("554 5.7.1 No\r\n", false), &[], 1, "*** refused at the greeting: 554 5.7.1 No");
    // What a terminal would obey is shown as what it is.
    expect(&saying("554 a\x1b[2J\r\n", false), &[], 1, "*** refused at the greeting: 554 a\\u{1b}[2J");
}

#[test]
fn a_wrong_command_line_is_64_and_files_that_cannot_be_used_are_65_and_71() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = file(&folder, "garbage", "no certificate");
    let absent = folder.path().join("absent");
    let table: [(&[&str], i32, &str); 7] = [
        (&["--message"], 64, ""),
        (&["--rcpt", "no address"], 64, "mailchute: --rcpt no address: "),
        (&["--rcpt", "a@b.test", "--from", "x"], 64, "mailchute: --from x: "),
        (&["--user", "a", "--password-file", name(&garbage)], 64, "mailchute: --user needs --tls"),
        (&["--tls", "starttls", "--ca", name(&garbage)], 65, "mailchute: the CA certificates can't be read"),
        (&["--tls", "starttls", "--ca", name(&absent)], 71, "mailchute: can't read "),
        (&["--tls", "starttls", "--server-name", "a b"], 65, "mailchute: the server name is no name"),
    ];
    for (arguments, code, says) in table {
        let (found, text) = probe(&"127.0.0.1:1", arguments);
        assert!(found == code && text.contains(says), "{arguments:?}: {found}\n{text}");
    }
    assert_eq!(probe(&"127.0.0.1", &[]).0, 64);
}
