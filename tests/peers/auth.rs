//! Clients that sign in: smtplib, swaks, curl, msmtp, and GNU SASL for SCRAM.

use std::process::Command;

use crate::run;
use crate::support::front_end::FrontEnd;
use crate::support::manifests::{Manifests, free_port};
use crate::support::recorder::Recorder;

/// `pencil`.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
const SCRAM: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                     WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn front_end(hash: &str, backend: &Recorder) -> FrontEnd {
    let port = free_port();
    let manifests = Manifests::listening_with(port, "auth: {mode: Require, allowPlaintext: true}");
    FrontEnd::start(port, &manifests.users(&[("user", hash)]).all_to(backend.address), &[])
}

/// One message came, by this user.
fn is_by_user(backend: &Recorder) {
    let received = backend.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("ce-authid"), "user");
}

fn accepted(front_end: &FrontEnd, mechanism: &str, times: f64) {
    let mechanism = format!(r#"mechanism="{mechanism}""#);
    front_end.wait_for_metric(&["mailchute_smtp_auth_total", r#"outcome="accepted""#, &mechanism], times);
}

#[test]
fn smtplib_by_plain_and_login() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let backend = Recorder::start();
        let front_end = front_end(BCRYPT, &backend);
        let script = "import smtplib, sys
client = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), 'client.example')
client.ehlo()
client.user, client.password = 'user', 'pencil'
try:
    client.auth('CRAM-MD5', client.auth_cram_md5)
except smtplib.SMTPAuthenticationError as error:
    assert error.smtp_code == 504, error
mechanism = sys.argv[2]
code, text = client.auth(mechanism, getattr(client, 'auth_' + mechanism.lower()))
assert code == 235, (code, text)
client.sendmail('a@client.example', ['b@example.org'], b'Subject: x\\r\\n\\r\\nText\\r\\n')
client.quit()
client = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), 'client.example')
client.login('user', 'pencil')
client.quit()";
        let port = front_end.smtp.port().to_string();
        run(Command::new("python3").args(["-c", script, &port, mechanism]));
        is_by_user(&backend);
        let times = if mechanism == "PLAIN" { 2.0 } else { 1.0 };
        accepted(&front_end, mechanism, times);
    }
}

#[test]
fn swaks_by_plain_and_login() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let backend = Recorder::start();
        let front_end = front_end(BCRYPT, &backend);
        run(Command::new("swaks")
            .args(["--server", &front_end.smtp.to_string(), "--helo", "client.example"])
            .args(["--from", "a@client.example", "--to", "b@example.org"])
            .args(["--auth", mechanism, "--auth-user", "user", "--auth-password", "pencil"]));
        is_by_user(&backend);
        accepted(&front_end, mechanism, 1.0);
    }
}

#[test]
fn curl_signs_in() {
    let backend = Recorder::start();
    let front_end = front_end(BCRYPT, &backend);
    let folder = tempfile::tempdir().unwrap();
    let message = folder.path().join("message");
    std::fs::write(&message, "Subject: x\r\n\r\nText\r\n").unwrap();
    run(Command::new("curl")
        .args(["--silent", "--show-error", "--user", "user:pencil", "--mail-from", "a@client.example"])
        .args(["--mail-rcpt", "b@example.org", "--login-options", "AUTH=PLAIN", "--upload-file"])
        .arg(&message)
        .arg(format!("smtp://{}", front_end.smtp)));
    is_by_user(&backend);
    accepted(&front_end, "PLAIN", 1.0);
}

#[test]
fn msmtp_signs_in() {
    for (mechanism, hash) in [("plain", BCRYPT), ("login", BCRYPT), ("scram-sha-256", SCRAM)] {
        let backend = Recorder::start();
        let front_end = front_end(hash, &backend);
        let folder = tempfile::tempdir().unwrap();
        let (config, message) = (folder.path().join("config"), folder.path().join("message"));
        std::fs::write(&config, "defaults\n").unwrap();
        std::fs::write(&message, "Subject: x\n\nText\n").unwrap();
        run(Command::new("msmtp")
            .arg(format!("--file={}", config.display()))
            .args(["--host=127.0.0.1", &format!("--port={}", front_end.smtp.port()), "--tls=off"])
            .args([&format!("--auth={mechanism}"), "--user=user", "--passwordeval=echo pencil"])
            .args(["--from=a@client.example", "--", "b@example.org"])
            .stdin(std::fs::File::open(&message).unwrap()));
        is_by_user(&backend);
        accepted(&front_end, &mechanism.to_uppercase(), 1.0);
    }
}

#[test]
fn gnu_sasl_by_scram() {
    let front_end = front_end(SCRAM, &Recorder::start());
    let gsasl = |password: &str| {
        Command::new("gsasl")
            .args([
                "--smtp",
                "--no-starttls",
                "--no-cb",
                "--mechanism=SCRAM-SHA-256",
                "--authentication-id=user",
            ])
            .arg(format!("--password={password}"))
            .arg(format!("--connect={}", front_end.smtp))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    };
    gsasl("pencil");
    accepted(&front_end, "SCRAM-SHA-256", 1.0);
    let refused = gsasl("crayon");
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(said.contains("535 5.7.8"), "{said}");
}
