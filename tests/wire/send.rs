//! `mailchute send` against the real program, and against what is none: what it sends, what it prints, how it ends.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use crate::support::certificates::Authority;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::program::program;
use crate::support::recorder::Recorder;
use crate::support::relay::{Act, Relay};
use crate::support::scene::{Scene, tls};

/// `pencil`.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
/// A recipient who is taken.
const TAKEN: [&str; 2] = ["--rcpt", "a@example.org"];

/// Exit code and what was printed.
fn send(to: &dyn Display, arguments: &[&str]) -> (i32, String) {
    let output = program().args(["send", "--to", &to.to_string()]).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The lines without their times, which each of them has; it is to end so.
fn expect(to: &dyn Display, arguments: &[&str], code: i32, verdict: &str) -> Vec<String> {
    let (found, text) = send(to, arguments);
    let lines: Vec<String> = text.lines().map(|line| untimed(line).to_owned()).collect();
    let last = lines.last().map(String::as_str).unwrap_or_default();
    assert!(found == code && last.starts_with(verdict), "{arguments:?}: {found}\n{text}");
    lines
}

fn untimed(line: &str) -> &str {
    let (time, rest) = line.split_once(" ms  ").unwrap_or_else(|| panic!("has no time: {line}"));
    assert!(time.trim().parse::<f64>().is_ok_and(|time| time >= 0.0), "{line}");
    rest
}

/// Whether one of the lines begins so.
fn has(lines: &[String], start: &str) -> bool {
    lines.iter().any(|line| line.starts_with(start))
}

#[test]
fn a_message_is_delivered_and_each_step_has_its_time() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let arguments =
        [&TAKEN[..], &["--from", "me@client.example", "--subject", "Grüße", "--text", "a\nb"]].concat();
    let lines = expect(&front_end.smtp, &arguments, 0, "*** delivered");
    let id = lines[0].strip_prefix("*** message ").unwrap();
    assert_eq!(lines[1], format!("*** connected to {}", front_end.smtp));
    assert!(lines[2].starts_with("S: 220 mx.example.org ") && lines[3] == "C: EHLO [127.0.0.1]", "{lines:?}");
    assert!(has(&lines, "C: MAIL FROM:<me@client.example> SIZE="), "{lines:?}");
    assert!(has(&lines, "C: (a message of ") && has(&lines, "*** all of it is on its way"), "{lines:?}");
    assert!(has(&lines, "*** a@example.org: delivered: 250 2.0.0 Ok: "), "{lines:?}");
    let times = lines.iter().find(|line| line.starts_with("*** connect ")).unwrap();
    for step in ["the greeting", "EHLO", "MAIL", "RCPT", "DATA", "the message", "the answer to it", "in all"]
    {
        assert!(times.contains(&format!(", {step} ")), "{times}");
    }
    let received = backend.wait_for(1);
    assert_eq!(received[0].header("ce-rcptto"), "a@example.org");
    let body = String::from_utf8_lossy(&received[0].body).into_owned();
    assert!(body.contains(&format!("\r\nMessage-ID: {id}\r\n")), "{body}");
    assert!(body.contains("\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"), "{body}");
    assert!(body.ends_with("\r\n\r\na\r\nb\r\n"), "{body}");
}

#[test]
fn several_recipients_have_a_verdict_each() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let arguments = ["--rcpt", "a@example.org", "--rcpt", "b@elsewhere.example", "--rcpt", "c@example.org"];
    let lines = expect(&front_end.smtp, &arguments, 1, "*** delivered to 2 of 3");
    assert!(has(&lines, "*** a@example.org: delivered: 250 "), "{lines:?}");
    assert!(has(&lines, "*** b@elsewhere.example: refused at RCPT: 550 5.7.1 "), "{lines:?}");
    assert!(has(&lines, "*** what to do: `mailchute explain"), "{lines:?}");
    assert!(has(&lines, "*** c@example.org: delivered: 250 "), "{lines:?}");
    assert_eq!(backend.wait_for(1)[0].header("ce-rcptto"), "a@example.org,c@example.org");
}

