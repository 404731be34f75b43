//! Exim, the one mail server that speaks PRDR as a client: it is told the fate of each recipient behind
//! one message, and only its own log shows that it understood.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::judge::Judge;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::support::server::folder;
use crate::{MESSAGE, run};

/// How Exim sends the octets of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunking {
    /// By BDAT, as it does wherever it is offered CHUNKING.
    Wanted,
    /// By DATA.
    Avoided,
}

/// Has one message sent by an Exim that ends when it is done; gives its log.
fn send(relay: SocketAddr, recipients: &[&str], chunking: Chunking) -> String {
    let folder = folder();
    let configuration = configure(&folder, relay, chunking);
    let mut exim = Command::new("timeout")
        .args(["60", "exim4", "-C", &configuration, "-odf", "-oi", "-f", "a@client.example"])
        .args(recipients)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Exim reads lines as a Unix program does, and writes them as SMTP wants.
    exim.stdin.take().unwrap().write_all(MESSAGE.replace("\r\n", "\n").as_bytes()).unwrap();
    let output = exim.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Exim: {said} (`tests/run` installs it)");
    std::fs::read_to_string(folder.path().join("log/main")).unwrap()
}

/// A configuration that Exim believes, since it is root's, and folders that its own user may write to.
fn configure(folder: &TempDir, relay: SocketAddr, chunking: Chunking) -> String {
    let hosts = if chunking == Chunking::Wanted { "*" } else { "" };
    let at = |name: &str| folder.path().join(name).display().to_string();
    let program = run(Command::new("sh").args(["-c", "command -v exim4"]));
    let text = format!(
        "exim_path = {}\nprimary_hostname = relay.client.example\nspool_directory = {}\n\
         log_file_path = {}/%s\nlog_selector = +smtp_confirmation\nkeep_environment =\nnever_users =\n\
         disable_ipv6\ntimezone = UTC\n\
         begin routers\n\
         out:\n  driver = manualroute\n  domains = example.org\n  transport = smtp\n  \
         route_list = * 127.0.0.1::{}\n  self = send\n\
         bounces:\n  driver = redirect\n  data = :blackhole:\n\
         begin transports\n\
         smtp:\n  driver = smtp\n  allow_localhost\n  hosts_avoid_tls = *\n  \
         hosts_try_chunking = {hosts}\n",
        program.trim(),
        at("spool"),
        at("log"),
        relay.port()
    );
    std::fs::write(at("configuration"), text).unwrap();
    for name in ["spool", "log"] {
        std::fs::create_dir(at(name)).unwrap();
        run(Command::new("chown").args(["Debian-exim", &at(name)]));
    }
    at("configuration")
}

/// The lines of the log that have all of these words.
fn lines<'log>(log: &'log str, words: &[&str]) -> Vec<&'log str> {
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).collect()
}

#[test]
fn one_message_for_two() {
    let backend = Recorder::start();
    let front_end = FrontEnd::to(backend.address);
    let log = send(front_end.smtp, &["anna@example.org", "bert@example.org"], Chunking::Wanted);
    for recipient in ["anna@example.org", "bert@example.org"] {
        assert_eq!(lines(&log, &["> ", recipient, "250 2.0.0 Ok: "]).len(), 1, "{log}");
    }
    assert!(!log.contains("PRDR"), "no verdicts, no PRDR: {log}");
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-rcptto"), "anna@example.org,bert@example.org");
    assert_eq!(received[0].header("ce-helo"), "relay.client.example");
    assert!(received[0].body.ends_with(b"\r\n.one dot\r\n..two dots\r\n.\r\nText\r\n\r\n"));
}

/// Sends to three, of which the backend refuses the second.
fn one_of_three_is_bounced(chunking: Chunking, after: &str) {
    let judge = Judge::refusing("bert@example.org");
    let port = free_port();
    let manifests = Manifests::listening(port).route(
        "all",
        "domain: example.org",
        judge.address(),
        "perRecipientVerdicts: true",
    );
    let front_end = FrontEnd::start(port, &manifests, &[]);
    let recipients = ["anna@example.org", "bert@example.org", "carl@example.org"];
    let log = send(front_end.smtp, &recipients, chunking);
    for recipient in ["anna@example.org", "carl@example.org"] {
        assert_eq!(lines(&log, &["> ", recipient, " PRDR ", "250 2.0.0 Ok: "]).len(), 1, "{log}");
    }
    let refused = ["** bert@example.org", &format!("PRDR error after {after}: 550 5.1.1 No such user")];
    assert_eq!(lines(&log, &refused).len(), 1, "{log}");
    assert_eq!(lines(&log, &["<= <>"]).len(), 1, "one bounce: {log}");
    let heard = judge.heard();
    assert_eq!(heard.len(), 1, "one transaction for all");
    assert_eq!(heard[0].header("ce-rcptto"), Some(recipients.join(",").as_str()));
    front_end.wait_for_metric(&["mailchute_messages_total", "\"partial\""], 1.0);
}

#[test]
fn prdr_behind_data_bounces_that_one_which_the_backend_refuses() {
    one_of_three_is_bounced(Chunking::Avoided, "DATA");
}

#[test]
fn prdr_behind_bdat_bounces_that_one_which_the_backend_refuses() {
    one_of_three_is_bounced(Chunking::Wanted, "BDAT 334 LAST");
}
