//! TLS with others: versions and ciphers asked for by OpenSSL, messages sent by smtplib.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::run;
use crate::support::scene::{HANDSHAKES, Scene};

fn s_client(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &scene.front_end.smtp.to_string(), "-starttls", "smtp", "-brief"]);
    // `QUIT` ends it.
    command.args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that was refused listens no more.
    let _ = child.stdin.take().unwrap().write_all(b"QUIT\r\n");
    child.wait_with_output().unwrap()
}

/// Whether there was a session, of this version and cipher.
fn is_spoken(scene: &Scene, arguments: &[&str], told: &[&str]) {
    let output = s_client(scene, arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
    told.iter().for_each(|told| assert!(text.contains(told), "{arguments:?}: {text}"));
}

fn is_refused(scene: &Scene, arguments: &[&str], alert: &str) {
    let before = scene.front_end.metric(&[HANDSHAKES, "incompatible"]);
    let output = s_client(scene, arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(alert), "{arguments:?}: {text}");
    scene.handshakes(&["unknown", "incompatible"], before + 1.0);
}

/// OpenSSL itself would not speak what is old.
const LAX: &str = "DEFAULT:@SECLEVEL=0";

#[test]
fn the_old_versions_are_refused_and_the_new_ones_spoken() {
    let scene = Scene::starttls();
    // What they refuse is a hello without signature algorithms, which came with 1.2.
    is_refused(&scene, &["-tls1", "-cipher", LAX], "alert handshake failure");
    is_refused(&scene, &["-tls1_1", "-cipher", LAX], "alert handshake failure");
    is_spoken(&scene, &["-tls1_2"], &["TLSv1.2", "ECDHE-ECDSA-"]);
    is_spoken(&scene, &["-tls1_3"], &["TLSv1.3", "TLS_"]);
}

#[test]
fn min_version_13_refuses_12() {
    let scene = Scene::with("mode: StartTLS, minVersion: \"1.3\"");
    is_refused(&scene, &["-tls1_2"], "alert protocol version");
    is_spoken(&scene, &["-tls1_3"], &["TLSv1.3"]);
}

#[test]
fn only_ciphers_with_forward_secrecy_and_authentication_are_spoken() {
    let scene = Scene::starttls();
    for cipher in
        ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "aNULL", "DHE-RSA-AES128-GCM-SHA256"]
    {
        let cipher = format!("{cipher}:@SECLEVEL=0");
        is_refused(&scene, &["-tls1_2", "-cipher", &cipher], "alert handshake failure");
    }
    for cipher in
        ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    {
        is_spoken(&scene, &["-tls1_2", "-cipher", cipher], &[cipher]);
    }
    for cipher in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
        is_spoken(&scene, &["-tls1_3", "-ciphersuites", cipher], &[cipher]);
    }
}

#[test]
fn smtplib_sends_by_starttls() {
    let scene = Scene::starttls();
    let script = format!(
        "import smtplib, ssl\n\
         context = ssl.create_default_context(cadata='''{}''')\n\
         with smtplib.SMTP('127.0.0.1', {}, local_hostname='client.example', timeout=30) as client:\n\
         \x20   client._host = 'mx.example.org'\n\
         \x20   client.starttls(context=context)\n\
         \x20   assert client.sendmail('a@client.example', ['b@example.org'], 'Subject: x\\r\\n\\r\\nOne.\\r\\n') == {{}}\n",
        scene.authority.pem(),
        scene.port
    );
    run(Command::new("python3").args(["-c", &script]));
    assert_eq!(scene.backend.received()[0].header("ce-tlsversion"), "TLSv1.3");
}

#[test]
fn a_client_certificate_of_version_1_is_none_and_the_session_goes_on() {
    let scene = Scene::with("mode: StartTLS, clientCertificates: {caSecretRef: {name: partners}}");
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, request, certificate) = (at("key"), at("request"), at("certificate"));
    let new = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj"];
    run(Command::new("openssl").args(new).args(["/CN=old", "-keyout", &key, "-out", &request]));
    // Without extensions it is of version 1.
    let sign = ["x509", "-req", "-in", &request, "-signkey", &key, "-out", &certificate];
    run(Command::new("openssl").args(sign));
    for version in ["-tls1_2", "-tls1_3"] {
        is_spoken(&scene, &[version, "-cert", &certificate, "-key", &key], &["ECDSA"]);
    }
    scene.handshakes(&["full"], 2.0);
}