#[test]
fn over_lmtp_each_recipient_has_its_reply() {
    let backend = Recorder::start();
    let port = free_port();
    let manifests = Manifests::listening_with(port, "profile: LMTP").all_to(backend.address);
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let arguments = ["--lmtp", "--rcpt", "a@example.org", "--rcpt", "b@example.org"];
    let lines = expect(&front_end.smtp, &arguments, 0, "*** delivered");
    assert!(has(&lines, "C: LHLO [127.0.0.1]"), "{lines:?}");
    let sent = lines.iter().position(|line| line == "*** all of it is on its way").unwrap();
    let replies = lines[sent..].iter().filter(|line| line.starts_with("S: 250 "));
    assert_eq!(replies.count(), 2, "{lines:?}");
    let lines = expect(&front_end.smtp, &TAKEN, 1, "*** refused at EHLO: 5");
    assert!(has(&lines, "*** what to do: a listener of `profile: LMTP` wants --lmtp"), "{lines:?}");
}

#[test]
fn over_lmtp_who_has_it_is_told_though_the_connection_breaks() {
    let acts = [("MESSAGE", Act::SayAndClose("250 2.0.0 saved"))];
    let store = Relay::but(&["8BITMIME"], &acts);
    let arguments = ["--lmtp", "--rcpt", "a@example.org", "--rcpt", "b@example.org"];
    let lines = expect(&store.address, &arguments, 69, "*** delivered to 1 of 2");
    assert!(has(&lines, "*** a@example.org: delivered: 250 2.0.0 saved"), "{lines:?}");
    assert!(has(&lines, "*** b@example.org: unavailable: the connection broke "), "{lines:?}");
}

#[test]
fn who_reads_no_further_changes_nothing_about_the_verdict() {
    let front_end = FrontEnd::to(Recorder::deciding(|_| 500).address);
    let to = front_end.smtp.to_string();
    for arguments in [&["send", "--to", &to][..], &["probe", "--to", &to, "--message"]] {
        let mut child = program().args(arguments).args(TAKEN).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(75), "{arguments:?}");
    }
}

#[test]
fn a_refusal_for_now_is_75() {
    let front_end = FrontEnd::to(Recorder::deciding(|_| 500).address);
    expect(&front_end.smtp, &TAKEN, 75, "*** refused at the message: 451 4.3.0 ");
}

#[test]
fn a_size_is_met_to_the_octet_and_a_limit_shows_where_it_is_told() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let sized = |size: &'static str| [&TAKEN[..], &["--size", size]].concat();
    let lines = expect(&front_end.smtp, &sized("1Mi"), 0, "*** delivered");
    assert!(has(&lines, "C: MAIL FROM:<> SIZE=1048576"), "{lines:?}");
    assert!(has(&lines, "C: (a message of 1048576 octets)"), "{lines:?}");
    assert!(backend.wait_for(1)[0].body.len() > 1_048_576);
    let lines = expect(&front_end.smtp, &sized("26Mi"), 1, "*** refused at MAIL: 552 5.3.4 ");
    assert!(has(&lines, "*** what to do: send less by --size"), "{lines:?}");
    let untold = [&sized("26Mi")[..], &["--size-untold"]].concat();
    let lines = expect(&front_end.smtp, &untold, 1, "*** refused at the message: 552 5.3.4 ");
    assert!(has(&lines, "C: MAIL FROM:<>") && !has(&lines, "C: MAIL FROM:<> SIZE"), "{lines:?}");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_message_of_ones_own_is_sent_as_it_is() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message");
    std::fs::write(&file, "Subject: mine\n\n.\n..\nÄ end").unwrap();
    let arguments = [&TAKEN[..], &["--message", file.to_str().unwrap()]].concat();
    let lines = expect(&front_end.smtp, &arguments, 0, "*** delivered");
    assert!(has(&lines, "C: MAIL FROM:<> SIZE=32 BODY=8BITMIME"), "{lines:?}");
    backend.wait_for(1)[0].assert_carries("Subject: mine\r\n\r\n.\r\n..\r\nÄ end\r\n".as_bytes());
    let mut command = program();
    command.args(["send", "--to", &front_end.smtp.to_string(), "--message", "-"]).args(TAKEN);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Subject: piped\r\n\r\n").unwrap();
    assert!(child.wait().unwrap().success());
    backend.wait_for(2)[1].assert_carries(b"Subject: piped\r\n\r\n");
}

