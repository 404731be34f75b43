//! Submission as mail clients are set up for it: they verify our certificate, then sign in inside TLS,
//! by STARTTLS (port 587 elsewhere) and in implicit TLS (465). The hashes are what the tools of
//! operators print: `argon2`, `htpasswd`, and PostgreSQL's or GNU SASL's keys of SCRAM.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::support::certificates::Authority;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;
use crate::{MESSAGE, run};

/// The password of everyone here.
const PASSWORD: &str = "correct horse";
const ARGON2: &str =
    "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHRzYWx0$H5rnCvoHJK5J3ADJ9mc9NL74Ow2lIMZ5zI+CyR256y0";
const BCRYPT: &str = "$2y$05$/v9v91E4mlZ5gBbipifx0emSsFFxQuENr1B/ljHkw.EoErlFrBd.y";
const SCRAM: &str = "SCRAM-SHA-256$65536:AESsSyHR0EOxfhGQ\
                     $Fx4aslCeYEdsBDc0aVvrG3nHKK1N+GOuviFNU0QHRmE=:9DHZdAaz6iyvSSsVTi6UVYdZhfXwuXAdiFSllyBDKIk=";

/// How a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    StartTls,
    Implicit,
}

const BOTH: [Begin; 2] = [Begin::StartTls, Begin::Implicit];

/// A front-end for submission, and the files that clients are given.
struct Submission {
    front_end: FrontEnd,
    backend: Recorder,
    implicit: u16,
    folder: TempDir,
}

impl Submission {
    /// Of these users, each with the hash of [`PASSWORD`].
    fn of(users: &[(&str, &str)]) -> Self {
        let ours = Authority::new();
        let backend = Recorder::start();
        let (port, implicit) = (free_port(), free_port());
        let fields =
            |mode| format!("profile: Submission, tls: {{mode: {mode}, certificateRefs: [{{name: mx}}]}}");
        let manifests = Manifests::listening_with(port, &fields("StartTLS"))
            .listener("implicit", implicit, &fields("Implicit"))
            .certificate("mx", &ours.server(&["127.0.0.1"]))
            .users(users)
            .all_to(backend.address);
        let front_end = FrontEnd::start(port, &manifests, &[]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ours.crt"), ours.pem()).unwrap();
        std::fs::write(folder.path().join("message"), MESSAGE).unwrap();
        Self { front_end, backend, implicit, folder }
    }

    fn port(&self, begin: Begin) -> String {
        let port = if begin == Begin::StartTls { self.front_end.smtp.port() } else { self.implicit };
        port.to_string()
    }

    /// A program that finds `ours.crt` and `message` where it is.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        command
    }

    /// One message came, by this user and inside TLS.
    fn has_one_of(&self, user: &str) {
        let received = self.backend.wait_for(1);
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].header("ce-authid"), user);
        assert_eq!(received[0].header("ce-tlsversion"), "TLSv1.3");
        let body = String::from_utf8_lossy(&received[0].body);
        assert!(body.contains(" with ESMTPSA id "), "{body}");
    }

    fn counted(&self, mechanism: &str, outcome: &str, times: f64) {
        let labels = [format!("mechanism=\"{mechanism}\""), format!("outcome=\"{outcome}\"")];
        self.front_end.wait_for_metric(&["mailchute_smtp_auth_total", &labels[0], &labels[1]], times);
    }
}

fn curl(submission: &Submission, begin: Begin, mechanism: &str, password: &str) -> Output {
    let scheme = if begin == Begin::StartTls { "smtp" } else { "smtps" };
    submission
        .command("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*", "--ssl-reqd"])
        .args(["--cacert", "ours.crt", "--user", &format!("anna:{password}"), "--login-options"])
        .args([
            format!("AUTH={mechanism}"),
            format!("{scheme}://127.0.0.1:{}/client", submission.port(begin)),
        ])
        .args(["--mail-from", "anna@example.org", "--mail-rcpt", "b@example.org", "--upload-file", "message"])
        .output()
        .unwrap()
}

#[test]
fn curl_signs_in_by_plain_and_login() {
    for begin in BOTH {
        for mechanism in ["PLAIN", "LOGIN"] {
            let submission = Submission::of(&[("anna", ARGON2)]);
            let output = curl(&submission, begin, mechanism, PASSWORD);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{begin:?} {mechanism}: {said}");
            submission.has_one_of("anna");
            submission.counted(mechanism, "accepted", 1.0);
        }
    }
}

#[test]
fn curl_knows_a_login_that_is_denied() {
    let submission = Submission::of(&[("anna", ARGON2)]);
    let output = curl(&submission, Begin::Implicit, "PLAIN", "battery staple");
    let said = String::from_utf8_lossy(&output.stderr);
    // CURLE_LOGIN_DENIED: neither a server that fails nor one that hangs up.
    assert_eq!(output.status.code(), Some(67), "{said}");
    submission.counted("PLAIN", "refused", 1.0);
    assert!(submission.backend.received().is_empty());
}