#[test]
fn certificates_are_verified_and_what_is_wrong_with_them_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (scene, mode, other) in
        [(Scene::starttls(), "starttls", "implicit"), (Scene::implicit(), "implicit", "starttls")]
    {
        let ca = folder.path().join(mode);
        std::fs::write(&ca, scene.authority.pem()).unwrap();
        let to = scene.front_end.smtp;
        let base = [&TAKEN[..], &["--tls", mode, "--ca", ca.to_str().unwrap()]].concat();
        let named = [&base[..], &["--server-name", "mx.example.org"]].concat();
        let lines = expect(&to, &named, 0, "*** delivered");
        assert!(has(&lines, "*** TLSv1_3, "), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains(", TLS ")), "{lines:?}");
        let lines = expect(&to, &base, 69, "*** unavailable: TLS: ");
        assert!(has(&lines, "*** what to do: call it by the name"), "{lines:?}");
        let strangers = [&TAKEN[..], &["--tls", mode, "--server-name", "mx.example.org"]].concat();
        let lines = expect(&to, &strangers, 69, "*** unavailable: TLS: ");
        assert!(has(&lines, "*** what to do: name by --ca"), "{lines:?}");
        let wrong = [&TAKEN[..], &["--tls", other, "--insecure", "--timeout", "2s"]].concat();
        let lines = expect(&to, &wrong, 69, "*** unavailable: ");
        let hint = format!("--tls {mode}");
        assert!(
            lines.iter().any(|line| line.starts_with("*** what to do: ") && line.contains(&hint)),
            "{lines:?}"
        );
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
    let password = folder.path().join("password");
    let base = [&TAKEN[..], &["--tls", "starttls", "--insecure"]].concat();
    let login = [&base[..], &["--user", "alice", "--password-file", password.to_str().unwrap()]].concat();
    std::fs::write(&password, "pencil\n").unwrap();
    let lines = expect(&front_end.smtp, &login, 0, "*** delivered");
    assert!(has(&lines, "C: AUTH PLAIN (user alice, and the password)"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("pencil") || line.contains("AGFsaWNl")), "{lines:?}");
    std::fs::write(&password, "crayon").unwrap();
    let lines = expect(&front_end.smtp, &login, 1, "*** refused at AUTH: 535 5.7.8 ");
    assert!(has(&lines, "*** what to do: look for the user"), "{lines:?}");
    let lines = expect(&front_end.smtp, &base, 1, "*** refused at MAIL: 530 5.7.0 ");
    assert!(has(&lines, "*** what to do: sign in: --user"), "{lines:?}");
}

/// A server that says each of these in answer to a line, the first to none, and what is last amid the message; then it
/// reads nothing for as long as the process lives.
fn saying(replies: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines();
        for reply in replies {
            (&stream).write_all(reply.as_bytes()).unwrap();
            lines.next();
        }
        loop {
            std::thread::park();
        }
    });
    address
}

#[test]
fn a_server_that_has_heard_enough_is_heard() {
    let words =
        &["220 hi\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "552 5.3.4 enough\r\n"];
    let arguments = [&TAKEN[..], &["--size", "50Mi", "--timeout", "20s"]].concat();
    let lines = expect(&saying(words), &arguments, 1, "*** refused at the message: 552 5.3.4 enough");
    assert!(!has(&lines, "C: QUIT") && !has(&lines, "*** all of it"), "{lines:?}");
}

#[test]
fn a_wrong_command_line_is_64_and_what_cannot_be_used_is_65_69_71_and_76() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message");
    std::fs::write(&file, "Subject: x\n\na\rb\n").unwrap();
    let nobody = format!("127.0.0.1:{}", free_port());
    let web = saying(&["HTTP/1.1 400 Bad Request\r\n"]).to_string();
    let (file, absent) = (file.to_str().unwrap(), folder.path().join("absent"));
    let table: [(&str, &[&str], i32, &str); 8] = [
        (&nobody, &[], 64, "--rcpt <ADDRESS>"),
        (&nobody, &["--rcpt", "x"], 64, "mailchute: --rcpt x: "),
        (&nobody, &["--rcpt", "a@b.test", "--size", "1"], 64, "mailchute: --size: the message has "),
        (
            &nobody,
            &["--rcpt", "a@b.test", "--text", "a\rb"],
            64,
            "mailchute: --text: a CR stands alone in line 1",
        ),
        (&nobody, &["--rcpt", "a@b.test", "--message", file], 65, "a CR stands alone in line 3; take it out"),
        (
            &nobody,
            &["--rcpt", "a@b.test", "--message", absent.to_str().unwrap()],
            71,
            "mailchute: can't read ",
        ),
        (&nobody, &["--rcpt", "a@b.test"], 69, "*** what to do: look whether a listener is there"),
        (&web, &["--rcpt", "a@b.test"], 76, "*** what to do: look whether --to is the port of a mail server"),
    ];
    for (to, arguments, code, says) in table {
        let (found, text) = send(&to, arguments);
        assert!(found == code && text.contains(says), "{arguments:?}: {found}\n{text}");
    }
}