fn swaks(submission: &Submission, arguments: &[&str]) -> Output {
    submission
        .command("swaks")
        .args(["--server", &submission.front_end.smtp.to_string(), "--helo", "client.example"])
        .args(["--from", "bert@example.org", "--to", "b@example.org", "--timeout", "30"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn swaks_signs_in_by_plain_and_login() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let submission = Submission::of(&[("bert", BCRYPT)]);
        let tls = ["--tls", "--tls-verify", "--tls-ca-path", "ours.crt"];
        let auth = ["--auth", mechanism, "--auth-user", "bert", "--auth-password"];
        let output = swaks(&submission, &[&tls[..], &auth, &[PASSWORD]].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{mechanism}: {said}");
        submission.has_one_of("bert");
        let output = swaks(&submission, &[&tls[..], &auth, &["battery staple"]].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("<~* 535 5.7.8 "), "{mechanism}: {said}");
        submission.counted(mechanism, "accepted", 1.0);
        submission.counted(mechanism, "refused", 1.0);
        assert_eq!(submission.backend.received().len(), 1);
    }
}

#[test]
fn swaks_is_offered_nothing_in_the_clear_and_may_send_nothing_unless_signed_in() {
    let submission = Submission::of(&[("bert", BCRYPT)]);
    let output = swaks(&submission, &["--auth", "--auth-user", "bert", "--auth-password", PASSWORD]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && !said.contains(" -> AUTH"), "{said}");
    let output = swaks(&submission, &["--tls"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("<~* 530 5.7.0 "), "{said}");
    assert!(submission.backend.received().is_empty());
}

/// Sends a message with msmtp; gives what it says of a failure.
fn msmtp(submission: &Submission, begin: Begin, mechanism: &str, password: &str) -> Result<(), String> {
    let starttls = if begin == Begin::StartTls { "on" } else { "off" };
    let account = format!(
        "account default\nhost 127.0.0.1\nport {}\nfrom carl@example.org\ntimeout 30\ntls on\n\
         tls_starttls {starttls}\ntls_trust_file ours.crt\nauth {mechanism}\nuser carl\npassword \"{password}\"\n",
        submission.port(begin)
    );
    let path = submission.folder.path().join("msmtprc");
    std::fs::write(&path, account).unwrap();
    // msmtp does not read what others may write or read.
    run(Command::new("chmod").arg("600").arg(&path));
    let mut command = submission.command("msmtp");
    command.args(["--file=msmtprc", "b@example.org"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut message = child.stdin.take().unwrap();
    // It may have left before it reads all.
    let _ = message.write_all(MESSAGE.replace("\r\n", "\n").as_bytes());
    drop(message);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
fn msmtp_signs_in_by_scram() {
    for begin in BOTH {
        let submission = Submission::of(&[("carl", SCRAM)]);
        assert_eq!(msmtp(&submission, begin, "scram-sha-256", PASSWORD), Ok(()));
        submission.has_one_of("carl");
        submission.counted("SCRAM-SHA-256", "accepted", 1.0);
        let said = msmtp(&submission, begin, "scram-sha-256", "battery staple").unwrap_err();
        assert!(said.contains("535 5.7.8 "), "{said}");
        submission.counted("SCRAM-SHA-256", "refused", 1.0);
    }
}

#[test]
fn msmtp_is_offered_scram_only_where_all_have_its_keys() {
    let submission = Submission::of(&[("carl", SCRAM), ("bert", BCRYPT)]);
    let said = msmtp(&submission, Begin::StartTls, "scram-sha-256", PASSWORD).unwrap_err();
    assert!(said.contains("does not support authentication method"), "{said}");
    assert_eq!(msmtp(&submission, Begin::StartTls, "plain", PASSWORD), Ok(()));
    submission.has_one_of("carl");
}

#[test]
fn smtplib_logs_in() {
    let script = "\
import smtplib, ssl, sys
begin, port, password, message = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].encode()
context = ssl.create_default_context(cafile='ours.crt')
if begin == 'Implicit':
    client = smtplib.SMTP_SSL('127.0.0.1', port, 'client.example', timeout=30, context=context)
else:
    client = smtplib.SMTP('127.0.0.1', port, 'client.example', timeout=30)
    client.ehlo()
    assert not client.has_extn('auth'), 'AUTH in the clear'
    client.starttls(context=context)
with client:
    try:
        client.login('anna', 'battery staple')
        sys.exit('signed in with a wrong password')
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
    client.login('anna', password)
    assert client.sendmail('anna@example.org', ['b@example.org'], message) == {}
";
    for begin in BOTH {
        let submission = Submission::of(&[("anna", ARGON2)]);
        let arguments = ["-c", script, &format!("{begin:?}"), &submission.port(begin), PASSWORD, MESSAGE];
        run(submission.command("python3").args(arguments));
        submission.has_one_of("anna");
        submission.backend.received()[0].assert_carries(MESSAGE.as_bytes());
    }
}
